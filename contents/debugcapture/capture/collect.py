"""Run the collectors on one target; each leaves artifacts in the bundle, or the reason why there is none."""

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime
from pathlib import PurePosixPath
from threading import Lock

from ..bundle.artifact import ArtifactFile, SizeLimitReachedError
from ..bundle.bundle import writable
from ..bundle.record import Record
from ..collectors.plan import is_denied
from ..errors import CaptureError, NotAllowed, TargetNotFound
from ..kube.client import Api
from ..kube.debug_pod import BUSYBOX, HOST
from ..kube.exec_stream import SHORT_S, run_short
from ..kube.scripts import shell_command
from ..model import (
    FILES,
    Action,
    Artifact,
    ArtifactOutcome,
    Collector,
    ContainerRef,
    ReadApi,
    RunInDebugContainer,
    RunInTarget,
    Skip,
    Stored,
    Tool,
)
from ..report.summary import artifact_line
from ..targets.pods import container_id
from ..text import one_line
from .crash_dumps import find_leftovers, open_volumes
from .debug_session import Attachment, Place
from .probe import Scope, Survey
from .snapshot import SnapshotFile, snapshot_files
from .tool_report import last_line
from .tool_run import Taking, ToolRun, now
from .transfer import (
    PROGRAM,
    Command,
    RemoteFile,
    Runner,
    TransferResult,
    fetch_file,
    remove_file,
    run_detached,
    run_tool,
)

_LOG = logging.getLogger(__name__)  # heard at Rundeck's log level DEBUG only
_LOG_LIMIT_BYTES = 64 << 20
_WHAT_NEEDS_PROCESSES = "What needs a running process"
_WITH_PODS = ("leftovers", "node-state")
_SIDE_BY_SIDE = 4  # tools that run at once in one pod
Say = Callable[[str], None]


