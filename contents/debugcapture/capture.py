"""Run the collectors on one target; each leaves artifacts in the bundle, or the reason why there is none."""

import hashlib
import logging
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import PurePosixPath
from threading import Lock

from .artifact_file import ArtifactFile, SizeLimitReachedError
from .attachment import Attachment, Place
from .bundle import Bundle, writable
from .cluster.api import Api
from .cluster.debug_pod import BUSYBOX, HOST
from .errors import CaptureError, NotAllowed, TargetNotFound, one_line
from .leftover import find_leftovers, open_volumes
from .model import (
    FILES,
    Action,
    Artifact,
    ArtifactOutcome,
    Collector,
    ContainerRef,
    Manifest,
    ReadApi,
    RunInDebugContainer,
    RunInTarget,
    Skip,
    Stored,
    Target,
    Tool,
)
from .plan import command_line, filled, is_running, program
from .snapshot import SnapshotFile, snapshot_files
from .survey import Scope, Survey
from .targets import container_id
from .transfer import WROTE_NOTHING, Brought, Limits, fetch_file, run_detached, run_short, run_tool

_LOG = logging.getLogger(__name__)  # heard at Rundeck's log level DEBUG only
_LOG_LIMIT_BYTES = 64 << 20
_DENIED = ("ermission denied", "not permitted", "ptrace", "EPERM", "EACCES")
_WHAT_NEEDS_PROCESSES = "What needs a running process"
_WITH_PODS = ("leftovers", "node-state")
Say = Callable[[str], None]
# $1 is where the node's files are. Each tool is the node's own, and may not be there.
NODE_STATE = r"""
show() { printf '\n== %s\n' "$*"; "$@" 2>&1 | tail -n 2000; }
show dmesg
printf '\n== killed for memory\n'; dmesg 2>/dev/null | grep -iE 'out of memory|oom-kill|killed process'
if [ -x "$1/usr/bin/journalctl" ]; then show chroot "$1" journalctl --unit=kubelet --lines=2000 --no-pager; fi
for tool in /usr/bin/crictl /usr/local/bin/crictl; do
  if [ -x "$1$tool" ]; then show chroot "$1" "$tool" ps --all; fi
done
show cat "$1/proc/meminfo"; show cat "$1/proc/loadavg"
for file in cpu memory io; do [ -r "/proc/pressure/$file" ] && show cat "/proc/pressure/$file"; done
show df -P "$1"
show ps -o pid,ppid,stat,vsz,args
exit 0
"""


class Record:
    """The manifest while it grows: written anew with each artifact, from whichever thread it comes."""

    def __init__(
        self, bundle: Bundle, manifest: Manifest, added: Callable[[Artifact], None] = lambda _artifact: None
    ) -> None:
        """Write ``manifest`` into ``bundle``; ``added`` is called with each artifact that is finished."""
        self.bundle, self._manifest, self._lock, self._added = bundle, manifest, Lock(), added
        bundle.save(manifest)

    @property
    def manifest(self) -> Manifest:
        """Return the manifest as it is now."""
        return self._manifest

    def add(self, artifact: Artifact) -> None:
        """Add an artifact."""
        with self._lock:
            self._save(replace(self._manifest, artifacts=(*self._manifest.artifacts, artifact)))
        self._added(artifact)

    def remark(self, line: str) -> None:
        """Add what was chosen or noticed."""
        with self._lock:
            self._save(replace(self._manifest, remarks=(*self._manifest.remarks, line)))

    def also(self, target: Target) -> None:
        """Add a target that was found on the way."""
        with self._lock:
            self._save(replace(self._manifest, more_targets=(*self._manifest.more_targets, target)))

    def finish(self) -> Manifest:
        """Write down that all is done."""
        with self._lock:
            order = {target.pod: place for place, target in enumerate(self._manifest.targets)}
            artifacts = sorted(self._manifest.artifacts, key=lambda one: order.get(one.pod, 0))
            self._save(replace(self._manifest, artifacts=tuple(artifacts), finished=_now()))
            return self._manifest

    def _save(self, manifest: Manifest) -> None:
        self._manifest = manifest
        self.bundle.save(manifest)


