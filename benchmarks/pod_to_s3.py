"""Transfer of a large file from a pod to S3, compared with `kubectl exec` and `aws s3 cp`.

Processor time to stream 1 GiB (30 November 2026, two processors; 13 s, 22 s of processor time):

    4.5 s  API server, which translates between WebSocket and SPDY, and encrypts
    4.2 s  versitygw, which computes SHA-256 and MD5
    5.8 s  the step: decryption 0.6 s, three checksums of 0.6 s, writing and reading the spool, sending
    4.8 s  containerd 2.2 s, kubelet 1.6 s, containerd's shim 1.0 s
    3.0 s  the kernel, which writes the spool and the store to the disk

kubectl exec and aws s3 cp need 20 to 22 s, most of it in the same servers. While all of them share two processors,
reading and uploading in parallel saves no time. It does if the network is the limit: `pod-to-s3-links`. With
v4.channel.k8s.io, which the API server does not translate, a transfer needs 6 % less; kubectl and this project prefer
v5.
"""

import json
import sys
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.baseline import baseline_python
from benchmarks.cluster import CONTAINER, NAMESPACE, POD, BenchPod, bench_pod
from benchmarks.link import slow_link
from benchmarks.measure import Measurement, Program, in_turn
from benchmarks.result import Ratio, Result
from benchmarks.s3_bucket import BenchBucket, bench_bucket

ROUNDS = 2
MIB = 1024
FILE = "/data/dump"
PROGRAMS = Path(__file__).parent / "programs"
TITLE = f"""\
pod-to-s3: {MIB} MiB of random bytes from a pod into versitygw, by the complete capture step with snapshot and page:
uploaded directly from the pod, and streamed through this machine. Compared with kubectl exec to a file and aws s3 cp,
and with kubectl exec to /dev/null. The API server, the kubelet, the pod and S3 share the processors of this machine."""
LINK_MIB = 256
LINK_MIB_PER_S = 32
LINKS_TITLE = f"""\
pod-to-s3-links: {LINK_MIB} MiB of random bytes from a pod into versitygw, streamed through this machine, if the network
to the API server and the network to S3 transfer {LINK_MIB_PER_S} MiB/s each. Compared with kubectl exec to a file and
aws s3 cp."""


def run() -> Result:
    """Compare the capture step with kubectl exec and aws s3 cp."""
    with (
        bench_pod(host_network=True) as pod,
        bench_bucket() as bucket,
        TemporaryDirectory(prefix="bench-") as scratch,
    ):
        pod.output("sh", "-c", f"head -c {MIB << 20} /dev/urandom > {FILE}")
        is_correct = bucket.has_one("dump", pod.output("sha256sum", FILE).split()[0])
        script: list[str | Path] = [
            PROGRAMS / "kubectl_pod_to_s3.sh",
            baseline_python(),
            f"{bucket.url}/dump",
            f"{scratch}/dump",
        ]
        source: list[str | Path] = [pod.kubectl, *pod.place, FILE]
        direct, streamed, copied, discarded = in_turn(
            [
                Program("direct", _capture_step(pod, bucket, scratch, "1"), is_correct),
                Program("streamed", _capture_step(pod, bucket, scratch, "0"), is_correct),
                Program("exec, s3 cp", ["/bin/sh", *script, *source], is_correct, bucket.environment),
                Program("exec > null", ["/bin/sh", PROGRAMS / "kubectl_exec_null.sh", *source], _is_empty),
            ],
            ROUNDS,
        )
    ratios = (
        _ratio("pod-to-s3", "median wall time of direct / exec > null", direct, discarded, 1.2),
        _ratio("pod-to-s3-copy", "direct / exec, s3 cp", direct, copied, 0.67),
        _ratio("pod-to-s3-streamed", "streamed / exec, s3 cp", streamed, copied, 0.7),
    )
    return Result(TITLE, direct, copied, ratios, transferred_mb=(MIB << 20) / 1e6, others=(streamed, discarded))


def run_over_links() -> Result:
    """Compare the streamed capture with kubectl exec and aws s3 cp over slow networks."""
    speed = LINK_MIB_PER_S << 20
    with (
        bench_pod(host_network=True) as pod,
        bench_bucket() as bucket,
        TemporaryDirectory(prefix="bench-") as scratch,
        slow_link(pod.server, speed) as server,
        slow_link(bucket.where.url, speed) as s3,
    ):
        pod.output("sh", "-c", f"head -c {LINK_MIB << 20} /dev/urandom > {FILE}")
        is_correct = bucket.has_one("dump", pod.output("sha256sum", FILE).split()[0])
        kubeconfig = Path(scratch, "kubeconfig")
        kubeconfig.write_text(pod.kubeconfig.read_text().replace(pod.server, server))
        far_pod = replace(pod, kubeconfig=kubeconfig)
        far_bucket = replace(bucket, where=replace(bucket.where, url=s3))
        script: list[str | Path] = [PROGRAMS / "kubectl_pod_to_s3.sh", baseline_python(), f"{bucket.url}/dump"]
        source: list[str | Path] = [f"{scratch}/dump", pod.kubectl, *far_pod.place, FILE]
        streamed, copied = in_turn(
            [
                Program("streamed", _capture_step(far_pod, far_bucket, scratch, "0"), is_correct),
                Program("exec, s3 cp", ["/bin/sh", *script, *source], is_correct, far_bucket.environment),
            ],
            ROUNDS,
        )
    ratio = _ratio("pod-to-s3-links", "streamed / exec, s3 cp", streamed, copied, 0.7)
    return Result(LINKS_TITLE, streamed, copied, (ratio,), transferred_mb=(LINK_MIB << 20) / 1e6)


def _ratio(name: str, measures: str, subject: Measurement, baseline: Measurement, goal: float) -> Ratio:
    return Ratio(name, measures, subject.median_s, baseline.median_s, "s", goal)


def _is_empty(output: Path) -> bool:
    return not output.stat().st_size


def _capture_step(pod: BenchPod, bucket: BenchBucket, scratch: str, direct_upload_mib: str) -> list[str | Path]:
    """Return the command of the capture step, with a collector for a file that already exists."""
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
    return [sys.executable, PROGRAMS / "capture_step.py", *(f"{name}={value}" for name, value in settings.items())]
