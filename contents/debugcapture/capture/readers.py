"""Captures what needs no tool in the target: API objects, files of its volumes, a copy of its pod, its node."""

from collections.abc import Iterator
from dataclasses import replace

from ..kube.client import Api
from ..kube.debug_pod import BUSYBOX, HOST
from ..kube.scripts import shell_command
from ..manifest import Artifact
from ..model import Collector
from .crash_dumps import find_crash_dumps, folders_to_search, open_volumes, paths_by_root
from .debug_session import DebugSession
from .evidence import Evidence, missing_artifact
from .probe import CaptureScope
from .snapshot import SnapshotFile, snapshot_files
from .snapshot_copy import SnapshotCopy
from .tool_run import PendingArtifact, utc_now
from .tools import Tools
from .transfer import Command, RemoteFile, Runner

_LOG_LIMIT_BYTES = 64 << 20


class Readers:
    """Reads the state, files and node of one target."""

    def __init__(
        self, api: Api, scope: CaptureScope, debug_session: DebugSession, evidence: Evidence, tools: Tools
    ) -> None:
        """``debug_session`` gives access to volumes, pod copies and nodes."""
        self._api, self._scope, self._evidence, self._tools = api, scope, evidence, tools
        self._debug_session = debug_session
        self._target, self._ref, self._pod = scope.target, scope.target.ref, scope.pod

    def snapshot(self, collector: Collector, method: str) -> Iterator[Artifact]:
        """Yield what the API returns about the target, except for files that the bundle already has."""
        existing = {artifact.file for artifact in self._evidence.record.manifest.artifacts}
        files = snapshot_files(self._api, self._pod, self._target, collector.reads_api, self._scope.log_since_s)
        for file in files:
            if self._evidence.name(file.file) not in existing:
                yield self._read(collector, file, method)

    def crash_dumps(self, collector: Collector, *, has_find: bool) -> Iterator[Artifact]:
        """Yield the crash dumps on the target's volumes. ``has_find``: the target runs, with a shell and `find`."""
        volumes = open_volumes(self._pod, self._target, self._debug_session, has_find=has_find)
        dumps = list(find_crash_dumps(self._api, volumes, self._debug_session)) if volumes else []
        if not dumps:
            reason = "there are no dumps on the container's volumes"
            if volumes is None and folders_to_search(self._pod, self._target):
                reason = "the container's volumes were not searched: its image has no find, and no debug image is set"
            artifact = missing_artifact(collector, "", "skipped", utc_now(), reason)
            yield replace(artifact, reason_code="not-there")
        for dump in dumps:
            method, title = "from the container's volume", dump.path_in_target
            pending = PendingArtifact(collector, f"left/{dump.name}", "volume", method, title=title)
            runner: Runner = "shell" if dump.ref == self._ref else "run-tool"
            with self._evidence.open_file(pending) as file:
                remote = RemoteFile(dump.ref, dump.path, runner, collector.time_limit_s)
                result = self._tools.fetch(pending, remote, file)
            yield self._evidence.artifact(pending, file, result)

    def files_of_stopped(self, collector: Collector) -> Iterator[Artifact]:
        """Yield archives of the files of a container that does not run.

        Files on volumes are read there. Other files come from a copy of the pod, if the job allows one.
        """
        volumes = open_volumes(self._pod, self._target, self._debug_session)
        limit_s, on_volumes = collector.time_limit_s, list[str]()
        if volumes:
            for root, paths in paths_by_root(collector.paths, volumes.folders).items():
                method = f"from the container's volumes: {', '.join(f'/{path}' for path in paths)}"
                argv = ("tar", "-C", root, "-cf", "-", *paths.values())
                name = f"{len(on_volumes)}-{collector.file}" if on_volumes else collector.file
                command = Command(volumes.ref, argv, "run-tool", limit_s)
                yield self._tools.stream(PendingArtifact(collector, name, "volume", method), command)
                on_volumes += paths
        in_image = [path for path in collector.paths if path not in on_volumes]
        if in_image:
            ref = self._debug_session.create_pod_copy(self._pod)
            argv = (BUSYBOX, "tar", "-C", "/", "-cf", "-", *in_image)
            method = "from a copy of the pod that only sleeps: the files are those of its image"
            pending = PendingArtifact(collector, f"copy-{collector.file}", "copy", method)
            yield self._tools.stream(pending, Command(ref, argv, "none", limit_s))

    def node_state(self, collector: Collector) -> Artifact:
        """Return the state of the target's node: kernel messages, kubelet log, containers."""
        ref, argv = self._debug_session.create_node_pod(), shell_command("node-state", arguments=(HOST,))
        pending = PendingArtifact(collector, "node-state.txt", "node", "from a node pod")
        return self._tools.stream(pending, Command(ref, argv, "run-tool", collector.time_limit_s))

    def _read(self, collector: Collector, snapshot: SnapshotFile, method: str) -> Artifact:
        name = self._evidence.name(snapshot.file)
        pending = PendingArtifact(collector, snapshot.file, "api", method, title=snapshot.title)
        with self._evidence.record.bundle.artifact(name, _LOG_LIMIT_BYTES, text=True) as file:
            copy = SnapshotCopy(snapshot, file)
            result = copy.write()
        if copy.extent:
            pending = replace(pending, method=f"{method}; {copy.extent}")
        return self._evidence.artifact(pending, file, result)
