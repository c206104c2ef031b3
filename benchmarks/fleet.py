"""Capture of a hundred pods by a Job in the cluster, compared with a capture by the step itself."""

import json
import os
import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import lab.kubernetes
from benchmarks.cluster import NAMESPACE
from benchmarks.measure import Program, side_by_side
from benchmarks.result import Ratio, Result
from debugcapture.settings.declare import written
from lab.kubernetes.kubectl import Kubectl
from tests.cluster.fleet import Fleet

ROUNDS = 1
PODS = 100
CAPTURE_STEP = Path(__file__).parent / "programs" / "capture_step.py"
# Two threads need the same lock. The image contains Python, but no shell.
DEADLOCK = """
import threading, time
lock = threading.Lock()
def work():
    with lock:
        time.sleep(1e6)
for name in ("checkout-1", "checkout-2"):
    threading.Thread(target=work, name=name).start()
"""
TITLE = f"""\
fleet: Python stacks of {PODS} pods on one node, each with its own debug container, stored in S3: by a Job with
{PODS // 25} indexes, and by the step itself. Both capture 20 pods at a time. Only the step's machine is measured."""


def run() -> Result:
    """Compare a capture in the cluster with a capture by the step."""
    cluster = lab.kubernetes.endpoint()
    kubectl = Kubectl(cluster.kubectl, cluster.kubeconfig)
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=120s")
    kubectl("create", "namespace", NAMESPACE)
    try:
        fleet = Fleet(kubectl, NAMESPACE)
        fleet.grant()
        _make_pods(fleet)
        with TemporaryDirectory(prefix="bench-") as spool:
            subject, baseline = side_by_side(
                _program("in the cluster", fleet, spool, mode="in-cluster", concurrency="5"),
                _program("by the step", fleet, spool, mode="local", concurrency="20"),
                ROUNDS,
            )
    finally:
        kubectl("delete", "namespace", NAMESPACE, "--wait=false")
    return Result(
        TITLE,
        subject,
        baseline,
        (
            Ratio(
                "fleet-memory",
                "peak memory of the step / captured by the step",
                subject.peak_mb,
                baseline.peak_mb,
                "MB",
                1.0,
            ),
            Ratio("fleet", "median wall time / captured by the step", subject.median_s, baseline.median_s, "s", 1.5),
        ),
    )


def _make_pods(fleet: Fleet) -> None:
    objects = [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": f"python-{number}"},
            "spec": {
                "replicas": PODS // 4,
                "selector": {"matchLabels": {"app": f"python-{number}"}},
                "template": {"metadata": {"labels": {"app": f"python-{number}"}}, "spec": _pod_spec()},
            },
        }
        for number in range(4)
    ]
    place = f"--namespace={fleet.namespace}"
    fleet.kubectl("apply", place, "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))
    for number in range(4):
        fleet.kubectl("rollout", "status", place, f"deployment/python-{number}", "--timeout=300s")


def _pod_spec() -> dict[str, object]:
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 0,
        "securityContext": {"runAsUser": 1000, "runAsGroup": 1000},
        "containers": [
            {
                "name": "app",
                "image": lab.kubernetes.endpoint().capture_image,
                "imagePullPolicy": "IfNotPresent",
                "command": ["/usr/bin/python3", "-c", DEADLOCK],
            }
        ],
    }


def _program(name: str, fleet: Fleet, spool: str, **settings: str) -> Program:
    step = fleet.step(collectors="pod-snapshot,python-stacks", max_pods=str(PODS), spool=spool, **settings)
    environment = {f"RD_CONFIG_{key.upper()}": value for key, value in written(step).items()}
    return Program(name, [sys.executable, CAPTURE_STEP], _is_complete, {**os.environ, **environment})


def _is_complete(output: Path) -> bool:
    text = output.read_text()
    pods = re.findall(r"chose (\d+) of \d+ pods", text)
    return "status=complete" in text and pods == [str(PODS)]
