"""Time and memory to plan a capture of ten thousand pods, compared with listing them by the official client."""

import json
import re
import sys
from pathlib import Path

from benchmarks.baseline import baseline_python
from benchmarks.cluster import NAMESPACE, bench_pod, make_pending_pods
from benchmarks.measure import Program, side_by_side
from benchmarks.result import Result, time_and_memory

ROUNDS = 3
PODS = 10_000
CAPTURE_STEP = Path(__file__).parent / "programs" / "capture_step.py"
CLIENT_NODES = Path(__file__).parent / "programs" / "kubernetes_client_nodes.py"
TITLE = f"""\
many-targets: a dry run that selects and orders {PODS:,} pods of the real API server and assigns them to the indexes of
a Job; kubernetes 35.0.0, as the official plugin uses it, lists name and phase. Goals: 10 s and 300 MB."""


def run() -> Result:
    """Compare the plan of a capture with a list by the official client."""
    with bench_pod() as pod:
        make_pending_pods(pod, PODS)
        settings = {
            "kubeconfig": str(pod.kubeconfig),
            "namespace": NAMESPACE,
            "selector": "app",
            "sample": "false",
            "max_pods": "100000",
            "mode": "in-cluster",
            "job_image": "lab.local/debug-capture:1",
            "store": "file:///tmp",
            "dry_run": "true",
        }
        words = [f"{name}={value}" for name, value in settings.items()]
        subject, baseline = side_by_side(
            Program("plan of a capture", [sys.executable, CAPTURE_STEP, *words], _has_plan),
            Program("kubernetes 35.0.0", [baseline_python(), CLIENT_NODES, str(pod.kubeconfig), NAMESPACE], _has_all),
            ROUNDS,
        )
    return Result(TITLE, subject, baseline, time_and_memory("many-targets", subject, baseline, 0.5))


def _has_plan(output: Path) -> bool:
    text = output.read_text(encoding="utf-8")
    return (
        f"dry run: {PODS} pods in {PODS // 25} indexes" in text and len(re.findall(r"/pending-\d{5}: ", text)) == PODS
    )


def _has_all(output: Path) -> bool:
    return len(json.loads(output.read_text(encoding="utf-8"))) == PODS + 1  # and the pod of bench_pod
