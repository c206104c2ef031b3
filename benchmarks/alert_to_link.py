"""How long an incident waits: from PagerDuty's webhook to the first note, and to the link."""

import json
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import lab.kubernetes
import lab.pagerduty
from benchmarks.measure import Measured
from benchmarks.result import Ratio, Result
from lab.demo import notes, running_pod
from lab.pagerduty.alerts import Subject, alert_bodies
from lab.pagerduty.webhooks import incident_event
from lab.project import JOBS, lab_project
from lab.rundeck.webhook import Webhook, listening
from tools.package import slim

ROUNDS = 3
SECRET = "Bearer bench"  # noqa: S105 - of a server that lives for some seconds
TITLE = """\
alert-to-link: a deadlocked service in an image without a shell. Ours: an Alertmanager alert's webhook starts the job in
Rundeck's engine (a JVM and a Python), which finds the pod, captures it with a debug container, stores it in S3 and
edits the incident's note. Theirs: the kubectl commands of a runbook for that pod, whose name is known; nothing is
stored. Our memory is that of the largest process, the JVM."""


def run() -> Result:
    """Compare the whole way with a runbook of kubectl commands."""
    first: list[float] = []
    links: list[float] = []
    theirs: list[float] = []
    captured = True
    with tempfile.TemporaryDirectory(prefix="bench-") as scratch:
        plugin = slim()
        for number in range(ROUNDS):
            note_s, link_s, ok = _ours(plugin, Path(scratch, str(number)), f"Q1BENCH{time.time_ns() % 10**9:09}")
            first.append(note_s)
            links.append(link_s)
            captured &= ok
            theirs.append(_theirs())
    peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    ours, runbook = (
        Measured("to the link", tuple(links), peak_mb, captured),
        Measured("kubectl", tuple(theirs), 0, True),
    )
    note = Measured("to the first note", tuple(first), peak_mb, captured)
    lines = f"{TITLE}\n  webhook to the first note {note.median_s:.2f} s, to the link {ours.median_s:.2f} s (medians)"
    return Result(
        lines,
        ours,
        runbook,
        (
            Ratio("alert-to-note", "first note over kubectl's wall time", note.median_s, runbook.median_s, "s", 2.0),
            Ratio("alert-to-link", "link over kubectl's wall time", ours.median_s, runbook.median_s, "s", 4.0),
        ),
    )


def _ours(plugin: Path, spool: Path, incident: str) -> tuple[float, float, bool]:
    """Return the seconds to the first note and to the link, and whether all went well."""
    project = lab_project(plugin, sys.executable).changed(spool=str(spool)).alerted()
    hook = Webhook.defined_in(JOBS / "webhooks" / "webhooks.yaml", JOBS, "bench", SECRET)
    subject = Subject("lab", "shop", "checkout", running_pod("checkout"), "checkout")
    details = alert_bodies(subject)["Alertmanager"]
    _post(f"{lab.pagerduty.endpoint().url}/_control", {"incident": {"id": incident, "alerts": [details]}})
    with listening(hook, lambda file, options: project.run(file.name, options)) as url:
        started = time.monotonic()
        with ThreadPoolExecutor(1) as pool:
            _post(url, incident_event(incident), Authorization=SECRET)
            ended = pool.submit(lambda: hook.runs[0].result())
            note_s = _until(lambda: bool(notes(incident)), started)
            link_s = _until(lambda: any("Evidence: " in one for one in notes(incident)) or ended.done(), started)
            done = ended.result()
    linked = any(done.data.get("link", "no link") in one for one in notes(incident))
    return note_s, link_s, done.succeeded and linked


def _theirs() -> float:
    """Return the seconds that kubectl needs for what it can get of the same pod."""
    cluster, pod = lab.kubernetes.endpoint(), running_pod("checkout")
    commands = (
        ("get", "pod", pod, "--output=yaml"),
        ("describe", "pod", pod),
        ("get", "events"),
        ("logs", pod, "--timestamps"),
        ("logs", pod, "--timestamps", "--previous"),
        ("describe", "deployment", "checkout"),
        ("rollout", "history", "deployment/checkout"),
        ("get", "replicasets", "--output=yaml"),
        ("exec", pod, "--", "jcmd", "1", "Thread.print"),  # the image has neither: it fails, as it does for people
    )
    started = time.monotonic()
    for command in commands:
        kubectl = [cluster.kubectl, f"--kubeconfig={cluster.kubeconfig}", "--namespace=shop", *command]
        subprocess.run(kubectl, capture_output=True, check=False)
    return time.monotonic() - started


def _until(true: Callable[[], bool], started: float) -> float:
    """Return how long it took from ``started`` until it was ``true``."""
    while not true():
        if time.monotonic() - started > 120:
            raise TimeoutError("no note after two minutes")
        time.sleep(0.05)
    return time.monotonic() - started


def _post(url: str, body: object, **headers: str) -> None:
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request) as answer:
        answer.read()
