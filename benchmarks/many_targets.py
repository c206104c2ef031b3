"""What it costs to choose and pin the targets among ten thousand pods."""

import json
import re
import sys
from pathlib import Path

from benchmarks.cluster import NAMESPACE, bench_pod, make_pending_pods
from benchmarks.measure import Program, side_by_side
from benchmarks.result import Result, time_and_memory
from benchmarks.rival import rival_python

ROUNDS = 3
PODS = 10_000
OUR_CAPTURE = Path(__file__).parent / "programs" / "our_capture.py"
THEIR_NODES = Path(__file__).parent / "programs" / "their_nodes.py"
TITLE = f"""\
many-targets: {PODS:,} targets of the real API server chosen, ordered, pinned and dealt out to a Job (a dry run of it);
theirs, kubernetes 35.0.0 as the official plugin uses it, lists name and phase. Goals: 10 s and 300 MB."""


def run() -> Result:
    """Compare our planning with a list by the official client."""
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
        ours, theirs = side_by_side(
            Program("plan of a capture", [sys.executable, OUR_CAPTURE, *words], _planned),
            Program("kubernetes 35.0.0", [rival_python(), THEIR_NODES, str(pod.kubeconfig), NAMESPACE], _listed),
            ROUNDS,
        )
    return Result(TITLE, ours, theirs, time_and_memory("many-targets", ours, theirs, 0.5))


def _planned(output: Path) -> bool:
    text = output.read_text(encoding="utf-8")
    return (
        f"dry run: {PODS} pods in {PODS // 25} indexes" in text and len(re.findall(r"/pending-\d{5}: ", text)) == PODS
    )


def _listed(output: Path) -> bool:
    return len(json.loads(output.read_text(encoding="utf-8"))) == PODS + 1  # and the one that every benchmark has
