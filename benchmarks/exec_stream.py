"""Transfer of the output of a command in a pod to a file, compared with `kubectl exec`."""

import sys
from pathlib import Path

from benchmarks.cluster import CONTAINER, NAMESPACE, POD, bench_pod
from benchmarks.measure import Program, side_by_side
from benchmarks.result import Ratio, Result
from debugcapture.files import sha256_of

ROUNDS = 5
MIB = 256
FILE = "/data/random"
EXEC_STREAM = Path(__file__).parent / "programs" / "exec_stream.py"
TITLE = f"""\
exec-stream: {MIB} MiB of random bytes from a pod into a file, with the start of the process. Each file is compared
with the SHA-256 computed in the pod. Goal: below 80 MB of memory for any size."""


def run() -> Result:
    """Compare debugcapture with kubectl exec."""
    with bench_pod() as pod:
        pod.output("sh", "-c", f"head -c {MIB << 20} /dev/urandom > {FILE}")
        expected = pod.output("sha256sum", FILE).split()[0]

        def is_correct(output: Path) -> bool:
            return sha256_of(output) == expected

        kubectl: list[str | Path] = [
            pod.kubectl,
            f"--kubeconfig={pod.kubeconfig}",
            "exec",
            f"--namespace={NAMESPACE}",
            POD,
        ]
        subject, baseline = side_by_side(
            Program("debugcapture", [sys.executable, EXEC_STREAM, *pod.place, "cat", FILE], is_correct),
            Program("kubectl exec", [*kubectl, f"--container={CONTAINER}", "--", "cat", FILE], is_correct),
            ROUNDS,
        )
    ratio = Ratio("exec-stream", "median wall time / kubectl exec", subject.median_s, baseline.median_s, "s", 1.0)
    return Result(TITLE, subject, baseline, (ratio,), transferred_mb=(MIB << 20) / 1e6)
