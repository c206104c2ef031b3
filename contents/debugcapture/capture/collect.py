"""Runs the collectors on one target. Each collector adds artifacts to the bundle, or the reason why it has none."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import PurePosixPath
from threading import Lock

from ..actions import Action, ReadApi, RunInDebugContainer, RunInTarget, Skip
from ..bundle.bundle import writable
from ..bundle.record import Record
from ..collectors.plan import in_order
from ..errors import CaptureError, NotAllowed, TargetNotFound
from ..kube.client import Api
from ..manifest import Artifact, ArtifactOutcome
from ..model import FILES, Collector, Report
from ..report.summary import artifact_line
from ..targets.pods import container_id
from ..text import one_line
from .debug_session import DebugSession
from .evidence import Evidence, missing_artifact
from .probe import CaptureScope, Probe
from .readers import Readers
from .tool_run import PendingArtifact, ToolRun, utc_now
from .tools import Tools
from .transfer import Runner

_LOG = logging.getLogger(__name__)  # shown at Rundeck's log level DEBUG only
_PROCESS_COLLECTORS = "Collectors that need a running process"
_PARALLEL_TOOLS = 4  # in one pod


class TargetCapture:
    """The capture of one target."""

    def __init__(
        self, api: Api, scope: CaptureScope, debug_session: DebugSession, record: Record, report: Report
    ) -> None:
        """``debug_session`` provides the tools that the target's image lacks."""
        self._api, self._scope, self._record, self._report = api, scope, record, report
        self._target = scope.target
        self._probe = Probe(api, scope, debug_session)
        evidence = Evidence(record, scope.folder)
        self._tools = Tools(api, scope, debug_session, evidence, report)
        self._readers = Readers(api, scope, debug_session, evidence, self._tools)
        self._reasons: set[str] = set()
        """Reasons that the record already has."""
        self._reasons_lock = Lock()
        self.is_pod_gone = False

    def run(self, collectors: Sequence[Collector]) -> None:
        """Run ``collectors``. A collector that fails adds its reason to the record and does not stop the others.

        Collectors that only read the API run first: they are quick, and the pod may be gone a second later. `safe`
        tools then run in parallel, in lanes. Tools that pause the process or write dumps run last, one at a time, so
        that they do not affect what another tool measures. Afterwards, `is_pod_gone` is set if the pod was deleted or
        replaced.
        """
        tools = [collector for collector in collectors if not collector.reads_api]
        for reader in (collector for collector in collectors if collector.reads_api):
            self._run_collector(reader)
        with ThreadPoolExecutor(_PARALLEL_TOOLS, thread_name_prefix="collector") as pool:
            list(pool.map(self._run_all, _lanes(tool for tool in tools if tool.invasive == "safe")))
        self._run_all(tool for tool in in_order(tools) if tool.invasive != "safe")
        self._check_for_restart()

    def _run_all(self, collectors: Iterable[Collector]) -> None:
        for collector in collectors:
            self._run_collector(collector)

    def _run_collector(self, collector: Collector) -> None:
        for artifact in self._collect(collector):
            self._report(artifact_line(artifact))
            self._record.add(replace(artifact, pod=self._scope.folder))

    def _collect(self, collector: Collector) -> Iterator[Artifact]:
        started = utc_now()
        try:
            with writable(self._record.bundle.folder):
                if collector.id == FILES and not self._target.is_running:
                    yield from self._readers.files_of_stopped(collector)
                else:
                    yield from self._perform(self._probe.decide(collector, attach=True))
        except CaptureError as error:
            outcome: ArtifactOutcome = "skipped" if isinstance(error, NotAllowed) and collector.needs else "failed"
            yield from self._once_per_reason(missing_artifact(collector, "", outcome, started, str(error)))
        except Exception as error:  # noqa: BLE001 - unexpected output of a container must not cost other artifacts
            _LOG.warning("%s of %s failed", collector.id, self._target, exc_info=True)
            reason = f"{type(error).__name__}: {one_line(error)}. Please report this bug."
            yield missing_artifact(collector, "", "failed", started, reason)

    def _once_per_reason(self, artifact: Artifact) -> Iterator[Artifact]:
        """Yield ``artifact``. For a preset, yield each reason once only: many collectors fail for the same reason."""
        with self._reasons_lock:
            is_repeated = artifact.reason in self._reasons
            self._reasons.add(artifact.reason)
        if not (self._scope.preset and is_repeated):
            yield artifact

    def _perform(self, action: Action) -> Iterator[Artifact]:
        match action:
            case Skip(collector, reason, foreign):
                if not (self._scope.preset and foreign):
                    stands_for_all = self._scope.preset and not self._target.is_running
                    titled = replace(collector, title=_PROCESS_COLLECTORS) if stands_for_all else collector
                    yield from self._once_per_reason(missing_artifact(titled, "", "skipped", utc_now(), reason))
            case ReadApi(collector, method):
                yield from self._read(collector, method)
            case RunInTarget(collector, tool, pids, method):
                runner: Runner = "shell" if self._probe.shell else "none"
                for pending, pid in _pending_artifacts(collector, pids, method):
                    run = ToolRun(pending, tool, self._target.ref, runner, pid)
                    yield from self._unless_foreign(self._tools.run(run, self._probe.refusal(collector, pid)))
            case RunInDebugContainer(collector, pids, method):
                for pending, pid in _pending_artifacts(collector, pids, method):
                    refusal = self._probe.refusal(collector, pid)
                    yield from self._unless_foreign(self._tools.run_with_least_privilege(pending, pid, refusal))

    def _unless_foreign(self, artifact: Artifact) -> Iterator[Artifact]:
        """Yield ``artifact``, unless the tool of a preset found that the process is of another kind."""
        if artifact.outcome == "skipped" and artifact.reason_code != "not-there":
            yield from self._once_per_reason(artifact)
        elif not (artifact.outcome == "skipped" and self._scope.preset):
            yield artifact

    def _read(self, collector: Collector, method: str) -> Iterator[Artifact]:
        match collector.reads_api:
            case "crash-dumps":
                yield from self._readers.crash_dumps(collector, has_find=self._probe.has_program("find"))
            case "node-state":
                yield self._readers.node_state(collector)
            case _:
                yield from self._readers.snapshot(collector, method)

    def _check_for_restart(self) -> None:
        """Report and record if the container was restarted, or its pod replaced, during the capture."""
        try:
            pod = self._api.pod(self._target.namespace, self._target.pod)
            current_id = container_id(pod, self._target.container)
        except TargetNotFound:
            self.is_pod_gone = True
            return
        except CaptureError as error:
            self._report(f"cannot determine whether {self._target} was restarted during the capture: {error}")
            return
        if pod["metadata"]["uid"] != self._target.uid:
            self.is_pod_gone = True
        elif self._target.container_id and current_id != self._target.container_id:
            line = f"{self._target}: container {self._target.container} was restarted during the capture"
            self._report(line)
            self._record.remark(line)


def _lanes(collectors: Iterable[Collector]) -> list[list[Collector]]:
    """Return groups of collectors that may run in parallel with each other; a group runs one at a time.

    Collectors of one runtime form a group: they share its inspector port, its attach socket, or ptrace, and the first
    one to end would disconnect the others.
    """
    lanes: dict[str, list[Collector]] = {}
    for collector in collectors:
        lane = collector.id if collector.runtime == "any" else f"runtime {collector.runtime}"
        lanes.setdefault(lane, []).append(collector)
    return list(lanes.values())


def _pending_artifacts(collector: Collector, pids: Sequence[int], method: str) -> Iterator[tuple[PendingArtifact, int]]:
    """Yield the artifact of each process with its PID. If there are several, the file names contain the PIDs."""
    for pid in pids:
        file = _add_pid(collector.file, pid) if len(pids) > 1 else collector.file
        yield PendingArtifact(collector, file, "exec", method), pid


def _add_pid(file: str, pid: int) -> str:
    path = PurePosixPath(file)
    return str(path.with_name(f"{path.stem}-{pid}{path.suffix}"))
