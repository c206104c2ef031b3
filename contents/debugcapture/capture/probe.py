"""Looks into a target and decides how each collector captures its evidence."""

from dataclasses import dataclass, field, replace
from threading import Lock

from ..actions import Action
from ..collectors.impact import (
    Budget,
    Space,
    is_tmp_in_memory,
    memory_budget,
    pod_disk_space,
    probe_budget_s,
    tmp_space,
)
from ..collectors.plan import CapturePolicy, ProbeResult, decide
from ..collectors.processes import MemoryUse, listing_command, matching, parse, parse_pids
from ..errors import CaptureError, NeverEnds, Unreachable
from ..kube.client import Api
from ..kube.exec_stream import run_short
from ..model import Collector, Json, Process, Target
from ..targets.pods import container_status, find_container
from ..text import number_in
from .debug_session import DebugSession
from .image_programs import ImagePrograms, Output
from .pod_upload import PodUpload

_TOOL_VARIABLES = frozenset({"JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "OPENJ9_JAVA_OPTIONS", "IBM_JAVA_OPTIONS"})
_FOR_READERS = ("find",)  # programs that readers run in the target, in addition to those of the collectors
_AMBIGUOUS = "the pod shares its processes, and the container does not show which of them are its own"


@dataclass(frozen=True, slots=True)
class CaptureScope:
    """What a capture is about, and what it may do."""

    pod: Json
    target: Target
    policy: CapturePolicy
    folder: str = ""
    """Folder of the target in the bundle; "" for the bundle itself."""
    preset: bool = False
    """The collectors come from a preset: those of other runtimes are not mentioned."""
    log_since_s: int = 0
    """How far back logs are read; 0 for all."""
    pod_upload: PodUpload | None = None
    """Where pods upload large files; None to stream all files."""
    runtimes: tuple[Collector, ...] = ()
    """Collectors that detect a managed runtime; for a preset only."""
    programs: tuple[str, ...] = ()
    """Programs that the collectors run. The shell of the image reports which of them it has."""
    image_programs: ImagePrograms = field(default_factory=ImagePrograms)
    """Shared by all targets of a capture."""


class Probe:
    """What is known about one target. Each question is asked once."""

    def __init__(self, api: Api, scope: CaptureScope, debug_session: DebugSession) -> None:
        """Nothing runs in the target before `decide`."""
        self._api, self._scope, self._debug_session = api, scope, debug_session
        self._target, self._ref = scope.target, scope.target.ref
        self._result: ProbeResult | None = None
        self._tested: set[tuple[str, ...]] = set()
        self._programs: frozenset[str] = frozenset()
        """Programs of the scope that the image has."""
        self._unusable: CaptureError | None = None
        """Why nothing can be run in the target; it would fail for each collector."""
        self._memory: MemoryUse | None = None
        """The memory of the target; None if it is unknown."""
        self._lock = Lock()
        """Parallel collectors are decided one after another, so that each uses the answers of those before it."""
        self.shell = False
        """Whether the target's image has a shell."""

    def decide(self, collector: Collector, *, attach: bool) -> Action:
        """Return how to capture ``collector``. With ``attach``, it may attach a debug container to find out.

        Raises CaptureError if nothing can be run in the target.
        """
        if collector.reads_api or not self._target.is_running:
            return decide(self._target, collector, ProbeResult(None, ()), self._scope.policy, Budget())
        with self._lock:
            result = self._probe(collector, attach=attach)
            return decide(self._target, collector, result, self._scope.policy, self._budget(collector))

    def refusal(self, collector: Collector, pid: int) -> str:
        """Return why process ``pid`` accepts no tool of ``collector``, by its own options; "" if it may accept them."""
        processes = (self._result.processes if self._result else None) or ()
        if collector.runtime != "jvm" or all(process.accepts_attach or process.pid != pid for process in processes):
            return ""
        return f"process {pid} runs with -XX:+DisableAttachMechanism"

    def has_program(self, name: str) -> bool:
        """Return whether the target runs, and its image has a shell and the program ``name``, such as `find`."""
        if self._result is None and self._target.is_running:
            self._result = self._list_processes()
        return self.shell and name in self._programs

    def _probe(self, collector: Collector, *, attach: bool) -> ProbeResult:
        """Return what the target has for ``collector``. Processes are listed once, each program is tested once."""
        if self._result is None:
            self._result = self._list_processes()
        # `find` would list the processes of the other containers too.
        can_find = not self.shell and not self._target.shares_processes and not self._is_tool_configured()
        pids = self._find_pids(collector) if can_find else None
        if pids is not None:
            self._test_tools(collector)
            return replace(self._result, processes=None, found_pids=pids)
        if self._result.processes is None and attach and self._debug_session.has_image and collector.from_debug:
            listing = self._debug_session.attach().listing
            self._memory = self._memory or listing.memory
            self._result = self._with_processes(listing.processes)
        if self.shell and matching(collector, self._result.processes or ()):
            self._test_tools(collector)
        return self._result

    def _list_processes(self) -> ProbeResult:
        if self._unusable:
            raise self._unusable
        command = listing_command(self._target.container_id, (*self._scope.programs, *_FOR_READERS))
        try:
            status, output, _ = self._run(command)
        except (NeverEnds, Unreachable) as error:
            self._unusable = error
            raise
        self.shell = status.code == 0
        if not self.shell:
            return ProbeResult(None, frozenset())
        listing = parse(output, shares_processes=self._target.shares_processes)
        self._programs = listing.programs
        self._memory = listing.memory
        if listing.ambiguous:
            return ProbeResult(None, frozenset(), unseen=_AMBIGUOUS)
        return self._with_processes(listing.processes)

    def _run(self, command: tuple[str, ...]) -> Output:
        """Run ``command`` in the target, unless a container of its image has shown that the program is missing."""
        image_id = str(container_status(self._scope.pod, self._target.container).get("imageID") or "")
        return self._scope.image_programs.run(image_id, command[0], lambda: run_short(self._api, self._ref, command))

    def _with_processes(self, processes: tuple[Process, ...]) -> ProbeResult:
        managed = any(matching(runtime, processes) for runtime in self._scope.runtimes)
        return ProbeResult(processes, frozenset(), managed=managed)

    def _test_tools(self, collector: Collector) -> None:
        """Add the tools of ``collector`` that the image has to the result."""
        for tool in collector.in_image:
            command = tool.present or tool.run[:1]
            result = self._result or ProbeResult(None, ())
            if command in self._tested:
                continue
            self._tested.add(command)
            if self._has_program(command):
                self._result = replace(result, tools=frozenset((*result.tools, command)))

    def _has_program(self, command: tuple[str, ...]) -> bool:
        if self.shell and command[0] in self._scope.programs:
            return command[0] in self._programs
        return not self._run(command)[0].not_found

    def _is_tool_configured(self) -> bool:
        """Return whether variables of the container would configure a tool that no shell can shield from them.

        A debug container does not have these variables. Without one, the tool of the image is the only way.
        """
        variables = find_container(self._scope.pod, self._target.container).get("env") or []
        return self._debug_session.has_image and any(variable["name"] in _TOOL_VARIABLES for variable in variables)

    def _find_pids(self, collector: Collector) -> tuple[int, ...] | None:
        """Return the PIDs that the `find` command of ``collector`` lists in an image without a shell.

        None if the collector has no such command, the image does not have its program, or it fails.
        """
        for tool in collector.in_image:
            if tool.find:
                status, output, _ = self._run(tool.find)
                if status.code == 0:
                    return parse_pids(tool, output)
        return None

    def _budget(self, collector: Collector) -> Budget:
        pod, container = self._scope.pod, find_container(self._scope.pod, self._target.container)
        budget = memory_budget(container, self._memory)
        if collector.invasive != "heavy":
            return budget
        spaces = [tmp_space(pod, container), self._free_space() if self.shell else None]
        return replace(
            budget,
            probe_s=probe_budget_s(container),
            disk=min(filter(None, spaces), key=lambda space: space.bytes, default=None),
            pod_disk=pod_disk_space(container),
            tmp_in_memory=is_tmp_in_memory(pod, container),
        )

    def _free_space(self) -> Space | None:
        """Return the free space of the target's /tmp, where dumps are written; None if `df` does not report it."""
        _, output, _ = run_short(self._api, self._ref, ("df", "-Pk", "/tmp"))  # noqa: S108 - the target's
        fields = output.strip().splitlines()[-1:]
        number = fields[0].split()[3:4] if fields else []
        free_kib = number_in(number[0]) if number else None
        return None if free_kib is None else Space(free_kib * 1024, "free space in /tmp")
