"""Run the collectors on one target; each leaves an artifact in the bundle, or the reason why there is none."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timezone

from .attachment import Attachment
from .bundle import ArtifactFile, Bundle, SizeLimitReachedError, writable
from .cluster import exec as exec_stream
from .cluster.api import Api
from .errors import CaptureError
from .model import (
    Action,
    Artifact,
    ArtifactOutcome,
    Collector,
    ContainerRef,
    ExitStatus,
    Json,
    Manifest,
    ReadApi,
    RunInDebugContainer,
    RunInTarget,
    Skip,
    Target,
)
from .plan import command_line, decide, is_running, not_there
from .probe import find_pid, find_tool, run_short
from .snapshot import SnapshotFile, snapshot_files

_ERROR_TAIL_BYTES = 2048
_LOG_LIMIT_BYTES = 64 << 20


class Capture:
    """One capture of one target."""

    def __init__(self, api: Api, pod: Json, target: Target, attachment: Attachment, say: Callable[[str], None]) -> None:
        """Prepare; `run` does the work. ``attachment`` is used where the image has no tools."""
        self._api, self._pod, self._target, self._attachment, self._say = api, pod, target, attachment, say

    def run(self, collectors: Sequence[Collector], bundle: Bundle, manifest: Manifest) -> Manifest:
        """Run ``collectors`` into ``bundle`` and return the finished manifest; a collector's failure is data in it.

        What only reads the API goes first: it is quick, and the pod may be gone a second later.
        """
        bundle.save(manifest)
        for collector in sorted(collectors, key=lambda one: not one.reads_api):
            for artifact in self._collect(collector, bundle):
                self._say(_told(artifact))
                manifest = replace(manifest, artifacts=(*manifest.artifacts, artifact))
                bundle.save(manifest)
        manifest = replace(manifest, finished=_now())
        bundle.save(manifest)
        return manifest

    def _collect(self, collector: Collector, bundle: Bundle) -> Iterable[Artifact]:
        started = _now()
        try:
            with writable(bundle.folder):
                yield from self._act(self._decide(collector), bundle)
        except CaptureError as error:
            yield _nothing(collector, "", "failed", started, str(error))

    def _decide(self, collector: Collector) -> Action:
        asks = is_running(self._target) and not collector.reads_api
        found = find_tool(self._api, self._target.ref, collector) if asks else None
        return decide(self._target, collector, found)

    def _act(self, action: Action, bundle: Bundle) -> Iterable[Artifact]:
        match action:
            case Skip(collector, why):
                yield _nothing(collector, "", "skipped", _now(), why)
            case ReadApi(collector, why):
                self._say(f"{collector.title}: {why}")
                for file in snapshot_files(self._api, self._pod):
                    yield _read(collector, file, bundle, why)
            case RunInTarget(collector, argv, why):
                self._say(f"{collector.title}: {why}")
                yield self._run(collector, self._target.ref, argv, bundle, why)
            case RunInDebugContainer(collector, tool, why):
                self._say(f"{collector.title}: {why}")
                place = self._attachment.place()
                _, output, _ = run_short(self._api, place, tool.find)
                pid = find_pid(tool.pid_pattern, output)
                if pid is None:
                    yield _nothing(collector, why, "skipped", _now(), not_there(collector, self._target))
                else:
                    yield self._run(collector, place, command_line(tool, pid), bundle, why)

    def _run(  # noqa: PLR0913 - a collector, where it runs, where its output goes
        self, collector: Collector, place: ContainerRef, argv: Sequence[str], bundle: Bundle, how: str
    ) -> Artifact:
        started, errors = _now(), bytearray()
        with bundle.artifact(collector.file, collector.size_limit_bytes) as file:
            try:
                status = exec_stream.run(
                    self._api,
                    place,
                    argv,
                    stdout=file.write,
                    stderr=lambda piece: _keep_tail(errors, piece),
                    time_limit_s=collector.time_limit_s,
                )
            except SizeLimitReachedError:
                status = ExitStatus(None, "SizeLimit", f"cut at its size limit of {collector.size_limit_bytes} bytes")
        outcome, reason = judge(status, file.bytes, errors.decode(errors="replace"))
        return _artifact(collector.id, collector.title, collector.file, file, started, outcome, how, reason)


def judge(status: ExitStatus, size: int, errors: str) -> tuple[ArtifactOutcome, str]:
    """Return what became of a collector that wrote ``size`` bytes and ended with ``status``, and why."""
    if status.code == 0:
        return ("complete", "") if size else ("failed", "it wrote nothing")
    ended = f"exit code {status.code}" if status.code is not None else status.message
    last = errors.strip().splitlines()[-1:]
    reason = ": ".join([ended, *last])
    return ("truncated" if size else "failed"), reason


def _read(collector: Collector, snapshot: SnapshotFile, bundle: Bundle, how: str) -> Artifact:
    started, reason = _now(), ""
    outcome: ArtifactOutcome = "complete"
    with bundle.artifact(snapshot.file, _LOG_LIMIT_BYTES) as file:
        try:
            for piece in snapshot.read():
                file.write(piece)
        except SizeLimitReachedError:
            outcome, reason = "truncated", f"cut at its size limit of {_LOG_LIMIT_BYTES} bytes"
        except CaptureError as error:
            outcome, reason = ("truncated" if file.bytes else "failed"), str(error)
    if not file.bytes and outcome == "complete":
        outcome, reason = "skipped", "it is empty"
    return _artifact(collector.id, snapshot.title, snapshot.file, file, started, outcome, how, reason)


def _artifact(  # noqa: PLR0913 - the fields of an artifact
    collector: str,
    title: str,
    name: str,
    file: ArtifactFile,
    started: datetime,
    outcome: ArtifactOutcome,
    how: str,
    reason: str,
) -> Artifact:
    took_s = round((_now() - started).total_seconds(), 3)
    kept = name if file.bytes else ""
    return Artifact(collector, title, kept, file.bytes, file.sha256, started, took_s, outcome, how, reason)


def _nothing(collector: Collector, how: str, outcome: ArtifactOutcome, started: datetime, reason: str) -> Artifact:
    took_s = round((_now() - started).total_seconds(), 3)
    return Artifact(collector.id, collector.title, "", 0, "", started, took_s, outcome, how, reason)


def _told(artifact: Artifact) -> str:
    size = f", {artifact.bytes:,} bytes in {artifact.took_s:.1f} s" if artifact.bytes else ""
    reason = f": {artifact.reason}" if artifact.reason else ""
    return f"{artifact.title}: {artifact.outcome}{size}{reason}"


def _keep_tail(kept: bytearray, piece: memoryview) -> None:
    kept.extend(piece)
    del kept[:-_ERROR_TAIL_BYTES]


def _now() -> datetime:
    return datetime.now(timezone.utc)
