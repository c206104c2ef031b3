"""What is captured without a tool in the target: from the API, its volumes, a copy of its pod, or its node."""

from collections.abc import Iterator
from dataclasses import replace

from ..bundle.artifact import SizeLimitReachedError
from ..errors import CaptureError, NotAllowed
from ..kube.client import Api
from ..kube.debug_pod import BUSYBOX, HOST
from ..kube.scripts import shell_command
from ..model import Artifact, Collector
from .crash_dumps import find_leftovers, open_volumes
from .debug_session import Attachment
from .evidence import Evidence, nothing
from .probe import Scope
from .snapshot import SnapshotFile, snapshot_files
from .tool_run import Taking, now
from .tools import Tools
from .transfer import Command, RemoteFile, Runner, TransferResult

_LOG_LIMIT_BYTES = 64 << 20


class Readers:
    """Reads what is there of one target."""

    def __init__(self, api: Api, scope: Scope, attachment: Attachment, evidence: Evidence, tools: Tools) -> None:
        """Prepare; ``attachment`` leads to volumes, copies and nodes."""
        self._api, self._scope, self._attachment, self._evidence, self._tools = api, scope, attachment, evidence, tools
        self._target, self._place, self._pod = scope.target, scope.target.ref, scope.pod

    def snapshot(self, collector: Collector, why: str) -> Iterator[Artifact]:
        """Yield what the API tells of the target, but nothing that the bundle has already."""
        have = {one.file for one in self._evidence.record.manifest.artifacts}
        found = snapshot_files(self._api, self._pod, self._target, collector.reads_api, self._scope.log_since_s)
        for file in found:
            if self._evidence.name(file.file) not in have:
                yield self._read(collector, file, why)

    def crash_dumps(self, collector: Collector, *, has_shell: bool) -> Iterator[Artifact]:
        """Yield what dying processes left on the target's volumes."""
        found = list(find_leftovers(self._api, self._pod, self._target, self._attachment, has_shell))
        if not found:
            why = "there are no dumps on the container's volumes"
            yield replace(nothing(collector, "", "skipped", now(), why), reason_code="not-there")
        for place, path, name in found:
            taking = Taking(collector, f"left/{name}", "volume", "from the container's volume", title=path)
            runner: Runner = "shell" if place == self._place else "run-tool"
            with self._evidence.file(taking) as file:
                remote = RemoteFile(place, path, runner, collector.time_limit_s)
                result = self._tools.fetch(taking, remote, file)
            yield self._evidence.artifact(taking, file, result)

    def files_of_stopped(self, collector: Collector) -> Iterator[Artifact]:
        """Take files of a container that does not run: from its volumes, others from a copy where that is allowed."""
        volumes = open_volumes(self._pod, self._target, self._attachment)
        folders = volumes.folders if volumes else ()
        wanted, limit_s = collector.paths, collector.time_limit_s
        kept = [path for path in wanted if any(f"/{path}/".startswith(f"{one}/") for one in folders)]
        if volumes and kept:
            how = f"from the container's volumes: {', '.join(folders)}"
            argv = ("tar", "-C", volumes.root, "-cf", "-", *kept)
            command = Command(volumes.place, argv, "run-tool", limit_s)
            yield self._tools.stream(Taking(collector, collector.file, "volume", how), command)
        others = [path for path in wanted if path not in kept]
        if others:
            place = self._attachment.copy_place(self._pod)
            argv = (BUSYBOX, "tar", "-C", "/", "-cf", "-", *others)
            how = "from a copy of the pod that only sleeps: the files are those of its image"
            taking = Taking(collector, f"copy-{collector.file}", "copy", how)
            yield self._tools.stream(taking, Command(place, argv, "none", limit_s))

    def node_state(self, collector: Collector) -> Artifact:
        """Look at the node: kernel messages, kubelet, containers."""
        place, argv = self._attachment.node_place(), shell_command("node-state", arguments=(HOST,))
        taking = Taking(collector, "node-state.txt", "node", "from a node pod")
        return self._tools.stream(taking, Command(place, argv, "run-tool", collector.time_limit_s))

    def _read(self, collector: Collector, snapshot: SnapshotFile, how: str) -> Artifact:
        taking = Taking(collector, snapshot.file, "api", how, title=snapshot.title)
        result = TransferResult("complete")
        with self._evidence.record.bundle.artifact(
            self._evidence.name(snapshot.file), _LOG_LIMIT_BYTES, text=True
        ) as file:
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
        return self._evidence.artifact(taking, file, result)
