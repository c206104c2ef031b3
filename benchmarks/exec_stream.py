"""How fast the output of a command in a pod becomes a file, byte for byte."""

import sys
from pathlib import Path

from benchmarks.cluster import CONTAINER, NAMESPACE, POD, bench_pod
from benchmarks.measure import Program, side_by_side
from benchmarks.result import Ratio, Result
from debugcapture.files import sha256_of

ROUNDS = 5
MIB = 256
FILE = "/data/random"
OUR_EXEC = Path(__file__).parent / "programs" / "our_exec.py"
TITLE = f"""\
exec-stream: {MIB} MiB of random bytes from a pod into a file, whole processes. Every file has the SHA-256 that
sha256sum found in the pod. Our memory has to stay below 80 MB, whatever the size."""


def run() -> Result:
    """Compare our exec stream with kubectl's."""
    with bench_pod() as pod:
        pod.output("sh", "-c", f"head -c {MIB << 20} /dev/urandom > {FILE}")
        expected = pod.output("sha256sum", FILE).split()[0]

        def right(output: Path) -> bool:
            return sha256_of(output) == expected

        kubectl: list[str | Path] = [
            pod.kubectl,
            f"--kubeconfig={pod.kubeconfig}",
            "exec",
            f"--namespace={NAMESPACE}",
            POD,
        ]
        ours, theirs = side_by_side(
            Program("debugcapture", [sys.executable, OUR_EXEC, *pod.place, "cat", FILE], right),
            Program("kubectl exec", [*kubectl, f"--container={CONTAINER}", "--", "cat", FILE], right),
            ROUNDS,
        )
    ratio = Ratio("exec-stream", "our median wall time over kubectl's", ours.median_s, theirs.median_s, "s", 1.0)
    return Result(TITLE, ours, theirs, (ratio,), transferred_mb=(MIB << 20) / 1e6)
