"""Time and memory of the node source with thousands of pods, compared with the official client."""

import json
import os
import sys
from pathlib import Path

from benchmarks.baseline import baseline_python
from benchmarks.cluster import NAMESPACE, bench_pod, make_pending_pods
from benchmarks.measure import Program, side_by_side
from benchmarks.result import Result, time_and_memory

ROUNDS = 3
PODS = 5000
SCRIPT = Path(__file__).parent.parent / "contents" / "k8s-debug-pods.py"
CLIENT_NODES = Path(__file__).parent / "programs" / "kubernetes_client_nodes.py"
TITLE = f"""\
node-source: {PODS:,} pods of the real API server as Rundeck's nodes. The node source lists state, workload, restarts
and problem of each pod; kubernetes 35.0.0, as the official plugin uses it, name and phase. Goals: 3 s and 150 MB."""


def run() -> Result:
    """Compare the node source with the official client."""
    with bench_pod() as pod:
        make_pending_pods(pod, PODS)
        settings = {"KUBECONFIG": str(pod.kubeconfig), "NAMESPACES": NAMESPACE}
        environment = {**os.environ, **{f"RD_CONFIG_{name}": value for name, value in settings.items()}}
        subject, baseline = side_by_side(
            Program("k8s-debug-pods", [sys.executable, SCRIPT], _has_all, environment),
            Program("kubernetes 35.0.0", [baseline_python(), CLIENT_NODES, str(pod.kubeconfig), NAMESPACE], _has_all),
            ROUNDS,
        )
    return Result(TITLE, subject, baseline, time_and_memory("node-source", subject, baseline, 0.5))


def _has_all(output: Path) -> bool:
    return len(json.loads(output.read_text(encoding="utf-8"))) == PODS + 1  # and the pod of bench_pod
