"""Time until a command in a new debug container prints its first byte, compared with kubectl.

Each run has its own pod. If all runs share a pod, the kubelet may still be processing the container of the previous
run. After a change, the worker of a pod starts no container until the kubelet has listed the containers of the node,
which it does every second. If a list contains a change, an update that is already queued is processed first. The
results of both programs then have two peaks, 1 s apart. From the log of the kubelet: UPDATE 01.644, list 01.720, sync
without the new container, list 02.722, container created.

The time of each part (30 November 2026; 0.43 to 0.45 s in total, kubectl 0.35 s; a minimal program in Python with
nothing but ssl, http.client and json took 0.34 s):

    0.10 s  start of Python, imports of the libraries: urllib3, yaml, and the standard library
    0.03 s  imports of the step, whose 40 dataclasses take most of it
    0.01 s  reading the pod, adding the container
    0.15 s  start of the container, until an exec reaches it; kubectl waits as long for its own
    0.08 s  exec until the listing of the processes arrives: the container must see them, and run as their user
    0.02 s  the command, in the same exec
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
debug-container: from the start of the program to the first byte of a command in a new debug container, compared with
kubectl debug and kubectl exec, which is retried until the container runs."""


def run() -> Result:
    """Compare the step with kubectl."""
    with bench_pod(bare=True) as pod:
        place = [str(pod.kubeconfig), pod.image, NAMESPACE, POD, CONTAINER]
        first_byte: list[str | Path] = [sys.executable, PROGRAMS / "first_byte.py"]
        subject, baseline = side_by_side(
            Program(
                "debugcapture",
                [*first_byte, sys.executable, PROGRAMS / "attach_step.py", *place, "echo ready"],
                _is_ready,
                before=lambda: renew_bare_pod(pod),
            ),
            Program(
                "kubectl",
                [*first_byte, "/bin/sh", PROGRAMS / "kubectl_attach.sh", pod.kubectl, *place],
                _is_ready,
                before=lambda: renew_bare_pod(pod),
            ),
            ROUNDS,
        )
    ratio = Ratio("debug-container", "median wall time / kubectl", subject.median_s, baseline.median_s, "s", 1.0)
    return Result(TITLE, subject, baseline, (ratio,))


def _is_ready(output: Path) -> bool:
    return output.read_bytes() == b"r"
