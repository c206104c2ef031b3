"""Pods as Rundeck nodes, from the real API server, and from the cache while it is unreachable."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

import lab.kubernetes
from debugcapture.errors import NotAllowed, TargetNotFound, Unreachable
from debugcapture.runtime.context import RunContext
from debugcapture.settings.declare import read
from debugcapture.steps.nodes import NodesStep, list_nodes
from lab.kubernetes.kubectl import Kubectl
from lab.process import wait_until
from tests.cluster.objects import Apply, Ready, container, deployment, pod, pod_spec, waits


def listed(folder: Path, **options: str) -> tuple[dict[str, dict[str, Any]], list[str]]:
    """The nodes by name, and the log lines."""
    log: list[str] = []
    output = io.BytesIO()
    settings = {"kubeconfig": str(lab.kubernetes.endpoint().kubeconfig), **options}
    step = read(NodesStep, {name: value for name, value in settings.items() if value})
    list_nodes(step, RunContext(log.append, output, io.BytesIO(), folder, "1", {}))
    return json.loads(output.getvalue()), log


def test_each_pod_is_a_node_with_its_state(
    namespace: str, apply: Apply, ready: Ready, kubectl: Kubectl, tmp_path: Path
) -> None:
    apply(deployment("web", pod_spec(container())))
    apply(pod("crashing", pod_spec(container(["sh", "-c", "exit 7"])), labels={"tier": "back"}))
    ready("pod -l app=web")
    wait_until("a crash loop", lambda: waits(kubectl, namespace, "crashing"), 60)
    nodes, _ = listed(tmp_path, namespaces=namespace)
    assert len(nodes) == 2
    crashing = nodes[f"{namespace}.crashing"]
    assert (crashing["namespace"], crashing["pod"], crashing["container"]) == (namespace, "crashing", "app")
    assert crashing["tags"] == f"{namespace},crashing,unhealthy"
    assert "exit code 7" in crashing["unhealthy"]
    web = next(node for node in nodes.values() if node["workload"] == "web")
    assert (web["state"], web["unhealthy"], web["workloadKind"]) == ("running", "", "ReplicaSet")
    few, _ = listed(tmp_path, namespaces=namespace, pod_selector="tier=back", cluster_name="lab")
    assert list(few) == [f"lab.{namespace}.crashing"]


def test_last_list_is_served_while_the_api_server_is_unreachable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from debugcapture.kube.client import Api

    remote, _ = listed(tmp_path, namespaces="shop")
    assert remote

    def away(*_: object) -> None:
        raise Unreachable("cannot list the pods", "the API server did not respond")

    monkeypatch.setattr(Api, "get", away)
    then, log = listed(tmp_path, namespaces="shop")
    assert then == remote
    assert "Using the list of pods from" in log[0]
    with pytest.raises(Unreachable):
        listed(tmp_path, namespaces="default")


def test_forbidden_list_is_refused_and_not_served_from_the_cache(tmp_path: Path) -> None:
    cluster = lab.kubernetes.endpoint()
    token = {"server": cluster.server, "token": cluster.capture_token_file.read_text().strip()}
    token |= {"ca_certificate": cluster.ca_file.read_text(), "kubeconfig": ""}
    listed(tmp_path, namespaces="shop", **token)
    with pytest.raises((NotAllowed, TargetNotFound)):
        listed(tmp_path, **token)
