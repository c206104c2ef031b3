"""nodes.py: pods as nodes of Rundeck. tests/cluster/test_nodes.py asks the real API server."""

from __future__ import annotations

from typing import Any

import pytest

from debugcapture.listings.nodes import guess_runtime, to_node
from tests.unit.builders import NOON, container, pod, status, terminated


@pytest.mark.parametrize(
    ("fields", "hinted"),
    [
        ({"command": ["/usr/bin/java", "-jar", "app.jar"]}, "jvm"),
        ({"args": ["python3.12", "-m", "shop"]}, "python"),
        ({"env": [{"name": "JAVA_TOOL_OPTIONS", "value": "-Xmx1g"}]}, "jvm"),
        ({"env": [{"name": "LANG"}, {"name": "GOMEMLIMIT"}], "image": "node:22"}, "go"),
        ({"image": "registry.example:5000/library/node:22-slim@sha256:00"}, "node"),
        ({"image": "prom/node-exporter:1"}, ""),
        ({"command": ["/bin/sh", "-c", "java"], "image": "shop"}, ""),
        ({"command": None, "args": None, "env": None, "image": ""}, ""),
    ],
    ids=["program", "argument", "variable", "before the image", "image", "another image", "a shell", "nothing"],
)
def test_spec_hints_at_the_runtime(fields: dict[str, Any], hinted: str) -> None:
    assert guess_runtime(container(**fields)) == hinted


def test_a_pod_cannot_give_itself_tags_or_text_in_attributes() -> None:
    """Node filters and access rules choose by tags, and jobs use attributes in commands."""
    forged = {"kind": "Foo,production", "name": "x,production,payments", "controller": True}
    node = to_node(
        pod(
            metadata={"ownerReferences": [forged]},
            spec={"nodeName": "n,production", "containers": [container(image="x$(id),production")]},
        ),
        "",
        NOON,
    )
    assert node["tags"].split(",")[:2] == ["shop", "checkout-7d9f-abcde"]
    assert node["tags"].count(",") == 2
    assert (node["workload"], node["workloadKind"]) == ("checkout-7d9f-abcde", "")
    assert (node["image"], node["kubernetesNode"]) == ("", "")


def test_a_node_shows_the_pod_and_its_state() -> None:
    crashed = status(
        state={"waiting": {"reason": "CrashLoopBackOff"}}, lastState=terminated("OOMKilled", 137), restartCount=4
    )
    node = to_node(
        pod(spec={"containers": [container(image="php:8")]}, status={"containerStatuses": [crashed]}), "eu", NOON
    )
    assert node["nodename"] == "eu.shop.checkout-7d9f-abcde"
    assert (node["namespace"], node["pod"], node["container"]) == ("shop", "checkout-7d9f-abcde", "app")
    assert (node["runtime"], node["restarts"], node["state"], node["kubernetesNode"]) == (
        "php",
        "4",
        "waiting",
        "node-1",
    )
    assert "OOMKilled" in node["unhealthy"]
    assert node["tags"] == "shop,checkout-7d9f-abcde,unhealthy,eu"
    assert node["ui:icon:name"] == "glyphicon-exclamation-sign"
    assert all(isinstance(value, str) for value in node.values())
