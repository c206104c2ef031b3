"""From an incident's alerts to the link in its note, on the real cluster: eight senders, and many alerts at once."""

from __future__ import annotations

import json
import multiprocessing
import re
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

import lab.kubernetes
from debugcapture.bundle.bundle import MANIFEST, Bundle, waiting
from debugcapture.errors import TargetNotFound
from debugcapture.files import sha256_of
from debugcapture.incident.dedup import ATTACHED
from debugcapture.manifest import PAGE
from debugcapture.pagerduty import rate_limit
from debugcapture.pagerduty.note_text import marker
from debugcapture.runtime.exit_codes import exit_code
from debugcapture.settings.declare import read
from debugcapture.steps.capture import capture as run_capture
from debugcapture.steps.incident_target import IncidentTargetStep, find_target
from lab.kubernetes.kubectl import Kubectl
from lab.pagerduty.alerts import Subject, alert_bodies
from tests.cluster.captures import run_context, settings
from tests.simulator import Simulator, simulator

SENDERS = sorted(alert_bodies(Subject("", "x", "x", "x", "x")))
CLUSTER = "lab"
_FASTER = 20  # than PagerDuty allows: test_pace.py is about the limit


def deployment(name: str, replicas: int = 1) -> dict[str, object]:
    """A program that only waits, and ends on SIGTERM."""
    container = {"name": "app", "image": "lab.local/pause:1", "imagePullPolicy": "IfNotPresent"}
    labels = {"app": name}
    spec = {"containers": [container], "terminationGracePeriodSeconds": 1, "securityContext": {"runAsUser": 1000}}
    template = {"metadata": {"labels": labels}, "spec": spec}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template},
    }


@pytest.fixture(scope="module")
def subject() -> Iterator[Subject]:
    """A Deployment that only these tests use."""
    cluster = lab.kubernetes.endpoint()
    kubectl = Kubectl(cluster.kubectl, cluster.kubeconfig)
    name = f"test-{secrets.token_hex(4)}"
    kubectl("create", "namespace", name)
    kubectl("apply", f"--namespace={name}", "-f", "-", stdin=json.dumps(deployment("checkout")))
    kubectl("rollout", "status", f"--namespace={name}", "deployment/checkout", "--timeout=60s")
    (pod,) = kubectl.json("get", "pods", f"--namespace={name}")["items"]
    yield Subject(CLUSTER, name, "checkout", pod["metadata"]["name"], "app")
    kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def pagerduty(tmp_path: Path) -> Iterator[Simulator]:
    with simulator(tmp_path / "pagerduty") as pagerduty:
        yield pagerduty


def capture(pagerduty: Simulator, spool: Path, incident: str, log: list[str], **more: str) -> dict[str, str]:
    store = spool.parent / "store"
    store.mkdir(exist_ok=True)
    common = {"collectors": "pod-snapshot,events", "store": store.as_uri(), "cluster": CLUSTER}
    step = settings(**{**common, **pagerduty.settings(incident), **more})
    return dict(run_capture(step, run_context(spool, log)).data)


@pytest.mark.parametrize("sender", SENDERS)
def test_an_alert_of_each_sender_leads_to_a_note_with_the_link(
    sender: str, subject: Subject, pagerduty: Simulator, tmp_path: Path
) -> None:
    pagerduty.create("Q1ALERT000001", alert_bodies(subject)[sender])
    log: list[str] = []
    data = capture(pagerduty, tmp_path / "spool", "Q1ALERT000001", log)
    assert data["status"] == "complete", log
    (note,) = pagerduty.notes("Q1ALERT000001")
    assert note.startswith(f"Debug state of {subject.namespace}/{subject.pod} (container app): complete")
    assert data["link"] in note
    assert any(f"from an alert of {sender}" in line for line in log), log


def test_the_target_is_output_for_later_steps(subject: Subject, pagerduty: Simulator, tmp_path: Path) -> None:
    pagerduty.create("Q1ALERT000001", *alert_bodies(subject).values())
    kubeconfig = str(lab.kubernetes.endpoint().kubeconfig)
    step = read(IncidentTargetStep, {"kubeconfig": kubeconfig, **pagerduty.settings("Q1ALERT000001")})
    data = find_target(step, run_context(tmp_path, [])).data
    assert (data["namespace"], data["pod"]) == (subject.namespace, subject.pod)
    assert (data["container"], data["workload"]) == ("app", "checkout")


