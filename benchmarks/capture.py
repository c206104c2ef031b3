"""How soon the evidence of one pod is in the store, from the start of the step to the bundle in S3.

Where the time goes (29 November 2026, two cores under a load of 10, which doubles what is work; 15.0 s in all):

    1.7 s  start: Python, its modules, connection, the choice of the pod
    0.5 s  what the API server knows: state, events, logs, workload, node
    0.9 s  the debug container, until its shell answers
    6.9 s  six tools one after the other, 1.15 s each; 1 s of each waits for a watcher of busybox's timeout
    3.0 s  of the network state: a name server that does not answer
    0.7 s  manifest, page and what is left to upload
"""

import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import lab.kubernetes
from benchmarks.measure import Program, in_turn
from benchmarks.result import Ratio, Result
from benchmarks.rival import rival_python
from benchmarks.s3_bucket import BenchBucket, bench_bucket

ROUNDS = 5
NAMESPACE, WORKLOAD = "shop", "checkout"
PROGRAMS = Path(__file__).parent / "programs"
# The files that both have in the store at the end, and a line of each.
EVIDENCE = {
    "pod.yaml": b"lab.local/checkout",
    "events.txt": b"",
    "workload.yaml": b"kind: Deployment",
    "node.txt": b"localhost",
    f"logs/{WORKLOAD}.log": b"",
    "jvm-threads.txt": b"Found one Java-level deadlock",
    "jvm-info.txt": b"-XX:",
    "jvm-heap-histogram.txt": b"java.lang.String",
    "processes.txt": b"Threads:",
    "network.txt": b"nameserver",
    "disk.txt": b"/proc",
}
TITLE = f"""\
capture: {NAMESPACE}/{WORKLOAD}, a deadlocked JVM in an image without a shell, preset standard, from the start of the
step to the bundle in S3. Theirs is a script by hand, which knows what it looks for: kubectl get, describe, logs, debug,
then exec of jattach, cat and ss, then aws s3 cp. Ours has checksums, masks credentials, makes a page, and ends its
debug container. Once more without findings, to see what these cost."""


def run() -> Result:
    """Compare our step with a script by hand."""
    cluster = lab.kubernetes.endpoint()
    with bench_bucket() as bucket, TemporaryDirectory(prefix="bench-") as scratch:
        settings = {
            "kubeconfig": str(cluster.kubeconfig),
            "image": cluster.toolbox_image,
            "namespace": NAMESPACE,
            "workload": WORKLOAD,
            "preset": "standard",
            "spool": f"{scratch}/spool",
            **bucket.settings,
        }
        words = [f"{name}={value}" for name, value in settings.items()]
        script: list[str | Path] = ["/bin/sh", PROGRAMS / "their_capture.sh", rival_python(), f"{bucket.url}/theirs"]
        place: list[str | Path] = [cluster.kubectl, cluster.kubeconfig, cluster.toolbox_image, NAMESPACE, WORKLOAD]
        ours, unexplained, theirs = in_turn(
            [
                Program("debugcapture", [sys.executable, PROGRAMS / "our_capture.py", *words], _has_all(bucket)),
                Program(
                    "no findings", [sys.executable, PROGRAMS / "our_capture_unexplained.py", *words], _has_all(bucket)
                ),
                Program("by hand", [*script, f"{scratch}/theirs", *place], _has_all(bucket), bucket.environment),
            ],
            ROUNDS,
        )
    ratios = (
        Ratio("capture", "our median time over that of a script by hand", ours.median_s, theirs.median_s, "s", 1.3),
        Ratio("capture-seconds", "our median time, over 5 s", ours.median_s, 5.0, "s", 1.0),
        Ratio("capture-findings", "with findings over without them", ours.median_s, unexplained.median_s, "s", 1.1),
    )
    return Result(TITLE, ours, theirs, ratios, others=(unexplained,))


def _has_all(bucket: BenchBucket) -> Callable[[Path], bool]:
    """Return a check that all `EVIDENCE` has arrived. It also removes the evidence for the next round."""

    def right(_output: Path) -> bool:
        has_evidence = all(any(line in content for content in bucket.contents(name)) for name, line in EVIDENCE.items())
        bucket.clear()
        return has_evidence

    return right
