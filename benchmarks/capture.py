"""Capture of one pod, from the start of the step to the bundle in S3, compared with a script.

The time of each part, in seconds: on 29 November 2026, at a load of 10, which doubles processor time, and on
30 November 2026 without other load, after run-tool had replaced shell pipelines and tools ran in parallel:

    29 Nov  30 Nov
      1.7     0.6   start of Python, imports, connection, selection of the pod
      0.5     0.3   data from the API server: state, events, logs, workload, node
      0.9     0.3   start of the debug container until it lists the processes
      6.9     0.6   six tools, 0.1 to 0.2 s each; before, 1 s of each was a process of busybox that kept the pipe open
      3.0     1.8   network state: the timeout of a name server; the other tools run at the same time
      0.7     0.6   manifest, findings, page and the rest of the upload
     15.0     4.2   in total
"""

import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import lab.kubernetes
from benchmarks.baseline import baseline_python
from benchmarks.measure import Program, in_turn
from benchmarks.result import Ratio, Result
from benchmarks.s3_bucket import BenchBucket, bench_bucket

ROUNDS = 5
NAMESPACE, WORKLOAD = "shop", "checkout"
PROGRAMS = Path(__file__).parent / "programs"
# The files that each program stores, and a line of each file.
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
step to the bundle in S3, compared with a script for this pod: kubectl get, describe, logs and debug, kubectl exec of
jattach, cat and ss, and aws s3 cp. Only the step verifies checksums, masks credentials, writes a page, and stops its
debug container. A third program is the step without findings."""


def run() -> Result:
    """Compare the step with a script, and with the step without findings."""
    with bench_bucket() as bucket, TemporaryDirectory(prefix="bench-") as scratch:
        subject, without_findings, baseline = in_turn(_programs(bucket, scratch), ROUNDS)
    return Result(
        TITLE,
        subject,
        baseline,
        (
            Ratio("capture", "median wall time / script", subject.median_s, baseline.median_s, "s", 1.3),
            Ratio("capture-seconds", "median wall time / 5 s", subject.median_s, 5.0, "s", 1.0),
            Ratio(
                "capture-findings",
                "median wall time / without findings",
                subject.median_s,
                without_findings.median_s,
                "s",
                1.1,
            ),
        ),
        others=(without_findings,),
    )


def _programs(bucket: BenchBucket, scratch: str) -> list[Program]:
    """Return the step, the step without findings, and the script."""
    cluster = lab.kubernetes.endpoint()
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
    script: list[str | Path] = ["/bin/sh", PROGRAMS / "scripted_capture.sh", baseline_python(), f"{bucket.url}/script"]
    script += [f"{scratch}/script", cluster.kubectl, cluster.kubeconfig, cluster.toolbox_image, NAMESPACE, WORKLOAD]
    without_findings = PROGRAMS / "capture_step_without_findings.py"
    return [
        Program("debugcapture", [sys.executable, PROGRAMS / "capture_step.py", *words], _has_all(bucket)),
        Program("no findings", [sys.executable, without_findings, *words], _has_all(bucket)),
        Program("script", script, _has_all(bucket), bucket.environment),
    ]


def _has_all(bucket: BenchBucket) -> Callable[[Path], bool]:
    """Return a check that the bucket has all `EVIDENCE`. The check also removes it before the next round."""

    def is_correct(_output: Path) -> bool:
        has_evidence = all(any(line in content for content in bucket.contents(name)) for name, line in EVIDENCE.items())
        bucket.clear()
        return has_evidence

    return is_correct
