"""A Java thread dump from a debug container that runs already.

Where the time goes, ours: one exec session (TLS, API server, kubelet, containerd, runc: most of it), jattach and JVM
(some 20 ms), run-tool (2 ms), the artifact with its checksum, the manifest, and one look whether the pod was restarted.
kubectl opens the same session, after it has started and read its kubeconfig. Before run-tool, a tool of a debug
container took 1.1 s: a watcher that busybox's `timeout` left behind held the output pipe.
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
from benchmarks.measure import Measured
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
jvm-thread-dump: the collector in a capture whose debug container runs, verified and written to the bundle, against
kubectl exec jattach in the same debug container."""


def run() -> Result:
    """Run both in turn; the first try of each is not counted."""
    with bench_pod(bare=True, image=JAVA) as pod, tempfile.TemporaryDirectory(prefix="bench-") as spool:
        api = Api(connect(ConnectionSettings(kubeconfig=str(pod.kubeconfig))))
        body = api.pod(NAMESPACE, POD)
        target = find_target(body, "", _now())
        with DebugSession(api, target, (), DebugOptions(pod.image, "restricted", 600), _say) as debug_session:
            debug_container = debug_session.attach()
            bundle, added = create_bundle(Path(spool), POD, _now()), list[Artifact]()
            record = Record(bundle, Manifest(bundle.folder.name, _now(), None, target, {}), added.append)
            scope = CaptureScope(body, target, CapturePolicy("restricted", debug_image=True))
            capture = TargetCapture(api, scope, debug_session, record, _say)
            kubectl = _kubectl(
                pod, debug_container.ref.container, min(process.pid for process in debug_container.listing.processes)
            )
            dump = partial(capture.run, choose(COLLECTOR).collectors)
            rounds = [_round(dump, added, bundle, kubectl) for _ in range(ROUNDS + 1)]
    return _compared(rounds[1:])


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _say(_line: str) -> None:
    pass


def _round(
    dump: Callable[[], None], added: list[Artifact], bundle: Bundle, kubectl: Sequence[str]
) -> tuple[float, float, bool]:
    """Return how long ours and theirs took, in seconds, and whether both are right."""
    began = time.perf_counter()
    dump()
    duration_s = time.perf_counter() - began
    file = bundle.folder / added[-1].file
    right = added[-1].integrity == "verified" and MARK in file.read_bytes()
    began = time.perf_counter()
    output = subprocess.run(kubectl, check=True, capture_output=True).stdout
    return duration_s, time.perf_counter() - began, right and MARK in output


def _kubectl(pod: BenchPod, container: str, pid: int) -> list[str]:
    kubectl = [str(pod.kubectl), f"--kubeconfig={pod.kubeconfig}", f"--namespace={NAMESPACE}"]
    return [*kubectl, "exec", POD, f"--container={container}", "--", "jattach", str(pid), "threaddump", "-l"]


def _compared(rounds: Sequence[tuple[float, float, bool]]) -> Result:
    ours, theirs, right = zip(*rounds, strict=True)
    peaks = [resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    ours_measured = Measured("debugcapture", ours, peaks[0], all(right))
    rival = Measured("kubectl exec jattach", theirs, peaks[1], all(right))
    ratio = Ratio(COLLECTOR, "our median time over kubectl's", ours_measured.median_s, rival.median_s, "s", 1.5)
    return Result(TITLE, ours_measured, rival, (ratio,))