class Capture:
    """One capture of one target."""

    def __init__(self, api: Api, scope: Scope, attachment: Attachment, record: Record, say: Say) -> None:
        """Prepare; `run` does the work. ``attachment`` is used where the image has no tools."""
        self._api, self._scope, self._attachment, self._record, self._say = api, scope, attachment, record, say
        self._target, self._place = scope.target, scope.target.ref
        self._survey = Survey(api, scope, attachment)
        self._direct = scope.direct
        self._missing: dict[tuple[ContainerRef, tuple[str, ...]], bool] = {}  # of each program that was looked for
        self._reasons: set[str] = set()  # that the record already has
        self._reasons_lock = Lock()
        self.gone = False

    def run(self, collectors: Sequence[Collector]) -> None:
        """Run ``collectors``; the failure of one is data in the record, and stops no other.

        Collectors that only read the API run first: they are quick, and the pod may be gone a second later. `safe`
        tools then run side by side, in lanes. Tools that pause the process, or write dumps, run last and alone, so that
        they change nothing that another tool measures. Afterwards `gone` says whether the pod was gone.
        """
        tools = [one for one in collectors if not one.reads_api]
        for reader in (one for one in collectors if one.reads_api):
            self._run_collector(reader)
        with ThreadPoolExecutor(_SIDE_BY_SIDE, thread_name_prefix="collector") as pool:
            list(pool.map(self._run_all, _lanes(one for one in tools if one.invasive == "safe")))
        for level in ("pauses", "heavy"):
            self._run_all(one for one in tools if one.invasive == level)
        self._notice_restart()

    def _run_all(self, collectors: Iterable[Collector]) -> None:
        for collector in collectors:
            self._run_collector(collector)

    def _run_collector(self, collector: Collector) -> None:
        for artifact in self._collect(collector):
            self._say(artifact_line(artifact))
            self._record.add(replace(artifact, pod=self._scope.folder))

    def _collect(self, collector: Collector) -> Iterator[Artifact]:
        started = now()
        try:
            with writable(self._record.bundle.folder):
                if collector.id == FILES and not self._target.is_running:
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
        with self._reasons_lock:
            known = artifact.reason in self._reasons
            self._reasons.add(artifact.reason)
        if not (self._scope.preset and known):
            yield artifact

    def _act(self, action: Action) -> Iterator[Artifact]:
        match action:
            case Skip(collector, why, foreign):
                if not (self._scope.preset and foreign):
                    several = self._scope.preset and not self._target.is_running
                    shown = replace(collector, title=_WHAT_NEEDS_PROCESSES) if several else collector
                    yield from self._once(_nothing(shown, "", "skipped", now(), why))
            case ReadApi(collector, why):
                yield from self._read_all(collector, why)
            case RunInTarget(collector, tool, pids, why):
                runner: Runner = "shell" if self._survey.shell else "none"
                for taking, pid in _takings(collector, pids, why):
                    run = ToolRun(taking, tool, self._place, runner, pid)
                    yield from self._unless_foreign(self._exec(run))
            case RunInDebugContainer(collector, pids, why):
                for taking, pid in _takings(collector, pids, why):
                    yield from self._unless_foreign(self._climb(taking, pid))

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
            why = "no dump was left on the container's volumes"
            yield replace(_nothing(collector, "", "skipped", now(), why), reason_code="not-there")
        for place, path, name in found:
            taking = Taking(collector, f"left/{name}", "volume", "from the container's volume", title=path)
            runner: Runner = "shell" if place == self._place else "run-tool"
            with self._file(taking) as file:
                remote = RemoteFile(place, path, runner, collector.time_limit_s)
                result = self._bring(taking, remote, file)
            yield self._artifact(taking, file, result)

    def _files_of_stopped(self, collector: Collector) -> Iterator[Artifact]:
        """Take files of a container that does not run: from its volumes, others from a copy where that is allowed."""
        volumes = open_volumes(self._scope.pod, self._target, self._attachment)
        folders = volumes.folders if volumes else ()
        wanted, limit_s = collector.paths, collector.time_limit_s
        kept = [path for path in wanted if any(f"/{path}/".startswith(f"{one}/") for one in folders)]
        if volumes and kept:
            how = f"from the container's volumes: {', '.join(folders)}"
            argv = ("tar", "-C", volumes.root, "-cf", "-", *kept)
            command = Command(volumes.place, argv, "run-tool", limit_s)
            yield self._stream(Taking(collector, collector.file, "volume", how), command)
        others = [path for path in wanted if path not in kept]
        if others:
            place = self._attachment.copy_place(self._scope.pod)
            argv = (BUSYBOX, "tar", "-C", "/", "-cf", "-", *others)
            how = "from a copy of the pod that only sleeps: the files are as in its image"
            taking = Taking(collector, f"copy-{collector.file}", "copy", how)
            yield self._stream(taking, Command(place, argv, "none", limit_s))

    def _node_state(self, collector: Collector) -> Artifact:
        """Look at the node: kernel messages, kubelet, containers."""
        place, argv = self._attachment.node_place(), shell_command("node-state", arguments=(HOST,))
        taking = Taking(collector, "node-state.txt", "node", "from a pod on the node")
        return self._stream(taking, Command(place, argv, "run-tool", collector.time_limit_s))

    def _stream(self, taking: Taking, command: Command) -> Artifact:
        with self._file(taking) as file:
            result = run_tool(self._api, command, file)
        return self._artifact(taking, file, result)

    def _exec(self, run: ToolRun) -> Artifact:
        """Run a tool in the target; where that is denied, a debug container may be allowed to do more."""
        artifact, collector = self._run(run), run.taking.collector
        if not (artifact.reason_code == "denied" and collector.from_debug and self._attachment.has_image):
            return artifact
        self._say(f"{collector.title}: denied in the container: {artifact.reason}")
        try:
            return self._climb(replace(run.taking, how="denied in the container itself"), run.pid)
        except CaptureError as error:
            return replace(artifact, reason=f"{artifact.reason}; {error}")

    def _climb(self, taking: Taking, pid: int) -> Artifact:
        """Run a collector with the least privilege that does; more only after less was denied."""
        collector, artifact = taking.collector, None
        profiles = self._attachment.rungs(collector.needs)
        for profile in profiles:
            place = self._attachment.place(profile)
            tool = self._debug_tool(collector, place)
            if tool is None:
                missing = " or ".join(dict.fromkeys(one.program for one in collector.from_debug))
                return _nothing(collector, taking.how, "failed", now(), f"the debug image has no {missing}")
            how = taking.how if profile == "restricted" else f"{taking.how}, with profile {profile}"
            taken = replace(taking, origin="debug-container", how=how)
            artifact = self._run(ToolRun(taken, tool, place.ref, "run-tool", pid))
            if artifact.reason_code != "denied":
                return artifact
            self._say(f"{collector.title}: denied with profile {profile}: {artifact.reason}")
        if artifact is None:
            return _nothing(collector, taking.how, "skipped", now(), "no security profile that is allowed will do")
        return replace(artifact, reason=f"{artifact.reason} The job allows no more than profile {profiles[-1]}.")

    def _debug_tool(self, collector: Collector, place: Place) -> Tool | None:
        for tool in collector.from_debug:
            if not tool.present or self._has(place, tool.present):
                return tool
        return None

    def _has(self, place: Place, command: tuple[str, ...]) -> bool:
        """Tell whether the debug image has the program of ``command``."""
        if command[0] in self._scope.programs:
            return command[0] in place.listing.programs
        asked = (place.ref, command)
        if asked not in self._missing:
            supervised = (PROGRAM, "command", str(SHORT_S), *command)
            self._missing[asked] = run_short(self._api, place.ref, supervised)[0].not_found
        return not self._missing[asked]

    def _run(self, run: ToolRun) -> Artifact:
        run = replace(run, taking=replace(run.taking, started=now()))
        with self._file(run.taking) as file:
            result = self._run_to_file(run, file) if run.in_file else run_tool(self._api, run.command(), file)
        return self._artifact(run.taking, file, _with_denial(run.tool, result))

    def _run_to_file(self, run: ToolRun, file: ArtifactFile) -> TransferResult:
        """Run a tool that writes a file, or that is to outlive the connection, and fetch what it wrote."""
        path, tool = run.output, run.tool
        if tool.detached and run.runner == "run-tool":
            path, ran = run_detached(self._api, run.command(), path, self._say, removes=tool.removes)
        else:
            said = _Words()
            ran = run_tool(self._api, run.command(), said)
            if ran.exit_code == 0:  # what it says about its work may be nothing
                ran = TransferResult("complete")
            elif said.received:
                ran = replace(ran, outcome="failed", reason=": ".join([ran.reason, said.last_line()]))
        remote = RemoteFile(run.place, path, run.runner, run.taking.collector.time_limit_s)
        return self._fetched(run, remote, file, ran)

    def _fetched(self, run: ToolRun, remote: RemoteFile, file: ArtifactFile, ran: TransferResult) -> TransferResult:
        """Fetch what a tool wrote, unless it was denied; when it did not end well too: half a recording is evidence."""
        denied = _with_denial(run.tool, ran).code == "denied"
        result = ran if denied else self._bring(run.taking, remote, file)
        if run.tool.removes or not run.tool.output:
            self._remove(remote)
        if denied or ran.outcome == "complete":
            return result
        reached = file.received or result.stored
        return replace(ran, outcome="truncated" if reached else "failed", stored=result.stored)

    def _remove(self, remote: RemoteFile) -> None:
        """Remove what a tool wrote; where that fails, the evidence is kept all the same, and the report says so."""
        try:
            remove_file(self._api, remote)
        except CaptureError as error:
            self._say(str(error))
            self._record.remark(f"{self._target}: {error}")

    def _bring(self, taking: Taking, remote: RemoteFile, file: ArtifactFile) -> TransferResult:
        """Have a file of a container in the store, where the pod may send it there, else in the spool."""
        stored = self._sent_directly(taking, remote)
        if stored:
            return TransferResult("complete", integrity="verified", stored=stored)
        return fetch_file(self._api, remote, file, self._say)

    def _sent_directly(self, taking: Taking, remote: RemoteFile) -> Stored | None:
        if self._direct is None or taking.collector.kind != "binary":
            return None
        place, path = remote.place, remote.path
        try:
            if place == self._place:  # seen from the debug container, which has the program
                beside = self._attachment.place()
                place, path = beside.ref, f"/proc/{beside.listing.processes[0].pid}/root{path}"
            return self._direct.send(self._api, place, path, self._name(taking.file), remote.time_limit_s, self._say)
        except CaptureError as error:
            self._direct = None  # it would be the same with the next file
            self._say(f"{taking.file} is streamed, the pod cannot send it itself: {error}")
            self._record.remark(f"{self._target}: nothing is sent from the pod itself: {error}")
            return None

    def _read(self, collector: Collector, snapshot: SnapshotFile, how: str) -> Artifact:
        taking = Taking(collector, snapshot.file, "api", how, title=snapshot.title)
        result = TransferResult("complete")
        with self._record.bundle.artifact(self._name(snapshot.file), _LOG_LIMIT_BYTES, text=True) as file:
            try:
                for piece in snapshot.read():
                    file.write(piece)
            except SizeLimitReachedError as limit:
                result = TransferResult("truncated", str(limit), code="size-limit")
            except NotAllowed as error:
                outcome = "truncated" if file.received else snapshot.if_refused
                result = TransferResult(outcome, str(error), code="denied")
            except CaptureError as error:
                result = TransferResult("truncated" if file.received else "failed", str(error), code="other")
        if not file.received and result.outcome == "complete":
            result = TransferResult("skipped", "it is empty", code="empty")
        return self._artifact(taking, file, result)

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

    def _file(self, taking: Taking) -> ArtifactFile:
        collector = taking.collector
        text = None if collector.reads_api == "leftovers" else collector.kind == "text"
        return self._record.bundle.artifact(self._name(taking.file), collector.size_limit_bytes, text)

    def _name(self, file: str) -> str:
        return f"{self._scope.folder}/{file}" if self._scope.folder else file

    def _artifact(self, taking: Taking, file: ArtifactFile, result: TransferResult) -> Artifact:
        took_s = round((now() - taking.started).total_seconds(), 3)
        result, redaction = _as_kept(result, file), self._record.bundle.intake.redaction
        stored = result.stored
        return Artifact(
            taking.collector.id,
            taking.title or taking.collector.title,
            self._name(taking.file) if stored or file.bytes else "",
            stored.bytes if stored else file.bytes,
            stored.sha256 if stored else file.sha256,
            taking.started,
            took_s,
            result.outcome,
            taking.how,
            redaction.line(result.reason) if redaction else result.reason,
            integrity=result.integrity,
            redactions=file.redactions,
            sensitive=file.sensitive or stored is not None,
            direct=stored,
            origin=taking.origin,
            reason_code=result.code,
        )