class Capture:
    """One capture of one target."""

    def __init__(self, api: Api, scope: Scope, attachment: Attachment, record: Record, say: Say) -> None:
        """Prepare; `run` does the work. ``attachment`` is used where the image has no tools."""
        self._api, self._scope, self._attachment, self._record, self._say = api, scope, attachment, record, say
        self._target, self._place = scope.target, scope.target.ref
        self._survey = Survey(api, scope, attachment)
        self._direct = scope.direct
        self._reasons: frozenset[str] = frozenset()  # that have been told
        self.gone = False

    def run(self, collectors: Sequence[Collector]) -> None:
        """Run ``collectors``; the failure of one is data in the record, and stops no other.

        What only reads the API goes first: it is quick, and the pod may be gone a second later. `gone` tells afterwards
        whether the pod was.
        """
        for collector in sorted(collectors, key=_order):
            for artifact in self._collect(collector):
                self._say(_told(artifact))
                self._record.add(replace(artifact, pod=self._scope.folder))
        self._notice_restart()

    def _collect(self, collector: Collector) -> Iterator[Artifact]:
        started = _now()
        try:
            with writable(self._record.bundle.folder):
                if collector.id == FILES and not is_running(self._target):
                    yield from self._files_of_stopped(collector)
                else:
                    yield from self._act(self._survey.decide(collector, attach=True))
        except CaptureError as error:
            outcome: ArtifactOutcome = "skipped" if isinstance(error, NotAllowed) and collector.needs else "failed"
            yield from self._once(_nothing(collector, "", outcome, started, str(error)))
        except Exception as error:  # noqa: BLE001 - whatever a container says costs its own artifact, and no other
            _LOG.warning("%s of %s failed", collector.id, self._target, exc_info=True)
            why = f"{type(error).__name__}: {one_line(error)}. Please report this defect."
            yield _nothing(collector, "", "failed", started, why)

    def _once(self, artifact: Artifact) -> Iterator[Artifact]:
        """Yield ``artifact``, but of a preset each reason only once: what keeps one collector out keeps others out."""
        told, self._reasons = artifact.reason in self._reasons, self._reasons | {artifact.reason}
        if not (self._scope.preset and told):
            yield artifact

    def _act(self, action: Action) -> Iterator[Artifact]:
        match action:
            case Skip(collector, why, foreign):
                if not (self._scope.preset and foreign):
                    several = self._scope.preset and not is_running(self._target)
                    shown = replace(collector, title=_WHAT_NEEDS_PROCESSES) if several else collector
                    yield from self._once(_nothing(shown, "", "skipped", _now(), why))
            case ReadApi(collector, why):
                self._say(f"{collector.title}: {why}")
                yield from self._read_all(collector, why)
            case RunInTarget(collector, tool, pids, why):
                self._say(f"{collector.title}: {why}")
                for pid in pids:
                    yield from self._unless_foreign(self._exec(collector, tool, pid, why, several=len(pids) > 1))
            case RunInDebugContainer(collector, pids, why):
                self._say(f"{collector.title}: {why}")
                for pid in pids:
                    yield from self._unless_foreign(self._climb(collector, pid, why, several=len(pids) > 1))

    def _unless_foreign(self, artifact: Artifact) -> Iterator[Artifact]:
        """Yield ``artifact`` unless a preset's tool found out that the process is not of its kind."""
        if not (artifact.outcome == "skipped" and self._scope.preset):
            yield artifact

    def _read_all(self, collector: Collector, why: str) -> Iterator[Artifact]:
        if collector.reads_api in _WITH_PODS:
            yield from (
                self._leftovers(collector) if collector.reads_api == "leftovers" else [self._node_state(collector)]
            )
            return
        have = {one.file for one in self._record.manifest.artifacts}
        for file in snapshot_files(
            self._api, self._scope.pod, self._target, collector.reads_api, self._scope.log_since_s
        ):
            if self._name(file.file) not in have:
                yield self._read(collector, file, why)

    def _leftovers(self, collector: Collector) -> Iterator[Artifact]:
        """Yield what dying processes left on the target's volumes."""
        found = list(
            find_leftovers(self._api, self._scope.pod, self._target, self._attachment, self._survey.has_shell())
        )
        if not found:
            yield _nothing(collector, "", "skipped", _now(), "no dump was left on the container's volumes")
        for place, path, name in found:
            started = _now()
            with self._file(f"left/{name}", collector) as file:
                brought = self._bring(collector, place, path, f"left/{name}", file)
            yield self._artifact(collector, path, f"left/{name}", file, started, brought, "from the container's volume")

    def _files_of_stopped(self, collector: Collector) -> Iterator[Artifact]:
        """Take files of a container that does not run: from its volumes, others from a copy where that is allowed."""
        volumes = open_volumes(self._scope.pod, self._target, self._attachment)
        folders = volumes.folders if volumes else ()
        wanted = collector.from_debug[0].run[5:]
        kept = [path for path in wanted if any(f"/{path}/".startswith(f"{one}/") for one in folders)]
        if volumes and kept:
            how = f"from the container's volumes: {', '.join(folders)}"
            argv = ("tar", "-C", volumes.root, "-cf", "-", *kept)
            yield self._stream(collector, volumes.place, argv, collector.file, how, has_shell=True)
        others = [path for path in wanted if path not in kept]
        if others:
            place = self._attachment.copy_place(self._scope.pod)
            argv = (BUSYBOX, "tar", "-C", "/", "-cf", "-", *others)
            how = "from a copy of the pod that only sleeps: the files are as in its image"
            yield self._stream(collector, place, argv, f"copy-{collector.file}", how, has_shell=False)

    def _node_state(self, collector: Collector) -> Artifact:
        """Look at the node: kernel messages, kubelet, containers."""
        place = self._attachment.node_place()
        argv = ("sh", "-c", NODE_STATE, "debug-capture", HOST)
        return self._stream(collector, place, argv, "node-state.txt", "from a pod on the node", has_shell=True)

    def _stream(  # noqa: PLR0913 - what, where, where to
        self, collector: Collector, place: ContainerRef, argv: Sequence[str], name: str, how: str, *, has_shell: bool
    ) -> Artifact:
        started, limits = _now(), Limits(collector.time_limit_s)
        with self._file(name, collector) as file:
            brought = run_tool(self._api, place, argv, file, limits, has_shell=has_shell)
        return self._artifact(collector, collector.title, name, file, started, brought, how)

    def _exec(self, collector: Collector, tool: Tool, pid: int, why: str, *, several: bool) -> Artifact:
        """Run ``collector`` in the target; where that is denied, a debug container may be allowed to do more."""
        artifact = self._run(collector, tool, self._place, pid, why, several=several)
        if not (_denied(artifact) and collector.from_debug and self._attachment.has_image):
            return artifact
        self._say(f"{collector.title}: denied in the container: {artifact.reason}")
        try:
            return self._climb(collector, pid, "denied in the container itself", several=several)
        except CaptureError as error:
            return replace(artifact, reason=f"{artifact.reason}; {error}")

    def _climb(self, collector: Collector, pid: int, why: str, *, several: bool) -> Artifact:
        """Run ``collector`` with the least privilege that does; more only after less was denied."""
        artifact, profiles = None, self._attachment.rungs(collector.needs)
        for profile in profiles:
            place = self._attachment.place(profile)
            tool = self._debug_tool(collector, place)
            if tool is None:
                missing = " or ".join(dict.fromkeys(program(one) for one in collector.from_debug))
                return _nothing(collector, why, "failed", _now(), f"the debug image has no {missing}")
            how = why if profile == "restricted" else f"{why}, with profile {profile}"
            artifact = self._run(collector, tool, place.ref, pid, how, several=several, ours=True)
            if not _denied(artifact):
                return artifact
            self._say(f"{collector.title}: denied with profile {profile}: {artifact.reason}")
        if artifact is None:
            return _nothing(collector, why, "skipped", _now(), "no security profile that is allowed will do")
        return replace(artifact, reason=f"{artifact.reason} The job allows no more than profile {profiles[-1]}.")

    def _debug_tool(self, collector: Collector, place: Place) -> Tool | None:
        for tool in collector.from_debug:
            if not tool.present or not run_short(self._api, place.ref, tool.present)[0].not_found:
                return tool
        return None

    def _run(  # noqa: PLR0913 - a collector, its tool, where it runs and on what
        self,
        collector: Collector,
        tool: Tool,
        place: ContainerRef,
        pid: int,
        how: str,
        *,
        several: bool,
        ours: bool = False,
    ) -> Artifact:
        started, argv = _now(), command_line(tool, pid)
        name = _numbered(collector.file, pid) if several else collector.file
        has_shell = self._survey.shell or ours
        limits = Limits(collector.time_limit_s, repeatable=collector.invasive == "safe")
        with self._file(name, collector) as file:
            if tool.detached and ours:
                brought = self._run_detached(collector, tool, place, pid, name, file)
            elif tool.output:
                brought = self._run_to_file(collector, tool, place, pid, name, file)
            else:
                brought = run_tool(self._api, place, argv, file, limits, has_shell=has_shell)
        return self._artifact(collector, collector.title, name, file, started, brought, how)

    def _run_detached(  # noqa: PLR0913 - see _run
        self, collector: Collector, tool: Tool, place: ContainerRef, pid: int, name: str, file: ArtifactFile
    ) -> Brought:
        token = secrets.token_hex(4)
        argv = tuple(_named(word, pid, token) for word in tool.run)
        limits = Limits(collector.time_limit_s)
        output = _named(tool.output, pid, token)
        written, ran = run_detached(self._api, place, argv, output, limits, self._say)
        return self._fetched(collector, tool, place, written, name, file, ran)

    def _run_to_file(  # noqa: PLR0913 - see _run
        self, collector: Collector, tool: Tool, place: ContainerRef, pid: int, name: str, file: ArtifactFile
    ) -> Brought:
        token = secrets.token_hex(4)
        argv, output = tuple(_named(word, pid, token) for word in tool.run), _named(tool.output, pid, token)
        said = _Words()
        ran = run_tool(self._api, place, argv, said, Limits(collector.time_limit_s), has_shell=True)
        if ran.outcome == "failed" and ran.reason.startswith(WROTE_NOTHING):
            ran = Brought("complete")
        if ran.outcome == "truncated" and ran.reason.startswith("exit code"):
            ran = Brought("failed", f"{ran.reason}: {said.last_line()}")
        return self._fetched(collector, tool, place, output, name, file, ran)

    def _fetched(  # noqa: PLR0913 - what was run, where, and where to
        self,
        collector: Collector,
        tool: Tool,
        place: ContainerRef,
        path: str,
        name: str,
        file: ArtifactFile,
        ran: Brought,
    ) -> Brought:
        """Fetch what a tool wrote, also when it did not end well: half a recording is evidence."""
        brought = self._bring(collector, place, path, name, file)
        if tool.removes or not tool.output:
            run_short(self._api, place, ("rm", "-f", path))
        if ran.outcome == "complete":
            return brought
        reached = file.received or brought.stored
        return replace(brought, outcome="truncated" if reached else "failed", reason=ran.reason)

    def _bring(  # noqa: PLR0913 - from where, where to
        self, collector: Collector, place: ContainerRef, path: str, name: str, file: ArtifactFile
    ) -> Brought:
        """Have the file ``path`` of ``place`` in the store, where the pod may send it there, else in the spool."""
        stored = self._sent_directly(collector, place, path, name)
        if stored:
            return Brought("complete", integrity="verified", stored=stored)
        return fetch_file(self._api, place, path, file, collector.time_limit_s, self._say)

    def _sent_directly(self, collector: Collector, place: ContainerRef, path: str, name: str) -> Stored | None:
        if self._direct is None or collector.kind != "binary":
            return None
        try:
            if place == self._place:  # seen from the debug container, which has the program
                beside = self._attachment.place()
                place, path = beside.ref, f"/proc/{beside.listing.processes[0].pid}/root{path}"
            return self._direct.send(self._api, place, path, self._name(name), collector.time_limit_s, self._say)
        except CaptureError as error:
            self._direct = None  # it would be the same with the next file
            self._say(f"{name} is streamed, the pod cannot send it itself: {error}")
            self._record.remark(f"{self._target}: nothing is sent from the pod itself: {error}")
            return None

    def _read(self, collector: Collector, snapshot: SnapshotFile, how: str) -> Artifact:
        started, brought = _now(), Brought("complete")
        with self._record.bundle.artifact(self._name(snapshot.file), _LOG_LIMIT_BYTES, text=True) as file:
            try:
                for piece in snapshot.read():
                    file.write(piece)
            except SizeLimitReachedError as limit:
                brought = Brought("truncated", str(limit))
            except NotAllowed as error:
                brought = Brought("truncated" if file.received else snapshot.if_refused, str(error))
            except CaptureError as error:
                brought = Brought("truncated" if file.received else "failed", str(error))
        if not file.received and brought.outcome == "complete":
            brought = Brought("skipped", "it is empty")
        return self._artifact(collector, snapshot.title, snapshot.file, file, started, brought, how)

    def _notice_restart(self) -> None:
        """Tell when the container was restarted, or its pod replaced, while it was captured."""
        try:
            pod = self._api.pod(self._target.namespace, self._target.pod)
            now = container_id(pod, self._target.container)
        except TargetNotFound:
            self.gone = True
            return
        except CaptureError as error:
            self._say(f"cannot tell whether {self._target} was restarted meanwhile: {error}")
            return
        if pod["metadata"]["uid"] != self._target.uid:
            self.gone = True
        elif self._target.container_id and now != self._target.container_id:
            line = f"{self._target}: container {self._target.container} was restarted during the capture"
            self._say(line)
            self._record.remark(line)

    def _file(self, name: str, collector: Collector) -> ArtifactFile:
        text = None if collector.reads_api == "leftovers" else collector.kind == "text"
        return self._record.bundle.artifact(self._name(name), collector.size_limit_bytes, text)

    def _name(self, file: str) -> str:
        return f"{self._scope.folder}/{file}" if self._scope.folder else file

    def _artifact(  # noqa: PLR0913 - the fields of an artifact
        self,
        collector: Collector,
        title: str,
        name: str,
        file: ArtifactFile,
        started: datetime,
        brought: Brought,
        how: str,
    ) -> Artifact:
        took_s = round((_now() - started).total_seconds(), 3)
        brought, redaction = _as_kept(brought, file), self._record.bundle.intake.redaction
        stored = brought.stored
        return Artifact(
            collector.id,
            title,
            self._name(name) if stored or file.bytes else "",
            stored.bytes if stored else file.bytes,
            stored.sha256 if stored else file.sha256,
            started,
            took_s,
            brought.outcome,
            how,
            redaction.line(brought.reason) if redaction else brought.reason,
            integrity=brought.integrity,
            redactions=file.redactions,
            sensitive=file.sensitive or stored is not None,
            direct=stored,
        )


