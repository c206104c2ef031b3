"""The optional node of the lab: only its own workloads run on it, and it starts only if it is named."""

from __future__ import annotations

from typing import Any

import pytest

from lab.__main__ import PARTS, standard_parts
from lab.modern_node.names import NAMESPACE, NODE, PART, RUNTIMES, TAINT
from lab.modern_node.workloads import EXPECTED, IMAGES, SHARED, manifests, runtime_class

KEYS = dict.fromkeys(IMAGES, "key")


def template(manifest: dict[str, Any]) -> dict[str, Any]:
    pod: dict[str, Any] = manifest["spec"]["template"]
    return pod


def test_it_starts_only_if_it_is_named() -> None:
    assert PART in PARTS
    assert PART not in {part.name for part in standard_parts()}


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_each_workload_uses_the_runtime_and_has_names_of_its_own(runtime: str) -> None:
    workloads = manifests(runtime, KEYS)
    assert {item["metadata"]["namespace"] for item in workloads} == {NAMESPACE}
    assert {template(item)["spec"]["runtimeClassName"] for item in workloads} == {runtime}
    apps = {template(item)["metadata"]["labels"]["app"] for item in workloads}
    assert len(apps) == len(workloads)
    assert apps == {name for name in EXPECTED.ready if name.endswith(f"-{runtime}")}


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_the_runtime_class_selects_the_node_and_tolerates_its_taint(runtime: str) -> None:
    scheduling = runtime_class(runtime)["scheduling"]
    assert scheduling["nodeSelector"] == {"kubernetes.io/hostname": NODE}
    assert [toleration["key"] for toleration in scheduling["tolerations"]] == [TAINT]


def test_one_pod_shares_its_processes_between_two_containers() -> None:
    pods = {item["metadata"]["name"]: template(item)["spec"] for item in manifests("crun", KEYS)}
    shared = [name for name, pod in pods.items() if pod.get("shareProcessNamespace")]
    assert shared == [f"{SHARED}-crun"]
    assert [container["name"] for container in pods[f"{SHARED}-crun"]["containers"]] == ["java17-full", "neighbor"]