def _as_kept(result: TransferResult, file: ArtifactFile) -> TransferResult:
    """Return what became of an artifact when its file is closed: the disk may have become full."""
    if file.cut and result.outcome == "complete":
        result = TransferResult("truncated", file.cut, code="size-limit")
    return replace(result, outcome="failed") if result.outcome == "truncated" and not file.bytes else result


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
        self._kept, self._hash, self.received = bytearray(), hashlib.sha256(), 0

    def last_line(self) -> str:
        return last_line(self._kept.decode(errors="replace"))


def _lanes(collectors: Iterable[Collector]) -> list[list[Collector]]:
    """Return the collectors that may run side by side, those of one runtime one after another.

    They share its inspector port, its attach socket, or ptrace: the first to end would cut off the others.
    """
    lanes: dict[str, list[Collector]] = {}
    for collector in collectors:
        lane = collector.id if collector.runtime == "any" else f"runtime {collector.runtime}"
        lanes.setdefault(lane, []).append(collector)
    return list(lanes.values())


def _with_denial(tool: Tool, result: TransferResult) -> TransferResult:
    """Return what became of ``tool``, with the code of a denial where it says so itself."""
    denied = result.outcome == "failed" and is_denied(tool, result.exit_code, result.errors)
    return replace(result, code="denied") if denied else result


def _takings(collector: Collector, pids: Sequence[int], how: str) -> Iterator[tuple[Taking, int]]:
    """Yield what is to be taken of each process; where there are several, the file's name has the PID."""
    for pid in pids:
        yield Taking(collector, _numbered(collector.file, pid) if len(pids) > 1 else collector.file, "exec", how), pid


def _numbered(file: str, pid: int) -> str:
    path = PurePosixPath(file)
    return str(path.with_name(f"{path.stem}-{pid}{path.suffix}"))


def _nothing(collector: Collector, how: str, outcome: ArtifactOutcome, started: datetime, reason: str) -> Artifact:
    took_s = round((now() - started).total_seconds(), 3)
    return Artifact(
        collector.id, collector.title, "", 0, "", started, took_s, outcome, how, reason, reason_code="other"
    )
