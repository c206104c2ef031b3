"""Transfer of a large file from a container, compared with `kubectl exec cat`."""

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
fetch-file: {MIB} MiB of random bytes from a pod into a file, with its SHA-256. debugcapture compares it with the
SHA-256 computed in the pod at the same time; with kubectl it is only computed here. Goal: below 80 MB of memory."""


def run() -> Result:
    """Compare debugcapture with kubectl exec cat."""
    with bench_pod() as pod, TemporaryDirectory(prefix="bench-") as scratch:
        pod.output("sh", "-c", f"head -c {MIB << 20} /dev/urandom > {FILE}")
        expected = pod.output("sha256sum", FILE).split()[0]

        def is_correct(output: Path) -> bool:
            return output.read_text().split() == [expected]

        subject, baseline = side_by_side(
            Program(
                "debugcapture",
                [sys.executable, PROGRAMS / "fetch_file.py", *pod.place, FILE, f"{scratch}/subject"],
                is_correct,
            ),
            Program(
                "kubectl exec cat",
                ["/bin/sh", PROGRAMS / "kubectl_fetch.sh", pod.kubectl, *pod.place, FILE, f"{scratch}/baseline"],
                is_correct,
            ),
            ROUNDS,
        )
    ratio = Ratio("fetch-file", "median wall time / kubectl exec cat", subject.median_s, baseline.median_s, "s", 1.0)
    return Result(TITLE, subject, baseline, (ratio,), transferred_mb=(MIB << 20) / 1e6)
