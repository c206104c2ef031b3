"""How fast a file of the size of a heap dump arrives completely in S3 from a pod."""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.cluster import CONTAINER, NAMESPACE, POD, BenchPod, bench_pod
from benchmarks.measure import Program, in_turn
from benchmarks.result import Ratio, Result
from benchmarks.rival import rival_python
from benchmarks.s3_bucket import BenchBucket, bench_bucket

ROUNDS = 2
MIB = 1024
FILE = "/data/dump"
PROGRAMS = Path(__file__).parent / "programs"
TITLE = f"""\
pod-to-s3: {MIB} MiB of random bytes from a pod into versitygw. Ours is the whole capture step, with snapshot and page:
straight from the pod, and streamed through this machine. Theirs: kubectl exec to a file, then aws s3 cp; and kubectl
exec to /dev/null, which stores nothing. API server, kubelet, pod and S3 share this machine's processors."""


def run() -> Result:
    """Compare our capture with kubectl exec and aws s3 cp."""
    with (
        bench_pod(host_network=True) as pod,
        bench_bucket() as bucket,
        TemporaryDirectory(prefix="bench-") as scratch,
    ):
        pod.output("sh", "-c", f"head -c {MIB << 20} /dev/urandom > {FILE}")
        right = bucket.has_one("dump", pod.output("sha256sum", FILE).split()[0])
        theirs: list[str | Path] = [
            PROGRAMS / "their_pod_to_s3.sh",
            rival_python(),
            f"{bucket.url}/dump",
            f"{scratch}/dump",
        ]
        source: list[str | Path] = [pod.kubectl, *pod.place, FILE]
        direct, streamed, rival, null = in_turn(
            [
                Program("direct", _ours(pod, bucket, scratch, "1"), right),
                Program("streamed", _ours(pod, bucket, scratch, "0"), right),
                Program("exec, s3 cp", ["/bin/sh", *theirs, *source], right, bucket.environment),
                Program("exec > null", ["/bin/sh", PROGRAMS / "their_exec_null.sh", *source], _silent),
            ],
            ROUNDS,
        )
    ratios = (
        _ratio("pod-to-s3", "direct, our median wall time over kubectl exec's", direct.median_s, null.median_s, 1.2),
        _ratio("pod-to-s3-rival", "direct, over exec and aws s3 cp", direct.median_s, rival.median_s, 0.67),
        _ratio("pod-to-s3-streamed", "streamed, over exec and aws s3 cp", streamed.median_s, rival.median_s, 1.0),
    )
    return Result(TITLE, direct, rival, ratios, transferred_mb=(MIB << 20) / 1e6, others=(streamed, null))


def _ratio(name: str, measures: str, ours: float, theirs: float, goal: float) -> Ratio:
    return Ratio(name, measures, ours, theirs, "s", goal)


def _silent(output: Path) -> bool:
    return not output.stat().st_size


def _ours(pod: BenchPod, bucket: BenchBucket, scratch: str, direct_upload_mib: str) -> list[str | Path]:
    """The capture step, with a collector for a dump that is there already."""
    catalog = Path(scratch, "catalog.json")
    collector = {"id": "dump", "title": "Dump", "file": "dump", "kind": "binary", "source": "https://example.org"}
    tool = {"in_image": [{"run": ["true"], "output": FILE}], "time_limit_s": 600, "size_limit_bytes": MIB << 21}
    catalog.write_text(json.dumps([{**collector, **tool}]))
    settings = {
        "kubeconfig": str(pod.kubeconfig),
        "image": pod.image,
        "namespace": NAMESPACE,
        "pod": POD,
        "container": CONTAINER,
        "collectors": "pod-snapshot,dump",
        "catalog": str(catalog),
        "direct_upload_mib": direct_upload_mib,
        "spool": f"{scratch}/spool",
        **bucket.settings,
    }
    return [sys.executable, PROGRAMS / "our_capture.py", *(f"{name}={value}" for name, value in settings.items())]