def _as_kept(brought: Brought, file: ArtifactFile) -> Brought:
    """Return what became of an artifact when its file is closed: the disk may have become full."""
    if file.cut and brought.outcome == "complete":
        brought = Brought("truncated", file.cut)
    return replace(brought, outcome="failed") if brought.outcome == "truncated" and not file.bytes else brought


class _Words:
    """A sink for what a tool says about its work."""

    def __init__(self) -> None:
        self._kept, self._hash, self.received = bytearray(), hashlib.sha256(), 0

    @property
    def received_sha256(self) -> str:
        return self._hash.hexdigest()

    def write(self, piece: memoryview) -> None:
        self.received += len(piece)
        self._hash.update(piece)
        self._kept.extend(piece)
        del self._kept[:-2048]

    def restart(self) -> None:
        self.__init__()  # type: ignore[misc]  # all that it has

    def last_line(self) -> str:
        return next(reversed(self._kept.decode(errors="replace").strip().splitlines()), "")


def _order(collector: Collector) -> tuple[int, int]:
    """What reads the API first, what harms last."""
    return (0 if collector.reads_api else 1, ("safe", "pauses", "heavy").index(collector.invasive))


def _denied(artifact: Artifact) -> bool:
    """Tell whether more privilege could have helped."""
    return not artifact.file and any(word in artifact.reason for word in _DENIED)


def _named(word: str, pid: int, token: str) -> str:
    return filled(word, pid).replace("{id}", token)


def _numbered(file: str, pid: int) -> str:
    path = PurePosixPath(file)
    return str(path.with_name(f"{path.stem}-{pid}{path.suffix}"))


def _nothing(collector: Collector, how: str, outcome: ArtifactOutcome, started: datetime, reason: str) -> Artifact:
    took_s = round((_now() - started).total_seconds(), 3)
    return Artifact(collector.id, collector.title, "", 0, "", started, took_s, outcome, how, reason)


def _told(artifact: Artifact) -> str:
    size = f", {artifact.bytes:,} bytes in {artifact.took_s:.1f} s" if artifact.bytes else ""
    reason = f": {artifact.reason}" if artifact.reason else ""
    return f"{artifact.title}: {artifact.outcome}{size}{reason}"


def _now() -> datetime:
    return datetime.now(timezone.utc)
