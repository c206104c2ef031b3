"""Runs a collector's tool on a process, in the target or in a debug container, and saves its output."""

import hashlib
import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from ..bundle.artifact import ArtifactFile
from ..collectors.plan import is_denied, is_refused
from ..errors import CaptureError
from ..kube.client import Api
from ..kube.exec_stream import SHORT_S, run_short
from ..manifest import Artifact, Stored
from ..model import SCRATCH, Collector, ContainerRef, Report, Tool
from .debug_session import AttachedContainer, DebugSession
from .evidence import Evidence, missing_artifact
from .log_excerpt import LogExcerpt
from .probe import CaptureScope
from .tool_report import last_line
from .tool_run import PendingArtifact, ToolRun, utc_now
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


class Tools:
    """Runs tools for one target."""

    def __init__(
        self, api: Api, scope: CaptureScope, debug_session: DebugSession, evidence: Evidence, report: Report
    ) -> None:
        """``debug_session`` provides the tools that the target's image lacks."""
        self._api, self._scope, self._evidence = api, scope, evidence
        self._debug_session, self._report = debug_session, report
        self._target, self._ref, self._pod_upload = scope.target, scope.target.ref, scope.pod_upload
        self._missing: dict[tuple[ContainerRef, tuple[str, ...]], bool] = {}
        """Whether a command is missing in a debug container; each is tried once."""
        self._refusals: dict[tuple[str, int], str] = {}
        """The reason of each process that refused a tool, by runtime and PID."""

    def run(self, run: ToolRun, refusal: str = "") -> Artifact:
        """Run a tool in the target, or where it fails, in a debug container or through the container's log.

        ``refusal``: why the process accepts no such tool, if that is known before.
        """
        return self._unless_refused(run.artifact, run.pid, partial(self._run_in_target, run), run, refusal)

    def run_with_least_privilege(self, pending: PendingArtifact, pid: int, refusal: str = "") -> Artifact:
        """Run a collector in a debug container, or where the process refuses it, through the container's log."""
        attempt = partial(self._run_in_debug_container, pending, pid)
        return self._unless_refused(pending, pid, attempt, None, refusal)

    def _unless_refused(
        self, pending: PendingArtifact, pid: int, attempt: Callable[[], Artifact], run: ToolRun | None, refusal: str
    ) -> Artifact:
        """Return the result of ``attempt``, or what the process writes to its log if it refuses the tool.

        A process is asked once only: each attempt makes a JVM without attach write to the log of the application.
        ``run`` is the run in the target; None if it is in a debug container.
        """
        collector, started = pending.collector, utc_now()
        earlier_refusal = refusal or self._refusals.get((collector.runtime, pid))
        if earlier_refusal and not collector.from_log:
            return missing_artifact(collector, pending.method, "skipped", started, earlier_refusal)
        if earlier_refusal:
            missing = missing_artifact(collector, pending.method, "failed", started, earlier_refusal)
            artifact = replace(missing, reason_code="refused")
        else:
            artifact = attempt()
        if artifact.reason_code != "refused":
            return artifact
        if not earlier_refusal:
            self._refusals[collector.runtime, pid] = f"process {pid} accepts no tool of this kind: {artifact.reason}"
        try:
            return self._dump_to_log(pending, pid, artifact, run) if collector.from_log else artifact
        except CaptureError as error:
            return replace(artifact, reason=f"{artifact.reason}; {error}")

    def _dump_to_log(self, pending: PendingArtifact, pid: int, refused: Artifact, run: ToolRun | None) -> Artifact:
        """Return what the process writes to the container's log, after a signal if ``refused`` did not cause it yet."""
        tool = pending.collector.from_log[0]
        log = LogExcerpt(self._api, self._target, tool.in_log, refused.started)
        content = log.read()
        if not content:
            in_target = run is not None and run.runner == "shell"
            ref = self._ref if in_target else self._debug_session.attach().ref
            signal = ToolRun(pending, tool, ref, "shell" if in_target else "run-tool", pid)
            result = run_tool(self._api, signal.command(), _ToolMessages())
            if result.exit_code != 0:
                return replace(refused, reason=f"{refused.reason}; {result.reason}")
            content = log.wait()
        method = "from the container's log, because the process refused the tool"
        pending = replace(pending, origin=refused.origin or "exec", method=method, started=refused.started)
        with self._evidence.open_file(pending) as file:
            file.write(content)
        if not content:
            return replace(refused, reason=f"{refused.reason}; nothing appeared in the container's log either")
        return self._evidence.artifact(pending, file, TransferResult("complete"))

    def _run_in_target(self, run: ToolRun) -> Artifact:
        """Run a tool in the target. If it fails there, a debug container may help (see `_may_help`)."""
        artifact, collector = self._run_once(run), run.artifact.collector
        if not self._may_help(run, artifact):
            return artifact
        ending = "denied" if artifact.reason_code == "denied" else "failed"
        self._report(f"{collector.title}: {ending} in the container: {artifact.reason}")
        try:
            pending = replace(run.artifact, method=f"{ending} in the target container")
            second = self._run_in_debug_container(pending, run.pid)
        except CaptureError as error:
            return replace(artifact, reason=f"{artifact.reason}; {error}")
        if second.outcome == "failed" and ending == "failed":
            return replace(second, reason=f"{second.reason}; in the target container: {artifact.reason}")
        return second

    def _may_help(self, run: ToolRun, artifact: Artifact) -> bool:
        """Return whether a debug container may succeed where ``run`` did not.

        It has more privileges, or another tool, which the environment of the container does not affect. A failed dump
        is not repeated: it may have stopped the process for minutes.
        """
        collector = run.artifact.collector
        if not (collector.from_debug and self._debug_session.has_image):
            return False
        if artifact.reason_code == "denied":
            return True
        has_failed = artifact.outcome == "failed" and artifact.reason_code == "exit-code"
        return has_failed and collector.invasive != "heavy" and collector.from_debug[0].program != run.tool.program

    def _run_in_debug_container(self, pending: PendingArtifact, pid: int) -> Artifact:
        """Run a collector in a debug container. Escalate to the next security profile only after a denial."""
        collector, artifact = pending.collector, None
        profiles = self._debug_session.profiles(collector.needs)
        for profile in profiles:
            debug_container = self._debug_session.attach(profile)
            tool = self._find_debug_tool(collector, debug_container)
            if tool is None:
                missing = " or ".join(dict.fromkeys(tool.program for tool in collector.from_debug))
                reason = f"the debug image has no {missing}"
                return missing_artifact(collector, pending.method, "failed", utc_now(), reason)
            method = pending.method if profile == "restricted" else f"{pending.method}, with profile {profile}"
            scratch = debug_container.ref.scratch
            if scratch != SCRATCH and tool.output and not tool.writes_in_target:
                method = f"{method}; its root file system is read-only, so the tool writes to {scratch}"
            attempt = replace(pending, origin="debug-container", method=method)
            artifact = self._run_once(ToolRun(attempt, tool, debug_container.ref, "run-tool", pid))
            if artifact.reason_code != "denied":
                return artifact
            self._report(f"{collector.title}: denied with profile {profile}: {artifact.reason}")
        if artifact is None:
            reason = "no allowed security profile is sufficient"
            return missing_artifact(collector, pending.method, "skipped", utc_now(), reason)
        reason = f"{artifact.reason.rstrip('.')}. The job allows at most the profile {profiles[-1]}."
        if "general" not in profiles and not collector.needs:
            reason += " With the profile general, root could read a process that its own user may not trace (Yama)."
        return replace(artifact, reason=reason)

    def _find_debug_tool(self, collector: Collector, debug_container: AttachedContainer) -> Tool | None:
        """Return the first tool of ``collector`` that the debug image has."""
        for tool in collector.from_debug:
            if not tool.present or self._has_program(debug_container, tool.present):
                return tool
        return None

    def _has_program(self, debug_container: AttachedContainer, command: tuple[str, ...]) -> bool:
        """Return whether the debug image has the program of ``command``."""
        if command[0] in self._scope.programs:
            return command[0] in debug_container.listing.programs
        key = (debug_container.ref, command)
        if key not in self._missing:
            supervised = (PROGRAM, "command", str(SHORT_S), *command)
            self._missing[key] = run_short(self._api, debug_container.ref, supervised)[0].not_found
        return not self._missing[key]

    def _run_once(self, run: ToolRun) -> Artifact:
        pending = replace(run.artifact, started=utc_now(), file=f"{run.artifact.file}{run.tool.suffix}")
        run = replace(run, artifact=pending)
        with self._evidence.open_file(run.artifact) as file:
            result = self._run_to_file(run, file) if run.writes_file else run_tool(self._api, run.command(), file)
        return self._evidence.artifact(run.artifact, file, _with_cause(run.tool, result))

    def _run_to_file(self, run: ToolRun, file: ArtifactFile) -> TransferResult:
        """Run a tool that writes a file or must outlive the connection, and fetch what it wrote."""
        path, tool = run.output, run.tool
        if tool.detached and run.runner == "run-tool":
            path, tool_result = run_detached(self._api, run.command(), path, self._report, removes=tool.removes)
        else:
            messages = _ToolMessages()
            tool_result = run_tool(self._api, run.command(), messages)
            if tool_result.exit_code == 0:  # a tool that writes a file may print nothing
                tool_result = TransferResult("complete")
            elif messages.received:
                reason = ": ".join([tool_result.reason, messages.last_line()])
                tool_result = replace(tool_result, outcome="failed", reason=reason)
        remote = RemoteFile(run.ref, path, run.runner, run.artifact.collector.time_limit_s)
        return self._fetch_output(run, remote, file, tool_result)

    def _fetch_output(
        self, run: ToolRun, remote: RemoteFile, file: ArtifactFile, tool_result: TransferResult
    ) -> TransferResult:
        """Fetch what a tool wrote, unless it was denied. After a failure, an incomplete recording is evidence too."""
        if tool_result.outcome == "skipped":
            return tool_result
        denied = _with_cause(run.tool, tool_result).code == "denied"
        result = tool_result if denied else self.fetch(run.artifact, remote, file)
        if run.tool.removes or not run.tool.output:
            self._remove(remote)
        if denied or tool_result.outcome == "complete":
            return result
        has_content = file.received or result.stored
        return replace(tool_result, outcome="truncated" if has_content else "failed", stored=result.stored)

    def _remove(self, remote: RemoteFile) -> None:
        """Remove a tool's output from the container. If that fails, report it: the evidence is complete anyway."""
        try:
            remove_file(self._api, remote)
        except CaptureError as error:
            self._report(str(error))
            self._evidence.record.remark(f"{self._target}: {error}")

    def fetch(self, pending: PendingArtifact, remote: RemoteFile, file: ArtifactFile) -> TransferResult:
        """Copy a file from a container: straight to the store if the pod can upload it, otherwise to the spool.

        Both together have the time limit of ``remote``.
        """
        deadline = self._api.clock.monotonic() + remote.time_limit_s
        stored = self._upload_from_pod(pending, remote)
        if stored:
            return TransferResult("complete", integrity="verified", stored=stored)
        left_s = max(0, math.ceil(deadline - self._api.clock.monotonic()))
        return fetch_file(self._api, replace(remote, time_limit_s=left_s), file, self._report)

    def _upload_from_pod(self, pending: PendingArtifact, remote: RemoteFile) -> Stored | None:
        if self._pod_upload is None or pending.collector.kind != "binary":
            return None
        try:
            if remote.ref == self._ref:  # only the debug container has the upload program; it sees the target's files
                debug_container = self._debug_session.attach()
                root = f"/proc/{debug_container.listing.processes[0].pid}/root"
                remote = replace(remote, ref=debug_container.ref, path=root + remote.path)
            name, size_limit_bytes = self._evidence.name(pending.file), pending.collector.size_limit_bytes
            return self._pod_upload.send(self._api, remote, name, size_limit_bytes, self._report)
        except CaptureError as error:
            self._pod_upload = None  # the next file would fail for the same reason
            self._report(f"{pending.file} is streamed, because the pod cannot upload it: {error}")
            self._evidence.record.remark(f"{self._target}: no direct upload from the pod: {error}")
            return None

    def stream(self, pending: PendingArtifact, command: Command) -> Artifact:
        """Run ``command`` and save its standard output."""
        with self._evidence.open_file(pending) as file:
            result = run_tool(self._api, command, file)
        return self._evidence.artifact(pending, file, result)


class _ToolMessages:
    """A sink for the messages of a tool that writes its output to a file; it keeps the last 2 KiB."""

    def __init__(self) -> None:
        self._tail, self._hash, self.received = bytearray(), hashlib.sha256(), 0

    @property
    def received_sha256(self) -> str:
        return self._hash.hexdigest()

    def write(self, piece: memoryview) -> None:
        self.received += len(piece)
        self._hash.update(piece)
        self._tail.extend(piece)
        del self._tail[:-2048]

    def restart(self) -> None:
        self._tail, self._hash, self.received = bytearray(), hashlib.sha256(), 0

    def last_line(self) -> str:
        return last_line(self._tail.decode(errors="replace"))


def _with_cause(tool: Tool, result: TransferResult) -> TransferResult:
    """Return ``result`` with the code "denied" if ``tool`` lacked privileges, "refused" if the process refused it.

    It may have written a heading before.
    """
    if result.code not in ("exit-code", "no-output"):
        return result
    if is_denied(tool, result.exit_code, result.errors):
        return replace(result, code="denied")
    return replace(result, code="refused") if is_refused(tool, result.errors) else result
