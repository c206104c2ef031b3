"""What a hundred pods cost the step's machine: captured by a Job of the cluster, against by the step itself."""

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
OUR_CAPTURE = Path(__file__).parent / "programs" / "our_capture.py"
# Two threads that want one lock; the image has a Python and no shell.
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
fleet: Python stacks of {PODS} pods on one node, each through its own debug container, stored in S3: by a Job of
{PODS // 25} indexes, against the step itself, 20 pods at a time both. What counts is what the step's machine needs."""


def run() -> Result:
    """Compare a capture in the cluster with one by the step."""
    cluster = lab.kubernetes.endpoint()
    kubectl = Kubectl(cluster.kubectl, cluster.kubeconfig)
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--timeout=120s")
    kubectl("create", "namespace", NAMESPACE)
    try:
        fleet = Fleet(kubectl, NAMESPACE)
        fleet.grant()
        _make_pods(fleet)
        with TemporaryDirectory(prefix="bench-") as spool:
            ours, theirs = side_by_side(
                _program("in the cluster", fleet, spool, mode="in-cluster", concurrency="5"),
                _program("by the step", fleet, spool, mode="local", concurrency="20"),
                ROUNDS,
            )
    finally:
        kubectl("delete", "namespace", NAMESPACE, "--wait=false")
    return Result(
        TITLE,
        ours,
        theirs,
        (
            Ratio(
                "fleet-memory",
                "the step's peak memory over that of one that captures",
                ours.peak_mb,
                theirs.peak_mb,
                "MB",
                1.0,
            ),
            Ratio("fleet", "time over that of a step that captures", ours.median_s, theirs.median_s, "s", 1.5),
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
    return Program(name, [sys.executable, OUR_CAPTURE], _complete, {**os.environ, **environment})


def _complete(output: Path) -> bool:
    text = output.read_text()
    pods = re.findall(r"chose (\d+) of \d+ pods", text)
    return "status=complete" in text and pods == [str(PODS)]
