"""Run a collector's tool on a process, in the target or beside it, and keep what it writes."""

import hashlib
from collections.abc import Callable
from dataclasses import replace

from ..bundle.artifact import ArtifactFile
from ..collectors.plan import is_denied
from ..errors import CaptureError
from ..kube.client import Api
from ..kube.exec_stream import SHORT_S, run_short
from ..model import Artifact, Collector, ContainerRef, Stored, Tool
from .debug_session import Attachment, Place
from .evidence import Evidence, nothing
from .probe import Scope
from .tool_report import last_line
from .tool_run import Taking, ToolRun, now
from .transfer import (
    PROGRAM,
    Command,
    RemoteFile,
    TransferResult,
    fetch_file,
    remove_file,
    run_detached,
    run_tool,
)

Say = Callable[[str], None]


class Tools:
    """Runs tools for one target."""

    def __init__(self, api: Api, scope: Scope, attachment: Attachment, evidence: Evidence, say: Say) -> None:
        """Prepare; ``attachment`` is used where the image has no tools."""
        self._api, self._scope, self._attachment, self._evidence, self._say = api, scope, attachment, evidence, say
        self._target, self._place, self._direct = scope.target, scope.target.ref, scope.direct
        self._missing: dict[tuple[ContainerRef, tuple[str, ...]], bool] = {}  # of each program that was looked for

    def run(self, run: ToolRun) -> Artifact:
        """Run a tool in the target; where that is denied, a debug container may be allowed to do more."""
        artifact, collector = self._run_once(run), run.taking.collector
        if not (artifact.reason_code == "denied" and collector.from_debug and self._attachment.has_image):
            return artifact
        self._say(f"{collector.title}: denied in the container: {artifact.reason}")
        try:
            return self.escalate(replace(run.taking, how="denied in the target container"), run.pid)
        except CaptureError as error:
            return replace(artifact, reason=f"{artifact.reason}; {error}")

    def escalate(self, taking: Taking, pid: int) -> Artifact:
        """Run a collector with the least privilege that does; more only after less was denied."""
        collector, artifact = taking.collector, None
        profiles = self._attachment.rungs(collector.needs)
        for profile in profiles:
            place = self._attachment.place(profile)
            tool = self._debug_tool(collector, place)
            if tool is None:
                missing = " or ".join(dict.fromkeys(one.program for one in collector.from_debug))
                return nothing(collector, taking.how, "failed", now(), f"the debug image has no {missing}")
            how = taking.how if profile == "restricted" else f"{taking.how}, with profile {profile}"
            taken = replace(taking, origin="debug-container", how=how)
            artifact = self._run_once(ToolRun(taken, tool, place.ref, "run-tool", pid))
            if artifact.reason_code != "denied":
                return artifact
            self._say(f"{collector.title}: denied with profile {profile}: {artifact.reason}")
        if artifact is None:
            return nothing(collector, taking.how, "skipped", now(), "no allowed security profile is sufficient")
        return replace(artifact, reason=f"{artifact.reason} The job allows at most the profile {profiles[-1]}.")

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

    def _run_once(self, run: ToolRun) -> Artifact:
        run = replace(run, taking=replace(run.taking, started=now()))
        with self._evidence.file(run.taking) as file:
            result = self._run_to_file(run, file) if run.in_file else run_tool(self._api, run.command(), file)
        return self._evidence.artifact(run.taking, file, _with_denial(run.tool, result))

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
        result = ran if denied else self.fetch(run.taking, remote, file)
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
            self._evidence.record.remark(f"{self._target}: {error}")

    def fetch(self, taking: Taking, remote: RemoteFile, file: ArtifactFile) -> TransferResult:
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
            return self._direct.send(
                self._api, place, path, self._evidence.name(taking.file), remote.time_limit_s, self._say
            )
        except CaptureError as error:
            self._direct = None  # it would be the same with the next file
            self._say(f"{taking.file} is streamed, because the pod cannot upload it: {error}")
            self._evidence.record.remark(f"{self._target}: no direct upload from the pod: {error}")
            return None

    def stream(self, taking: Taking, command: Command) -> Artifact:
        """Keep what a command writes."""
        with self._evidence.file(taking) as file:
            result = run_tool(self._api, command, file)
        return self._evidence.artifact(taking, file, result)


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


def _with_denial(tool: Tool, result: TransferResult) -> TransferResult:
    """Return what became of ``tool``, with the code of a denial where it says so itself."""
    denied = result.outcome == "failed" and is_denied(tool, result.exit_code, result.errors)
    return replace(result, code="denied") if denied else result
