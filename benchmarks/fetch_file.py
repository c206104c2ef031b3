"""How fast a file of the size of a heap dump arrives completely from a container."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.cluster import bench_pod
from benchmarks.measure import Program, side_by_side
from benchmarks.result import Ratio, Result

ROUNDS = 2
MIB = 1024
FILE = "/data/dump"
PROGRAMS = Path(__file__).parent / "programs"
TITLE = f"""\
fetch-file: {MIB} MiB of random bytes from a pod into a file, with its SHA-256. Ours is compared with the original's,
which is summed meanwhile; kubectl exec cat is only summed here. Our memory has to stay below 80 MB."""


def run() -> Result:
    """Compare our transfer with kubectl exec cat."""
    with bench_pod() as pod, TemporaryDirectory(prefix="bench-") as scratch:
        pod.output("sh", "-c", f"head -c {MIB << 20} /dev/urandom > {FILE}")
        expected = pod.output("sha256sum", FILE).split()[0]

        def right(output: Path) -> bool:
            return output.read_text().split() == [expected]

        ours, theirs = side_by_side(
            Program(
                "debugcapture", [sys.executable, PROGRAMS / "our_fetch.py", *pod.place, FILE, f"{scratch}/ours"], right
            ),
            Program(
                "kubectl exec cat",
                ["/bin/sh", PROGRAMS / "their_fetch.sh", pod.kubectl, *pod.place, FILE, f"{scratch}/theirs"],
                right,
            ),
            ROUNDS,
        )
    ratio = Ratio("fetch-file", "our median wall time over kubectl's", ours.median_s, theirs.median_s, "s", 1.0)
    return Result(TITLE, ours, theirs, (ratio,), transferred_mb=(MIB << 20) / 1e6)
