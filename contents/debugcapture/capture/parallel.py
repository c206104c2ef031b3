"""Captures several targets in parallel. Each has its own progress, failure and folder in the bundle."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from ..actions import Action
from ..bundle.bundle import captured_before
from ..bundle.record import Record
from ..bundle.spool import Room
from ..collectors.catalog import Chosen, Goal, choose, files_collector
from ..collectors.goals import apply_goals
from ..collectors.impact import too_soon
from ..collectors.plan import CapturePolicy, in_order, programs_of
from ..errors import CaptureError
from ..kube.client import Api
from ..kube.watch import watch_pod
from ..manifest import Artifact, Manifest
from ..model import Collector, Report, Target
from ..settings.capture import CaptureSettings
from ..settings.debug_container import DebugContainerSettings
from ..targets.pods import find_target
from ..targets.selection import SelectedPod, find_replacement
from .collect import TargetCapture
from .crash_dumps import persistent_mounts
from .debug_session import DebugOptions, DebugSession, debug_options
from .image_programs import ImagePrograms
from .pod_upload import PodUpload
from .probe import CaptureScope, Probe

if TYPE_CHECKING:
    from ..findings.evidence import Evidence

_REPLACEMENT_START_S = 60


@dataclass(frozen=True, slots=True)
class CaptureOptions:
    """What a job requests, and what its author allows."""

    chosen: Chosen
    debug: DebugOptions
    allow_heavy: bool
    force: bool
    cool_down_s: int
    heavy_per_day: int
    concurrency: int
    log_since_s: int = 0


def capture_options(capture: CaptureSettings, debug: DebugContainerSettings, concurrency: int) -> CaptureOptions:
    """Return the options in the settings. Raises BadInput before anything is changed."""
    chosen = choose(capture.collectors, capture.catalog)
    if capture.files:
        files = files_collector(capture.files.split())
        chosen = replace(chosen, collectors=(*chosen.collectors, files), goals=(*chosen.goals, Goal((files,))))
    options = debug_options(debug, capture.debug_time_limit_s, capture.wait_for_restart_s)
    programs = programs_of(chosen.collectors)
    options = replace(options, copy=capture.allow_copy, node_namespace=capture.node_namespace, programs=programs)
    return CaptureOptions(
        chosen,
        options,
        capture.allow_heavy,
        capture.force,
        capture.cool_down_s,
        capture.heavy_per_day,
        concurrency,
        capture.log_since_s,
    )


@dataclass(frozen=True, slots=True)
class _Task:
    """One target to capture, and where its evidence goes."""

    selected: SelectedPod
    policy: CapturePolicy
    record: Record
    pod_upload: PodUpload | None
    report: Report
    folder: str
    """Folder of the target in the bundle; "" if it is the only target."""


class ParallelCapture:
    """All target captures of one step."""

    def __init__(self, api: Api, options: CaptureOptions, room: Room, report: Report) -> None:
        """The spool of ``room`` remembers which workloads had a heavy capture recently."""
        self._api, self._options, self._room, self._report = api, options, room, report
        self._chosen = options.chosen
        self._image_programs = ImagePrograms()

    def run(self, selected: Sequence[SelectedPod], record: Record, pod_upload: PodUpload | None = None) -> None:
        """Capture all of ``selected`` into ``record``. With ``pod_upload``, pods upload large files themselves.

        An abort (SystemExit) breaks the open streams, so that each capture ends its debug container and keeps the
        evidence it has.
        """
        tasks = [self._task(selection, record, pod_upload, is_only=len(selected) == 1) for selection in selected]
        workers = min(self._options.concurrency, len(tasks))
        with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="capture") as pool:
            futures = [pool.submit(self._run_task, task) for task in tasks]
            try:
                for future in futures:
                    future.result()
            except BaseException:
                for future in futures:
                    future.cancel()
                self._api.streams.break_all()
                raise

    def finish(self, record: Record, requests: int = 0) -> Manifest:
        """Finish ``record``, and return its manifest with the findings, and a failed artifact for each missed goal."""
        collectors = [collector.id for collector in in_order(self._chosen.collectors)]
        manifest = apply_goals(self._chosen.goals, record.finish(requests, collectors))
        # Imported here, because it loads all parsers. The manifest is already saved, so a capture that is killed now is
        # complete.
        from ..findings.explain import explain_bundle

        def report_failure(file: "Evidence", error: Exception) -> None:
            self._report(f"{file.name} cannot be explained: {error}. The file itself is in the bundle.")

        findings, pictures = explain_bundle(record.bundle.folder, manifest, report_failure)
        try:
            record.bundle.save_pictures(pictures)
        except OSError as error:  # the evidence matters more than its pictures
            self._report(f"the report will have no pictures: {error}")
        return replace(manifest, findings=findings)

    @property
    def requests(self) -> int:
        """Return the number of requests to the API server."""
        return self._api.requests

    def plan(self, selected: SelectedPod) -> list[Action]:
        """Return what a capture would do to ``selected``. Nothing is attached."""
        chosen, options = self._chosen, self._options.debug
        scope = CaptureScope(
            selected.pod,
            selected.target,
            self._policy(selected.target),
            preset=chosen.preset,
            runtimes=chosen.runtimes,
            programs=options.programs,
        )
        debug_session = DebugSession(self._api, selected.target, (), options, self._report)
        probe = Probe(self._api, scope, debug_session)
        return [probe.decide(collector, attach=False) for collector in chosen.collectors]

    def _policy(self, target: Target) -> CapturePolicy:
        options = self._options
        no_heavy = "it is heavy, and allow_heavy is off"
        if options.allow_heavy:
            heavy = {collector.id for collector in options.chosen.collectors if collector.invasive == "heavy"}
            earlier = captured_before(self._room.spool, target, heavy) if heavy else []
            no_heavy = too_soon(earlier, datetime.now(timezone.utc), options.cool_down_s, options.heavy_per_day)
        return CapturePolicy(
            options.debug.ceiling, bool(options.debug.image), no_heavy, options.force, self._room.left()
        )

    def _task(self, selected: SelectedPod, record: Record, pod_upload: PodUpload | None, *, is_only: bool) -> _Task:
        pod = selected.target.pod

        def report_with_pod(line: str) -> None:
            self._report(f"[{pod}] {line}")

        policy = self._policy(selected.target)
        if is_only:
            return _Task(selected, policy, record, pod_upload, self._report, "")
        return _Task(selected, policy, record, pod_upload, report_with_pod, pod)

    def _run_task(self, task: _Task) -> None:
        """Capture one target. If it is one of several, a failure is reported and does not affect the others."""
        try:
            self._capture_and_follow(task)
        except CaptureError as error:
            if not task.folder or self._api.streams.broken:
                raise
            target = task.selected.target
            self._report(f"{target} could not be captured: {error}")
            task.record.add(_failed_capture(target, error))

    def _capture_and_follow(self, task: _Task) -> None:
        """Capture the target. If its pod is replaced during the capture, capture the rest from the replacement."""
        chosen = self._chosen
        selected = self._wait_for_start(task, task.selected, self._options.debug.wait_for_restart_s)
        scope = CaptureScope(
            selected.pod,
            selected.target,
            task.policy,
            task.folder,
            chosen.preset,
            self._options.log_since_s,
            task.pod_upload,
            chosen.runtimes,
            self._options.debug.programs,
            self._image_programs,
        )
        is_pod_gone = self._capture(task, scope, chosen.collectors)
        successor = self._follow_replacement(task, selected) if is_pod_gone else None
        if successor:
            successor = self._wait_for_start(task, successor, _REPLACEMENT_START_S)
            missing = _find_missing(chosen.collectors, task.record, task.folder)
            scope = replace(scope, pod=successor.pod, target=successor.target, folder=successor.target.pod)
            self._capture(task, scope, missing)

    def _wait_for_start(self, task: _Task, selected: SelectedPod, limit_s: float) -> SelectedPod:
        """Wait up to ``limit_s`` for a target that does not run, and return it as it is at its next start."""
        target, restarts = selected.target, selected.target.state.restarts
        if target.is_running or not limit_s:
            return selected
        task.report(f"{target} is not running ({target.state}): waiting for its next start, at most {limit_s:.0f} s")
        try:
            for pod in watch_pod(self._api, target.namespace, target.pod, limit_s):
                current = find_target(pod, target.container, datetime.now(timezone.utc))
                if current.is_running:
                    _remark(task, f"{target} has started")
                    return SelectedPod(pod, current)
                restarts = current.state.restarts
        except CaptureError as error:  # what can be captured without the start is captured
            _remark(task, f"cannot watch {target} until its next start: {error}")
            return selected
        if restarts > target.state.restarts:
            _remark(
                task, f"{target} started within {limit_s:.0f} s, but ended before the kubelet reported that it runs"
            )
        else:
            _remark(task, f"{target} did not start within {limit_s:.0f} s")
        return selected

    def _capture(self, task: _Task, scope: CaptureScope, collectors: Sequence[Collector]) -> bool:
        """Run ``collectors`` and return whether the pod was gone at the end."""
        target = scope.target
        task.report(
            f"capturing {target} (container {target.container}, {target.state}) on node {target.node or 'none'}"
        )
        mounts = persistent_mounts(scope.pod, target.container)
        with DebugSession(self._api, target, mounts, self._options.debug, task.report) as debug_session:
            capture = TargetCapture(self._api, scope, debug_session, task.record, task.report)
            capture.run(collectors)
        return capture.is_pod_gone

    def _follow_replacement(self, task: _Task, selected: SelectedPod) -> SelectedPod | None:
        """Return the pod that replaced a deleted one; None if there is none. A replacement is not followed again."""
        target, record = selected.target, task.record
        known_uids = [target.uid for target in record.manifest.targets]
        try:
            pod = find_replacement(self._api, target, selected.pod, known_uids)
        except CaptureError as error:
            task.report(f"cannot find the replacement of {target}: {error}")
            pod = None
        if pod is None:
            _remark(task, f"{target} disappeared during the capture and has no replacement")
            return None
        successor = find_target(pod, target.container, datetime.now(timezone.utc))
        _remark(task, f"{target} disappeared during the capture; continuing with its replacement {successor}")
        record.add_target(successor)
        return SelectedPod(pod, successor)


def _remark(task: _Task, line: str) -> None:
    """Add ``line`` to the log and to the manifest."""
    task.report(line)
    task.record.remark(line)


def _failed_capture(target: Target, error: CaptureError) -> Artifact:
    """Return the artifact that records that nothing was captured of ``target``."""
    started = datetime.now(timezone.utc)
    return Artifact(
        "",
        "Capture of the pod",
        "",
        0,
        "",
        started,
        0,
        "failed",
        "",
        str(error),
        target.pod,
        reason_code="other",
    )


def _find_missing(collectors: Sequence[Collector], record: Record, folder: str) -> list[Collector]:
    """Return the collectors without a complete artifact in ``folder``, and those that read the API."""
    complete = {
        artifact.collector
        for artifact in record.manifest.artifacts
        if artifact.pod == folder and artifact.outcome == "complete"
    }
    return [collector for collector in collectors if collector.id not in complete or collector.reads_api]