def test_an_incident_without_a_pod_reports_what_was_examined(pagerduty: Simulator, tmp_path: Path) -> None:
    pagerduty.create("Q1ALERT000001", {"x": "disk is full"}, title="Disk of db-1 is full")
    for _ in range(2):  # delivered twice
        with pytest.raises(TargetNotFound) as caught:
            capture(pagerduty, tmp_path / "spool", "Q1ALERT000001", [])
        assert exit_code(caught.value) == 3
    (note,) = pagerduty.notes("Q1ALERT000001")
    assert "searched “Disk of db-1 is full”; its alerts name no pod or workload" in note


def test_an_alert_about_another_cluster_is_left_to_it(subject: Subject, pagerduty: Simulator, tmp_path: Path) -> None:
    pagerduty.create("Q1ALERT000001", alert_bodies(subject)["Datadog"])
    log: list[str] = []
    assert capture(pagerduty, tmp_path / "spool", "Q1ALERT000001", log, cluster="prod") == {}
    assert log[-1] == "incident Q1ALERT000001 is not about a pod of cluster prod"
    assert pagerduty.notes("Q1ALERT000001") == []


def test_an_event_delivered_twice_is_captured_once(subject: Subject, pagerduty: Simulator, tmp_path: Path) -> None:
    pagerduty.create("Q1ALERT000001", alert_bodies(subject)["Grafana"])
    log: list[str] = []
    with ThreadPoolExecutor(4) as deliveries:
        capture_ids = list(
            deliveries.map(lambda _: capture(pagerduty, tmp_path / "spool", "Q1ALERT000001", log), range(4))
        )
    (own_id,) = [capture_id for capture_id in capture_ids if capture_id]
    assert capture(pagerduty, tmp_path / "spool", "Q1ALERT000001", log) == {}
    assert log[-1] == f"incident Q1ALERT000001 already has its capture {own_id['capture_id']}: nothing to do"
    (note,) = pagerduty.notes("Q1ALERT000001")
    assert own_id["link"] in note


def test_200_alerts_about_one_workload_share_a_capture(subject: Subject, pagerduty: Simulator, tmp_path: Path) -> None:
    pagerduty.control(limit_per_minute=_FASTER * 960)
    incidents = [f"Q1ALERT{number:06}" for number in range(200)]
    for incident in incidents:
        pagerduty.create(incident, alert_bodies(subject)["Alertmanager"])
    spool = tmp_path / "spool"
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(target=_capture_all, args=(pagerduty, spool, incidents[number::2])) for number in range(2)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * 2
    (bundle,) = [path.parent for path in spool.glob(f"*/{ATTACHED}")]
    notes = [pagerduty.notes(incident) for incident in incidents]
    assert {len(note) for note in notes} == {1}, "each has one note"
    links = {re.findall(r"Evidence: (\S+)", note[0])[0] for note in notes}
    assert len(links) == 1
    assert bundle.name in links.pop()
    assert [request["status"] for request in pagerduty.requests() if request["status"] >= 400] == []


def _capture_all(pagerduty: Simulator, spool: Path, incidents: list[str]) -> None:
    rate_limit.RATE = replace(rate_limit.RATE, per_s=rate_limit.RATE.per_s * _FASTER)
    with ThreadPoolExecutor(20) as threads:
        list(threads.map(lambda incident: capture(pagerduty, spool, incident, []), incidents))


def test_two_runners_with_a_spool_each_share_store_and_incident(
    subject: Subject, pagerduty: Simulator, tmp_path: Path
) -> None:
    """As on Enterprise Runners without a shared disk, two jobs capture the same pod at the same time."""
    pagerduty.create("Q1ALERT000001")
    store = tmp_path / "store"
    store.mkdir()
    context = multiprocessing.get_context("spawn")
    spools = [tmp_path / f"runner-{number}" / "spool" for number in range(2)]
    options = {"namespace": subject.namespace, "pod": subject.pod, "store": store.as_uri()}
    runners = [context.Process(target=_run, args=(pagerduty, spool, options)) for spool in spools]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join()
    assert [runner.exitcode for runner in runners] == [0, 0]
    stored = {manifest.parent.name: Bundle(manifest.parent) for manifest in store.rglob(MANIFEST)}
    assert len(stored) == 2
    for bundle in stored.values():
        for artifact in bundle.manifest().artifacts:
            assert not artifact.file or sha256_of(bundle.folder / artifact.file) == artifact.sha256
    notes = pagerduty.notes("Q1ALERT000001")
    assert len(notes) == 2
    for capture_id, bundle in stored.items():
        (note,) = [note for note in notes if marker(capture_id) in note]
        assert f"Evidence: {(bundle.folder / PAGE).as_uri()}" in note
    assert [waiting(spool) for spool in spools] == [[], []]


def _run(pagerduty: Simulator, spool: Path, options: dict[str, str]) -> None:
    spool.parent.mkdir()
    capture(pagerduty, spool, "Q1ALERT000001", [], **options)
