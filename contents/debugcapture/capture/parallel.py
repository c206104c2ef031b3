"""Capture several targets side by side: each has its own progress, its own failure, its own place in the bundle."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timezone

from ..bundle.bundle import captured_before
from ..bundle.record import Record
from ..bundle.spool import Room
from ..collectors.catalog import Chosen, Goal, choose, files_collector
from ..collectors.goals import judged
from ..collectors.impact import too_soon
from ..collectors.plan import Allowed, programs_of
from ..errors import CaptureError
from ..kube.client import Api
from ..kube.watch import pod_changes
from ..model import Action, Artifact, Collector, Manifest, Target
from ..settings.capture import CaptureSettings
from ..settings.debug_container import DebugContainerSettings
from ..targets.pods import find_target
from ..targets.selection import Selected, replacement
from .collect import Capture
from .crash_dumps import lasting_mounts
from .debug_session import Attachment, DebugOptions, debug_options
from .pod_upload import Direct
from .probe import Scope, Survey

Say = Callable[[str], None]
_REPLACEMENT_START_S = 60


@dataclass(frozen=True, slots=True)
class Order:
    """What a job asks for, and what its author allows."""

    chosen: Chosen
    options: DebugOptions
    allow_heavy: bool
    insist: bool
    cool_down_s: int
    heavy_per_day: int
    concurrency: int
    log_since_s: int = 0


def order(capture: CaptureSettings, debug: DebugContainerSettings, concurrency: int) -> Order:
    """Return the order that the settings make. Raises BadInput, before anything is touched."""
    chosen = choose(capture.collectors, capture.catalog)
    if capture.files:
        files = files_collector(capture.files.split())
        chosen = replace(chosen, collectors=(*chosen.collectors, files), goals=(*chosen.goals, Goal((files,))))
    options = debug_options(debug, capture.debug_time_limit_s, capture.wait_for_restart_s)
    programs = programs_of(chosen.collectors)
    options = replace(options, copy=capture.allow_copy, node_namespace=capture.node_namespace, programs=programs)
    return Order(
        chosen,
        options,
        capture.allow_heavy,
        capture.insist,
        capture.cool_down_s,
        capture.heavy_per_day,
        concurrency,
        capture.log_since_s,
    )


class Captures:
    """All captures of one step."""

    def __init__(self, api: Api, asked: Order, room: Room, say: Say) -> None:
        """Prepare; `run` does the work. The spool of ``room`` remembers which workloads were dumped lately."""
        self._api, self._asked, self._room, self._spool, self._say = api, asked, room, room.spool, say
        self._chosen = asked.chosen

    def run(self, selected: Sequence[Selected], record: Record, direct: Direct | None = None) -> None:
        """Capture from all of ``selected`` into ``record``; large files go ``direct`` where that is given.

        An abort (SystemExit) breaks the streams that are open, so that each capture ends its debug container and leaves
        what it has.
        """
        several = len(selected) > 1
        allowed = [self._allowed(one.target) for one in selected]
        workers = min(self._asked.concurrency, len(selected))
        with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="capture") as pool:
            running = [
                pool.submit(self._one, one, record, may, direct, several=several)
                for one, may in zip(selected, allowed, strict=True)
            ]
            try:
                for one in running:
                    one.result()
            except BaseException:
                for one in running:
                    one.cancel()
                self._api.streams.break_all()
                raise

    def judged(self, manifest: Manifest) -> Manifest:
        """Return ``manifest`` with what the job asked for, and nothing captured, as failed."""
        return judged(self._chosen.goals, manifest)

    @property
    def requests(self) -> int:
        """Return how many requests the API server has got."""
        return self._api.requests

    def plan(self, selected: Selected) -> list[Action]:
        """Return what would be done to ``selected``; nothing is attached."""
        chosen, may = self._chosen, self._allowed(selected.target)
        programs = self._asked.options.programs
        scope = Scope(
            selected.pod, selected.target, may, preset=chosen.preset, runtimes=chosen.runtimes, programs=programs
        )
        attachment = Attachment(self._api, selected.target, (), self._asked.options, self._say)
        survey = Survey(self._api, scope, attachment)
        return [survey.decide(one, attach=False) for one in self._chosen.collectors]

    def _allowed(self, target: Target) -> Allowed:
        asked = self._asked
        no_heavy = "it is heavy, and allow_heavy is off"
        if asked.allow_heavy:
            heavy = {one.id for one in asked.chosen.collectors if one.invasive == "heavy"}
            dumped = captured_before(self._spool, target, heavy) if heavy else []
            no_heavy = too_soon(dumped, datetime.now(timezone.utc), asked.cool_down_s, asked.heavy_per_day)
        left = self._room.left()
        return Allowed(asked.options.ceiling, bool(asked.options.image), no_heavy, asked.insist, left)

    def _one(
        self, selected: Selected, record: Record, allowed: Allowed, direct: Direct | None, *, several: bool
    ) -> None:
        """Capture from ``selected``; of several, one that fails as a whole is told and costs the others nothing."""
        try:
            self._whole(selected, record, allowed, direct, several=several)
        except CaptureError as error:
            if not several or self._api.streams.broken:
                raise
            self._say(f"{selected.target} could not be captured: {error}")
            pod, began = selected.target.pod, datetime.now(timezone.utc)
            record.add(
                Artifact(
                    "", "Capture of the pod", "", 0, "", began, 0, "failed", "", str(error), pod, reason_code="other"
                )
            )

    def _whole(
        self, selected: Selected, record: Record, allowed: Allowed, direct: Direct | None, *, several: bool
    ) -> None:
        chosen = self._chosen
        say, folder = (self._speaker(selected.target), selected.target.pod) if several else (self._say, "")
        selected = self._caught(selected, self._asked.options.wait_for_restart_s, record, say)
        pod, target = selected.pod, selected.target
        scope = Scope(
            pod,
            target,
            allowed,
            folder,
            chosen.preset,
            self._asked.log_since_s,
            direct,
            chosen.runtimes,
            self._asked.options.programs,
        )
        gone = self._capture(scope, chosen.collectors, record, say)
        follower = self._follow(selected, record, say) if gone else None
        if follower:
            follower = self._caught(follower, _REPLACEMENT_START_S, record, say)
            missing = _missing(chosen.collectors, record, folder)
            scope = replace(scope, pod=follower.pod, target=follower.target, folder=follower.target.pod)
            self._capture(scope, missing, record, say)

    def _caught(self, selected: Selected, limit_s: float, record: Record, say: Say) -> Selected:
        """Return ``selected`` at its next start, when it does not run and is to be waited for, ``limit_s`` at most."""
        target = selected.target
        if target.is_running or not limit_s:
            return selected
        say(f"{target} is not running ({target.state}): waiting for its next start, at most {limit_s:.0f} s")
        try:
            for pod in pod_changes(self._api, target.namespace, target.pod, limit_s):
                found = find_target(pod, target.container, datetime.now(timezone.utc))
                if found.is_running:
                    record.remark(f"{target} has started")
                    return Selected(pod, found)
        except CaptureError as error:  # other targets are captured all the same
            record.remark(f"cannot watch {target} until its next start: {error}")
            return selected
        record.remark(f"{target} did not start within {limit_s:.0f} s")
        return selected

    def _capture(self, scope: Scope, collectors: Sequence[Collector], record: Record, say: Say) -> bool:
        """Return whether the pod was gone in the end."""
        target = scope.target
        say(f"capturing {target} (container {target.container}, {target.state}) on node {target.node or 'none'}")
        mounts = lasting_mounts(scope.pod, target.container)
        with Attachment(self._api, target, mounts, self._asked.options, say) as attachment:
            capture = Capture(self._api, scope, attachment, record, say)
            capture.run(collectors)
        return capture.gone

    def _follow(self, selected: Selected, record: Record, say: Say) -> Selected | None:
        """Return the pod that took the place of one that is gone; it is followed once."""
        target = selected.target
        taken = [one.uid for one in record.manifest.targets]
        try:
            pod = replacement(self._api, target, selected.pod, taken)
        except CaptureError as error:
            say(f"cannot find the replacement of {target}: {error}")
            pod = None
        if pod is None:
            record.remark(f"{target} disappeared during the capture and has no replacement")
            return None
        follower = find_target(pod, target.container, datetime.now(timezone.utc))
        line = f"{target} disappeared during the capture; continuing with its replacement {follower}"
        say(line)
        record.remark(line)
        record.also(follower)
        return Selected(pod, follower)

    def _speaker(self, target: Target) -> Say:
        return lambda line: self._say(f"[{target.pod}] {line}")


def _missing(collectors: Sequence[Collector], record: Record, folder: str) -> list[Collector]:
    """Return the collectors that got nothing whole from the pod in ``folder``; what the API knows is read anew."""
    done = {one.collector for one in record.manifest.artifacts if one.pod == folder and one.outcome == "complete"}
    return [one for one in collectors if one.id not in done or one.reads_api]
