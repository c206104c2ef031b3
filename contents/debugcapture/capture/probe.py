"""Look into a target and decide how each collector reaches its evidence."""

from dataclasses import dataclass, replace
from threading import Lock

from ..collectors.impact import Budget, disk_limit_bytes, probe_budget_s
from ..collectors.plan import Allowed, Seen, decide
from ..collectors.processes import found_pids, listing_command, matching, parse
from ..errors import NeverEnds
from ..kube.client import Api
from ..kube.exec_stream import run_short
from ..model import Action, Collector, Json, Process, Target
from ..targets.pods import find_container
from ..text import number_in
from .debug_session import Attachment
from .pod_upload import Direct


@dataclass(frozen=True, slots=True)
class Scope:
    """What a capture is about, and what it may do."""

    pod: Json
    target: Target
    allowed: Allowed
    folder: str = ""  # its place in the bundle, "" for the bundle itself
    preset: bool = False  # collectors for other runtimes are left out without a word
    log_since_s: int = 0  # how far back logs are read; 0 for all
    direct: Direct | None = None  # where large files go from the pod
    runtimes: tuple[Collector, ...] = ()  # by which a process of a managed runtime is known; for a preset
    programs: tuple[str, ...] = ()  # that the collectors run; a shell in the image says which of them it has


class Survey:
    """What is known of one target; each question is asked once."""

    def __init__(self, api: Api, scope: Scope, attachment: Attachment) -> None:
        """Prepare; `decide` asks what it needs."""
        self._api, self._scope, self._attachment = api, scope, attachment
        self._target, self._place = scope.target, scope.target.ref
        self._seen: Seen | None = None
        self._tried: set[tuple[str, ...]] = set()
        self._programs: frozenset[str] = frozenset()  # of those in the scope, what the image has
        self._hangs: NeverEnds | None = None
        self._lock = Lock()  # collectors that run side by side are decided one after another: what one asks, all know
        self.shell = False  # whether the target's image has one

    def decide(self, collector: Collector, *, attach: bool) -> Action:
        """Return what to do for ``collector``; with ``attach`` a debug container may be attached to find out.

        Raises CaptureError when the target cannot be asked.
        """
        if collector.reads_api or not self._target.is_running:
            return decide(self._target, collector, Seen(None, ()), self._scope.allowed, Budget())
        with self._lock:
            seen = self._look(collector, attach=attach)
            return decide(self._target, collector, seen, self._scope.allowed, self._budget(collector))

    def has_shell(self) -> bool:
        """Tell whether the target runs and its image has a shell."""
        if self._seen is None and self._target.is_running:
            self._seen = self._list()
        return self.shell

    def _look(self, collector: Collector, *, attach: bool) -> Seen:
        """Return what the target has for ``collector``; the processes are listed once, and each program tried once."""
        if self._seen is None:
            self._seen = self._list()
        found = None if self.shell else self._find(collector)
        if found is not None:
            self._try(collector)
            return replace(self._seen, processes=None, found=found)
        if self._seen.processes is None and attach and self._attachment.has_image and collector.from_debug:
            self._seen = self._with_processes(self._attachment.place().listing.processes)
        if self.shell and matching(collector, self._seen.processes or ()):
            self._try(collector)
        return self._seen

    def _list(self) -> Seen:
        if self._hangs:
            raise self._hangs  # a shell that hangs would hang for each collector
        command = listing_command(self._target.container_id, self._scope.programs)
        try:
            status, output, _ = run_short(self._api, self._place, command)
        except NeverEnds as error:
            self._hangs = error
            raise
        self.shell = status.code == 0
        if not self.shell:
            return Seen(None, frozenset())
        listing = parse(output)
        self._programs = listing.programs
        return self._with_processes(listing.processes)

    def _with_processes(self, processes: tuple[Process, ...]) -> Seen:
        managed = any(matching(one, processes) for one in self._scope.runtimes)
        return Seen(processes, frozenset(), managed=managed)

    def _try(self, collector: Collector) -> None:
        """Find out which tools of ``collector`` the image has."""
        for tool in collector.in_image:
            command = tool.present or tool.run[:1]
            seen = self._seen or Seen(None, ())
            if command in self._tried:
                continue
            self._tried.add(command)
            if self._has(command):
                self._seen = replace(seen, tools=frozenset((*seen.tools, command)))

    def _has(self, command: tuple[str, ...]) -> bool:
        if self.shell and command[0] in self._scope.programs:
            return command[0] in self._programs
        return not run_short(self._api, self._place, command)[0].not_found

    def _find(self, collector: Collector) -> tuple[int, ...] | None:
        """Return the PIDs that the collector's own way shows in an image without a shell, None where there is none."""
        for tool in collector.in_image:
            if tool.find:
                status, output, _ = run_short(self._api, self._place, tool.find)
                if not status.not_found:
                    return found_pids(tool, output)
        return None

    def _budget(self, collector: Collector) -> Budget:
        if collector.invasive != "heavy":
            return Budget()
        container = find_container(self._scope.pod, self._target.container)
        limits = [disk_limit_bytes(container), self._free_bytes() if self.shell else None]
        return Budget(probe_budget_s(container), min((one for one in limits if one is not None), default=None))

    def _free_bytes(self) -> int | None:
        """Return the free space in the target's /tmp, where dumps are written, or None when it cannot tell."""
        _, output, _ = run_short(self._api, self._place, ("df", "-Pk", "/tmp"))  # noqa: S108 - the target's
        fields = output.strip().splitlines()[-1:]
        number = fields[0].split()[3:4] if fields else []
        free_kib = number_in(number[0]) if number else None
        return None if free_kib is None else free_kib * 1024
