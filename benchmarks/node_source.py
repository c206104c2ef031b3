"""What a list of thousands of pods costs Rundeck's server."""

import json
import os
import sys
from pathlib import Path

from benchmarks.cluster import NAMESPACE, bench_pod, make_pending_pods
from benchmarks.measure import Program, side_by_side
from benchmarks.result import Result, time_and_memory
from benchmarks.rival import rival_python

ROUNDS = 3
PODS = 5000
SCRIPT = Path(__file__).parent.parent / "contents" / "k8s-debug-pods.py"
THEIR_NODES = Path(__file__).parent / "programs" / "their_nodes.py"
TITLE = f"""\
node-source: {PODS:,} pods of the real API server as Rundeck's nodes. Ours reports state, workload, restarts and what is
wrong of each; theirs, kubernetes 35.0.0 as the official plugin uses it, name and phase. Goals: 3 s and 150 MB."""


def run() -> Result:
    """Compare our node source with the official client."""
    with bench_pod() as pod:
        make_pending_pods(pod, PODS)
        settings = {"KUBECONFIG": str(pod.kubeconfig), "NAMESPACES": NAMESPACE}
        environment = {**os.environ, **{f"RD_CONFIG_{name}": value for name, value in settings.items()}}
        ours, theirs = side_by_side(
            Program("k8s-debug-pods", [sys.executable, SCRIPT], _has_all, environment),
            Program("kubernetes 35.0.0", [rival_python(), THEIR_NODES, str(pod.kubeconfig), NAMESPACE], _has_all),
            ROUNDS,
        )
    return Result(TITLE, ours, theirs, time_and_memory("node-source", ours, theirs, 0.5))


def _has_all(output: Path) -> bool:
    return len(json.loads(output.read_text(encoding="utf-8"))) == PODS + 1  # and the one that every benchmark has
