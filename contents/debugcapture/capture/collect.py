"""Run the collectors on one target; each leaves artifacts in the bundle, or the reason why there is none."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import PurePosixPath
from threading import Lock

from ..bundle.bundle import writable
from ..bundle.record import Record
from ..errors import CaptureError, NotAllowed, TargetNotFound
from ..kube.client import Api
from ..model import (
    FILES,
    Action,
    Artifact,
    ArtifactOutcome,
    Collector,
    ReadApi,
    RunInDebugContainer,
    RunInTarget,
    Skip,
)
from ..report.summary import artifact_line
from ..targets.pods import container_id
from ..text import one_line
from .debug_session import Attachment
from .evidence import Evidence, nothing
from .probe import Scope, Survey
from .readers import Readers
from .tool_run import Taking, ToolRun, now
from .tools import Tools
from .transfer import (
    Runner,
)

_LOG = logging.getLogger(__name__)  # heard at Rundeck's log level DEBUG only
_WHAT_NEEDS_PROCESSES = "Collectors that need a running process"
_SIDE_BY_SIDE = 4  # tools that run at once in one pod
Say = Callable[[str], None]


class Capture:
    """One capture of one target."""

    def __init__(self, api: Api, scope: Scope, attachment: Attachment, record: Record, say: Say) -> None:
        """Prepare; `run` does the work. ``attachment`` is used where the image has no tools."""
        self._api, self._scope, self._attachment, self._record, self._say = api, scope, attachment, record, say
        self._target, self._place = scope.target, scope.target.ref
        self._survey = Survey(api, scope, attachment)
        evidence = Evidence(record, scope.folder)
        self._tools = Tools(api, scope, attachment, evidence, say)
        self._readers = Readers(api, scope, attachment, evidence, self._tools)
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
                    yield from self._readers.files_of_stopped(collector)
                else:
                    yield from self._act(self._survey.decide(collector, attach=True))
        except CaptureError as error:
            outcome: ArtifactOutcome = "skipped" if isinstance(error, NotAllowed) and collector.needs else "failed"
            yield from self._once(nothing(collector, "", outcome, started, str(error)))
        except Exception as error:  # noqa: BLE001 - whatever a container says costs its own artifact, and no other
            _LOG.warning("%s of %s failed", collector.id, self._target, exc_info=True)
            why = f"{type(error).__name__}: {one_line(error)}. Please report this bug."
            yield nothing(collector, "", "failed", started, why)

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
                    yield from self._once(nothing(shown, "", "skipped", now(), why))
            case ReadApi(collector, why):
                yield from self._read(collector, why)
            case RunInTarget(collector, tool, pids, why):
                runner: Runner = "shell" if self._survey.shell else "none"
                for taking, pid in _takings(collector, pids, why):
                    run = ToolRun(taking, tool, self._place, runner, pid)
                    yield from self._unless_foreign(self._tools.run(run))
            case RunInDebugContainer(collector, pids, why):
                for taking, pid in _takings(collector, pids, why):
                    yield from self._unless_foreign(self._tools.escalate(taking, pid))

    def _unless_foreign(self, artifact: Artifact) -> Iterator[Artifact]:
        """Yield ``artifact`` unless a preset's tool found out that the process is not of its kind."""
        if not (artifact.outcome == "skipped" and self._scope.preset):
            yield artifact

    def _read(self, collector: Collector, why: str) -> Iterator[Artifact]:
        match collector.reads_api:
            case "leftovers":
                yield from self._readers.crash_dumps(collector, has_shell=self._survey.has_shell())
            case "node-state":
                yield self._readers.node_state(collector)
            case _:
                yield from self._readers.snapshot(collector, why)

    def _notice_restart(self) -> None:
        """Tell when the container was restarted, or its pod replaced, while it was captured."""
        try:
            pod = self._api.pod(self._target.namespace, self._target.pod)
            now = container_id(pod, self._target.container)
        except TargetNotFound:
            self.gone = True
            return
        except CaptureError as error:
            self._say(f"cannot determine whether {self._target} was restarted during the capture: {error}")
            return
        if pod["metadata"]["uid"] != self._target.uid:
            self.gone = True
        elif self._target.container_id and now != self._target.container_id:
            line = f"{self._target}: container {self._target.container} was restarted during the capture"
            self._say(line)
            self._record.remark(line)


def _lanes(collectors: Iterable[Collector]) -> list[list[Collector]]:
    """Return the collectors that may run side by side, those of one runtime one after another.

    They share its inspector port, its attach socket, or ptrace: the first to end would cut off the others.
    """
    lanes: dict[str, list[Collector]] = {}
    for collector in collectors:
        lane = collector.id if collector.runtime == "any" else f"runtime {collector.runtime}"
        lanes.setdefault(lane, []).append(collector)
    return list(lanes.values())


def _takings(collector: Collector, pids: Sequence[int], how: str) -> Iterator[tuple[Taking, int]]:
    """Yield what is to be taken of each process; where there are several, the file's name has the PID."""
    for pid in pids:
        yield Taking(collector, _numbered(collector.file, pid) if len(pids) > 1 else collector.file, "exec", how), pid


def _numbered(file: str, pid: int) -> str:
    path = PurePosixPath(file)
    return str(path.with_name(f"{path.stem}-{pid}{path.suffix}"))
