"""How soon a command's first byte comes through a new debug container.

Each run has its own pod. With one pod for all, a run met the kubelet at work on the container of the run before:
a pod's worker starts nothing until the kubelet has looked at the pod's containers since the last change (each second),
and where that look has news, what is queued already goes first. That made two modes, 1 s apart, of both sides alike
(in the kubelet's log: UPDATE 01.644, look 01.720, sync without the new container, look 02.722, container created).
"""

import sys
from pathlib import Path

from benchmarks.cluster import NAMESPACE, POD, bench_pod, renew_bare_pod
from benchmarks.measure import Program, side_by_side
from benchmarks.result import Ratio, Result

ROUNDS = 15
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
                "debugcapture",
                [*first_byte, sys.executable, PROGRAMS / "our_attach.py", *place, "echo ready"],
                _right,
                before=lambda: renew_bare_pod(pod),
            ),
            Program(
                "kubectl",
                [*first_byte, "/bin/sh", PROGRAMS / "their_attach.sh", pod.kubectl, *place],
                _right,
                before=lambda: renew_bare_pod(pod),
            ),
            ROUNDS,
        )
    ratio = Ratio("debug-container", "our median time over kubectl's", ours.median_s, theirs.median_s, "s", 1.0)
    return Result(TITLE, ours, theirs, (ratio,))


def _right(output: Path) -> bool:
    return output.read_bytes() == b"r"
