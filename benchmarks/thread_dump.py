"""Java thread dump in a running debug container, compared with `kubectl exec`.

Most of the time is one exec session (TLS, API server, kubelet, containerd, runc). The rest is jattach and the JVM
(about 20 ms), run-tool (2 ms), the artifact with its checksum, the manifest, and a check whether the pod was restarted.
kubectl opens the same session after it has started and read its kubeconfig. Before run-tool existed, a tool took 1.1 s,
because a process of busybox's `timeout` kept the output pipe open.
"""

import resource
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from functools import partial
from pathlib import Path

from benchmarks.cluster import NAMESPACE, POD, BenchPod, bench_pod
from benchmarks.measure import Measurement
from benchmarks.result import Ratio, Result
from debugcapture.bundle.bundle import Bundle, create_bundle
from debugcapture.bundle.record import Record
from debugcapture.capture.collect import TargetCapture
from debugcapture.capture.debug_session import DebugOptions, DebugSession
from debugcapture.capture.probe import CaptureScope
from debugcapture.collectors.catalog import choose
from debugcapture.collectors.plan import CapturePolicy
from debugcapture.kube.auth import connect
from debugcapture.kube.client import Api
from debugcapture.manifest import Artifact, Manifest
from debugcapture.settings.cluster import ConnectionSettings
from debugcapture.targets.pods import find_target

ROUNDS = 15
COLLECTOR = "jvm-thread-dump"
JAVA = "lab.local/checkout:1"
MARK = b"Full thread dump"
TITLE = """\
jvm-thread-dump: the collector in a capture whose debug container runs, verified and written to the bundle, compared
with kubectl exec jattach in the same debug container."""


def run() -> Result:
    """Run both in turn. A first round is not counted."""
    with bench_pod(bare=True, image=JAVA) as pod, tempfile.TemporaryDirectory(prefix="bench-") as spool:
        api = Api(connect(ConnectionSettings(kubeconfig=str(pod.kubeconfig))))
        body = api.pod(NAMESPACE, POD)
        target = find_target(body, "", _now())
        with DebugSession(api, target, (), DebugOptions(pod.image, "restricted", 600), _ignore) as debug_session:
            debug_container = debug_session.attach()
            bundle, added = create_bundle(Path(spool), POD, _now()), list[Artifact]()
            record = Record(bundle, Manifest(bundle.folder.name, _now(), None, target, {}), added.append)
            scope = CaptureScope(body, target, CapturePolicy("restricted", debug_image=True))
            capture = TargetCapture(api, scope, debug_session, record, _ignore)
            kubectl = _kubectl(
                pod, debug_container.ref.container, min(process.pid for process in debug_container.listing.processes)
            )
            dump = partial(capture.run, choose(COLLECTOR).collectors)
            rounds = [_round(dump, added, bundle, kubectl) for _ in range(ROUNDS + 1)]
    return _result(rounds[1:])


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _ignore(_line: str) -> None:
    pass


def _round(
    dump: Callable[[], None], added: list[Artifact], bundle: Bundle, kubectl: Sequence[str]
) -> tuple[float, float, bool]:
    """Return the seconds of the capture and of kubectl, and whether both outputs are correct."""
    start = time.perf_counter()
    dump()
    capture_s = time.perf_counter() - start
    file = bundle.folder / added[-1].file
    is_correct = added[-1].integrity == "verified" and MARK in file.read_bytes()
    start = time.perf_counter()
    output = subprocess.run(kubectl, check=True, capture_output=True).stdout
    return capture_s, time.perf_counter() - start, is_correct and MARK in output


def _kubectl(pod: BenchPod, container: str, pid: int) -> list[str]:
    kubectl = [str(pod.kubectl), f"--kubeconfig={pod.kubeconfig}", f"--namespace={NAMESPACE}"]
    return [*kubectl, "exec", POD, f"--container={container}", "--", "jattach", str(pid), "threaddump", "-l"]


def _result(rounds: Sequence[tuple[float, float, bool]]) -> Result:
    capture_s, kubectl_s, are_correct = zip(*rounds, strict=True)
    peaks = [resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    subject = Measurement("debugcapture", capture_s, peaks[0], all(are_correct))
    baseline = Measurement("kubectl exec jattach", kubectl_s, peaks[1], all(are_correct))
    ratio = Ratio(COLLECTOR, "median wall time / kubectl exec", subject.median_s, baseline.median_s, "s", 1.5)
    return Result(TITLE, subject, baseline, (ratio,))
