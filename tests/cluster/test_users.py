"""The debug container runs as the user of the target, and can read its threads."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

import lab.kubernetes
from debugcapture.runtime.context import RunContext
from debugcapture.settings.declare import read
from debugcapture.settings.forms import CaptureStep
from debugcapture.steps.capture import capture
from lab.kubernetes.kubectl import Kubectl


def deadlocked(security_context: dict[str, Any]) -> dict[str, Any]:
    """A pod of the shop's deadlocked service, with another name and user."""
    container = {
        "name": "app",
        "image": "lab.local/checkout:1",
        "securityContext": security_context,
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
    }
    volumes = [{"name": "tmp", "emptyDir": {}}]
    spec = {"containers": [container], "volumes": volumes, "terminationGracePeriodSeconds": 0}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "deadlocked"}, "spec": spec}


@pytest.mark.parametrize(
    "security_context",
    [{}, {"runAsUser": 1234}, {"runAsUser": 1234, "runAsGroup": 4321}, {"runAsUser": 0}],
    ids=["only the image knows", "a user", "a user and a group", "root"],
)
def test_the_threads_of_every_user_are_captured(
    security_context: dict[str, Any], namespace: str, kubectl: Kubectl, tmp_path: Path
) -> None:
    kubectl("apply", f"--namespace={namespace}", "-f", "-", stdin=json.dumps(deadlocked(security_context)))
    kubectl("wait", f"--namespace={namespace}", "--for=condition=Ready", "pod/deadlocked", "--timeout=60s")
    cluster = lab.kubernetes.endpoint()
    settings = {"kubeconfig": str(cluster.kubeconfig), "namespace": namespace, "pod": "deadlocked"}
    step = read(CaptureStep, settings | {"image": cluster.toolbox_image})
    log: list[str] = []
    outcome = capture(step, RunContext(log.append, io.BytesIO(), io.BytesIO(), tmp_path, "1", {}))
    assert outcome.data["status"] == "complete", log
    assert "Found one Java-level deadlock" in Path(outcome.data["bundle"], "jvm-threads.txt").read_text()
