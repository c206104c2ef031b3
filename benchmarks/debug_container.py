"""How soon a command's first byte comes through a new debug container."""

import sys
from pathlib import Path

from benchmarks.cluster import NAMESPACE, POD, bench_pod
from benchmarks.measure import Program, side_by_side
from benchmarks.result import Ratio, Result

ROUNDS = 7
CONTAINER = "app"
PROGRAMS = Path(__file__).parent / "programs"
TITLE = """\
debug-container: from the start of the program to the first byte of a command in a new debug container, against
kubectl debug and kubectl exec, tried until the container runs."""


def run() -> Result:
    """Compare our step with kubectl."""
    with bench_pod(bare=True) as pod:
        place = [str(pod.kubeconfig), pod.image, NAMESPACE, POD, CONTAINER]
        first_byte: list[str | Path] = [sys.executable, PROGRAMS / "first_byte.py"]
        ours, theirs = side_by_side(
            Program(
                "debugcapture", [*first_byte, sys.executable, PROGRAMS / "our_attach.py", *place, "echo ready"], _right
            ),
            Program("kubectl", [*first_byte, "/bin/sh", PROGRAMS / "their_attach.sh", pod.kubectl, *place], _right),
            ROUNDS,
        )
    ratio = Ratio("debug-container", "our median time over kubectl's", ours.median_s, theirs.median_s, "s", 1.1)
    return Result(TITLE, ours, theirs, (ratio,))


def _right(output: Path) -> bool:
    return output.read_bytes() == b"r"
