"""Restarts and rollbacks of a separate Deployment: they wait, report the result, and respect the gate."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import lab.kubernetes
from debugcapture.bundle.bundle import Bundle
from debugcapture.errors import GateClosed, NotAllowed, RolloutNotReady
from debugcapture.kube.values import REVISION
from debugcapture.runtime.exit_codes import NOT_RESTARTED, exit_code
from debugcapture.settings.declare import read
from debugcapture.settings.forms import RestartStep
from debugcapture.steps.restart import restart
from lab.kubernetes.kubectl import Kubectl
from lab.kubernetes.workloads import grant
from tests.cluster.captures import as_captures, captured, run_context
from tests.cluster.test_incidents import deployment
from tests.simulator import simulator

pytestmark = pytest.mark.xdist_group("restarts")  # one Deployment, which each test changes

INCIDENT = "Q1RESTART00001"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A Deployment, and a capture of it that is in a store."""
    cluster = lab.kubernetes.endpoint()
    kubectl = Kubectl(cluster.kubectl, cluster.kubeconfig)
    name = f"test-{secrets.token_hex(4)}"
    kubectl("create", "namespace", name)
    kubectl("apply", f"--namespace={name}", "-f", "-", stdin=json.dumps(deployment("checkout")))
    kubectl("rollout", "status", f"--namespace={name}", "deployment/checkout", "--timeout=60s")
    spool = tmp_path_factory.mktemp("spool")
    store = tmp_path_factory.mktemp("store").as_uri()
    run = captured(spool, namespace=name, workload="checkout", collectors="pod-snapshot", store=store)
    yield Shop(kubectl, name, spool, run.folder)
    kubectl("delete", "namespace", name, "--wait=false")


class Shop:
    def __init__(self, kubectl: Kubectl, namespace: str, spool: Path, bundle: Path) -> None:
        self._kubectl, self.namespace, self.spool, self.bundle = kubectl, namespace, spool, bundle
        self.log: list[str] = []

    def restart(self, **options: str) -> str:
        cluster = lab.kubernetes.endpoint()
        common = {"kubeconfig": str(cluster.kubeconfig), "bundle": str(self.bundle), "spool": str(self.spool)}
        common["rollout_limit_s"] = "120"
        self.log.clear()
        step = read(RestartStep, {**common, **options})
        return restart(step, run_context(self.spool, self.log)).data["restart"]

    def uids(self) -> set[str]:
        """The names of the pods that must stay."""
        pods = self._kubectl.json("get", "pods", f"--namespace={self.namespace}")["items"]
        return {pod["metadata"]["uid"] for pod in pods if "deletionTimestamp" not in pod["metadata"]}

    def revision(self) -> str:
        deployment = self._kubectl.json("get", "deployment", "checkout", f"--namespace={self.namespace}")
        return str(deployment["metadata"]["annotations"][REVISION])

    def spec(self) -> dict[str, Any]:
        deployment: dict[str, Any] = self._kubectl.json(
            "get", "deployment", "checkout", f"--namespace={self.namespace}"
        )
        spec: dict[str, Any] = deployment["spec"]
        return spec

    def grant(self, size: str) -> None:
        grant(self._kubectl, self.namespace, size)

    def change(self, *arguments: str) -> None:
        self._kubectl(*arguments, f"--namespace={self.namespace}")


def test_a_restart_creates_new_pods_and_waits_for_them(shop: Shop, tmp_path: Path) -> None:
    before = shop.uids()
    with simulator(tmp_path / "pagerduty") as pagerduty:
        pagerduty.create(INCIDENT)
        result = shop.restart(**pagerduty.settings(INCIDENT))
        (note,) = pagerduty.notes(INCIDENT)
    assert result.startswith(f"rollout restart of deployment {shop.namespace}/checkout: done after ")
    assert result.endswith("1 of 1 pods are available")
    assert not before & shop.uids()
    assert note.splitlines()[:2] == [f"Restarted: rollout restart of deployment {shop.namespace}/checkout", result]
    assert f"[debug-capture {shop.bundle.name} restart]" in note


def test_scaling_waits_for_the_pods_and_scales_back(shop: Shop) -> None:
    assert "from 1 to 2: done after" in shop.restart(action="scale", replicas="2")
    assert len(shop.uids()) == 2
    shop.restart(action="scale", replicas="1")
    assert len(shop.uids()) == 1


def test_a_pod_is_deleted_and_created_again(shop: Shop) -> None:
    (before,) = shop.uids()
    pods = shop._kubectl.json("get", "pods", f"--namespace={shop.namespace}")["items"]
    (name,) = [pod["metadata"]["name"] for pod in pods if pod["metadata"]["uid"] == before]
    result = shop.restart(action="delete-pod", namespace=shop.namespace, pod=name, gate="none")
    assert result.startswith(f"delete pod {shop.namespace}/{name}: done")
    assert before not in shop.uids()


def test_a_release_that_does_not_start_is_reported_and_rolled_back(shop: Shop) -> None:
    good = shop.revision()
    shop.change("set", "image", "deployment/checkout", "app=lab.local/no-such-image:1")
    with pytest.raises(
        RolloutNotReady, match=r"not complete after 15 s: .*(ErrImagePull|ImagePullBackOff|ErrImageNeverPull)"
    ):
        shop.restart(rollout_limit_s="15")
    result = shop.restart(action="undo", revision=good)
    assert f" to {good}: done after" in result
    assert shop.spec()["template"]["spec"]["containers"][0]["image"] == "lab.local/pause:1"


def test_a_dry_run_is_checked_by_the_cluster_and_changes_nothing(shop: Shop) -> None:
    before, spec = shop.uids(), shop.spec()
    assert "the API server accepts the change" in shop.restart(dry_run="true")
    assert (shop.uids(), shop.spec()) == (before, spec)


def test_an_insufficient_capture_keeps_the_gate_closed(shop: Shop, tmp_path: Path) -> None:
    before = shop.uids()
    saved = Bundle(shop.bundle).manifest()
    try:
        Bundle(shop.bundle).save(replace(saved, finished=None))
        with simulator(tmp_path / "pagerduty") as pagerduty:
            pagerduty.create(INCIDENT)
            with pytest.raises(GateClosed, match="is partial, but the job requires complete") as closed:
                shop.restart(**pagerduty.settings(INCIDENT))
            (note,) = pagerduty.notes(INCIDENT)
    finally:
        Bundle(shop.bundle).save(saved)
    assert exit_code(closed.value, NOT_RESTARTED) == 8
    assert "is partial, but the job requires complete" in note
    assert shop.uids() == before


def test_nothing_is_restarted_before_the_size_allows_it(shop: Shop) -> None:
    """With the service account of the captures: capture.yaml does not allow it, capture-and-restart.yaml does."""
    who = as_captures()
    shop.grant("capture")
    with pytest.raises(NotAllowed, match="cannot restart deployment"):
        shop.restart(**who, dry_run="true")
    shop.grant("capture-and-restart")
    for action in ("restart", "undo", "scale"):
        assert "the API server accepts the change" in shop.restart(**who, dry_run="true", action=action)
    assert "done after" in shop.restart(**who)
