"""Capture of twenty pods at once, compared with a capture of one pod."""

import json
import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.cluster import NAMESPACE, bench_pod
from benchmarks.measure import Program, side_by_side
from benchmarks.result import Ratio, Result

ROUNDS = 3
PODS = 20
CAPTURE_STEP = Path(__file__).parent / "programs" / "capture_step.py"
TITLE = f"""\
many-pods: snapshot and native stacks of {PODS} pods without a shell, each with its own debug container, compared
with the capture of one of them."""


def run() -> Result:
    """Compare a capture of many pods with that of one."""
    with bench_pod() as pod, TemporaryDirectory(prefix="bench-") as spool:
        template = {
            "metadata": {"labels": {"app": "many"}},
            "spec": {
                "containers": [{"name": "app", "image": "lab.local/pause:1", "imagePullPolicy": "IfNotPresent"}],
                "terminationGracePeriodSeconds": 0,
                "securityContext": {"runAsUser": 1000, "runAsGroup": 1000},
            },
        }
        pod.run("create", "--filename=-", stdin=json.dumps(_deployment(template)))
        pod.run("rollout", "status", f"--namespace={NAMESPACE}", "deployment/many", "--timeout=120s")
        settings = {
            "kubeconfig": str(pod.kubeconfig),
            "image": pod.image,
            "namespace": NAMESPACE,
            "workload": "many",
            "collectors": "pod-snapshot,native-stacks",
            "concurrency": str(PODS),
            "spool": spool,
        }
        words = [f"{name}={value}" for name, value in settings.items()]
        command: list[str | Path] = [sys.executable, CAPTURE_STEP, *words]
        many, single = side_by_side(
            Program(f"{PODS} pods", [*command, f"max_pods={PODS}"], lambda output: _is_complete(output, PODS)),
            Program("1 pod", [*command, "max_pods=1"], lambda output: _is_complete(output, 1)),
            ROUNDS,
        )
    ratio = Ratio("many-pods", f"median wall time of {PODS} pods / 1 pod", many.median_s, single.median_s, "s", 5.0)
    return Result(TITLE, many, single, (ratio,))


def _deployment(template: dict[str, object]) -> dict[str, object]:
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "many", "namespace": NAMESPACE},
        "spec": {"replicas": PODS, "selector": {"matchLabels": {"app": "many"}}, "template": template},
    }


def _is_complete(output: Path, pods: int) -> bool:
    text = output.read_text()
    return "status=complete" in text and len(re.findall(r"Native stacks: complete", text)) == pods
