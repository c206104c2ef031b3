"""Run the collectors on one target; each leaves an artifact in the bundle, or the reason why there is none."""

import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Final

from .bundle import ArtifactFile, Bundle, SizeLimitReachedError
from .cluster import exec as exec_stream
from .cluster.api import Api
from .cluster.debug_container import DebugContainer, attached
from .errors import CaptureError, NothingCaptured
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
    User,
)
from .plan import command_line, debug_profile, decide, is_running, not_there
from .probe import find_pid, find_tool, run_short
from .settings import Profile
from .snapshot import SnapshotFile, snapshot_files

NOBODY: Final = User(65534, 65534)
_ERROR_TAIL_BYTES = 2048
_LOG_LIMIT_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class DebugOptions:
    """What the job's author allows for debug containers."""

    image: str
    profile: Profile
    lives_s: int


class Capture:
    """One capture of one target. It keeps the debug container that its collectors share."""

    def __init__(self, api: Api, pod: Json, target: Target, debug: DebugOptions, say: Callable[[str], None]) -> None:
        """Prepare; `run` does the work."""
        self._api, self._pod, self._target, self._debug, self._say = api, pod, target, debug, say
        self._attached = ExitStack()
        self._place: ContainerRef | None = None
        self._refusal: CaptureError | None = None

    def run(self, collectors: Sequence[Collector], bundle: Bundle, manifest: Manifest) -> Manifest:
        """Run ``collectors`` into ``bundle`` and return the finished manifest; a collector's failure is data in it.

        What only reads the API goes first: it is quick, and the pod may be gone a second later.
        """
        bundle.save(manifest)
        with self._attached:
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
            action = self._decide(collector)
            self._say(f"{collector.title}: {action.why}")
            yield from self._act(action, bundle)
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
                for file in snapshot_files(self._api, self._pod):
                    yield _read(collector, file, bundle, why)
            case RunInTarget(collector, argv, why):
                yield self._run(collector, self._target.ref, argv, bundle, why)
            case RunInDebugContainer(collector, tool, why):
                place = self._debug_container()
                _, output, _ = run_short(self._api, place, tool.find)
                pid = find_pid(tool.pid_pattern, output)
                if pid is None:
                    yield _nothing(collector, why, "skipped", _now(), not_there(collector, self._target))
                else:
                    yield self._run(collector, place, command_line(tool, pid), bundle, why)

    def _debug_container(self) -> ContainerRef:
        """Return the capture's debug container, attached when it is first needed; a refusal is not asked twice."""
        if self._refusal:
            raise self._refusal
        if self._place is None:
            try:
                self._place = self._attach(self._target.user or self._live_user())
            except CaptureError as error:
                self._refusal = error
                raise
        return self._place

    def _attach(self, user: User) -> ContainerRef:
        profile = debug_profile(self._debug.profile, user)
        debug = DebugContainer(self._debug.image, profile, user, self._debug.lives_s)
        return self._attached.enter_context(attached(self._api, self._target, debug, self._say))

    def _live_user(self) -> User:
        """Return the user of the target's first process, which only its image names, as the process itself shows.

        /proc/PID/status is open to everybody, so a container without any right can read it.
        """
        self._say("the pod does not say which user it runs as: looking at its first process")
        debug = DebugContainer(self._debug.image, "restricted", NOBODY, self._debug.lives_s)
        with attached(self._api, self._target, debug, self._say) as place:
            _, output, _ = run_short(self._api, place, ("cat", "/proc/1/status"))
        ids = [re.search(rf"^{name}:\t(\d+)", output, re.MULTILINE) for name in ("Uid", "Gid")]
        if not all(ids):
            raise NothingCaptured(f"cannot see the processes of {self._target}", "its runtime does not share them")
        uid, gid = (int(one.group(1)) for one in ids if one)
        return User(uid, gid)

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
