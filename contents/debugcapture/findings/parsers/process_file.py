"""Parses what the collector of processes and limits writes: /proc of a process, and its control group."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ...finding import EvidenceLines
from ...text import number_in
from ..evidence import Evidence, Line
from .sections import has_sections, section_lines

_UNLIMITED: Final = 1 << 60  # control groups of version 1 show "no limit" as a number near 2^63
_LIMIT = re.compile(r"(Max [a-z ]{1,30}?) {2,}(\d{1,20}|unlimited) +(\d{1,20}|unlimited)")
_PRESSURE = re.compile(r"(some|full) avg10=([\d.]{1,9}) avg60=([\d.]{1,9}) avg300=([\d.]{1,9})")
_PROCESS = re.compile(r"(\d{1,9}) (\d{1,9}) ([A-Z]) (\d{1,9}) (?:(\d{1,15}) kB|-) (.*)")
_PID = re.compile(r"/proc/(\d{1,9})/")
# Files of a control group that contain one number, in version 2 and 1.
_NUMBERS: Final = {
    "memory.current": "memory used",
    "memory/memory.usage_in_bytes": "memory used",
    "memory.max": "memory limit",
    "memory/memory.limit_in_bytes": "memory limit",
    "memory.peak": "memory peak",
    "memory/memory.max_usage_in_bytes": "memory peak",
    "pids.current": "pids",
    "pids/pids.current": "pids",
    "pids.max": "pids limit",
    "pids/pids.max": "pids limit",
    "cpu/cpu.cfs_quota_us": "cpu quota",
    "cpu/cpu.cfs_period_us": "cpu period",
}
# Files of a control group with a name and a number a line.
_TABLES: Final = frozenset({"memory.events", "memory.stat", "cpu.stat", "memory/memory.oom_control"})


@dataclass(frozen=True, slots=True)
class ProcessRow:
    """A process of the container."""

    pid: int
    parent: int
    state: str
    """One letter, as in /proc/PID/status: R, S, D, Z, T."""
    threads: int
    rss_bytes: int
    name: str
    line: EvidenceLines


@dataclass(frozen=True, slots=True)
class Pressure:
    """How much of the last 60 seconds tasks waited for a resource, in percent: at least one of them, or all."""

    resource: str
    scope: str
    """"container" or "node"."""
    some: float
    full: float
    line: EvidenceLines


@dataclass(frozen=True, slots=True)
class Fact:
    """A number with its line."""

    value: int
    line: EvidenceLines


@dataclass(frozen=True, slots=True)
class ProcessState:
    """A process, its limits, and the control group of its container. A missing fact was not in the file."""

    pid: int = 0
    name: str = ""
    processes: tuple[ProcessRow, ...] = ()
    limits: Mapping[str, Fact] = field(default_factory=dict)
    """Soft limits by the name in /proc/PID/limits, without those that are unlimited."""
    descriptors: int | None = None
    sockets: int = 0
    descriptor_line: EvidenceLines | None = None
    facts: Mapping[str, Fact] = field(default_factory=dict)
    """Numbers of the control group; limits that are "max" are missing. A table is "FILE KEY"."""
    pressures: tuple[Pressure, ...] = ()

    def value(self, name: str) -> int | None:
        """Return a number of the control group; None if it is missing."""
        fact = self.facts.get(name)
        return fact.value if fact else None


def recognize(evidence: Evidence) -> bool:
    """Return whether the file has sections about a process and its control group."""
    return has_sections(evidence, "processes: pid, parent", "/proc/loadavg") and "/limits" in evidence.head


def parse(evidence: Evidence) -> ProcessState:
    """Return the state of the process."""
    reader = _Reader(evidence)
    for title, line in section_lines(evidence):
        reader.add(title, line)
    return reader.finished()


class _Reader:
    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._pid = 0
        self._processes: list[ProcessRow] = []
        self._limits: dict[str, Fact] = {}
        self._facts: dict[str, Fact] = {}
        self._pressures: dict[tuple[str, str], Pressure] = {}
        self._descriptors: list[int] = []
        self._sockets = 0

    def add(self, title: str, line: Line) -> None:
        """Add a line of the section ``title``."""
        group_file = title.partition("/sys/fs/cgroup/")[2]
        if title.startswith("processes:"):
            self._add_process(line)
        elif title.endswith("/limits"):
            self._add_limit(title, line)
        elif title.endswith("/fd"):
            self._add_descriptor(line)
        elif "pressure" in title:
            self._add_pressure(title, line)
        elif group_file in _NUMBERS:
            self._add_fact(_NUMBERS[group_file], line.text, line)
        elif group_file in _TABLES:
            key, _, value = line.text.strip().partition(" ")
            self._add_fact(f"{group_file.rpartition('/')[2]} {key}", value, line)
        elif group_file == "cpu.max":
            quota, _, period = line.text.strip().partition(" ")
            self._add_fact("cpu quota", quota, line)
            self._add_fact("cpu period", period, line)

    def _quote(self, line: Line) -> EvidenceLines:
        return self._evidence.quote(line.number, line.number, line.text.strip())

    def _add_process(self, line: Line) -> None:
        match = _PROCESS.fullmatch(line.text.strip())
        if match:
            pid, parent, threads = int(match[1]), int(match[2]), int(match[4])
            row = ProcessRow(pid, parent, match[3], threads, int(match[5] or 0) * 1024, match[6], self._quote(line))
            self._processes.append(row)

    def _add_limit(self, title: str, line: Line) -> None:
        pid = _PID.search(title)
        match = _LIMIT.match(line.text)
        self._pid = int(pid[1]) if pid else self._pid
        if match and match[2] != "unlimited":
            self._limits[match[1].strip()] = Fact(int(match[2]), self._quote(line))

    def _add_descriptor(self, line: Line) -> None:
        if " -> " in line.text:
            self._descriptors.append(line.number)
            self._sockets += "-> socket:[" in line.text

    def _add_fact(self, name: str, text: str, line: Line) -> None:
        value = number_in(text)
        if value is not None and value < _UNLIMITED:
            self._facts[name] = Fact(value, self._quote(line))

    def _add_pressure(self, title: str, line: Line) -> None:
        match = _PRESSURE.match(line.text)
        if not match:
            return
        scope = "node" if title.startswith("/proc/pressure/") else "container"
        resource = title.rpartition("/")[2].removesuffix(".pressure")
        average = _number(match[3])
        before = self._pressures.get((scope, resource))
        if match[1] == "some":
            self._pressures[scope, resource] = Pressure(resource, scope, average, 0.0, self._quote(line))
        elif before:
            self._pressures[scope, resource] = Pressure(resource, scope, before.some, average, before.line)

    def finished(self) -> ProcessState:
        """Return the state that was read."""
        lines = self._descriptors
        name = next((process.name for process in self._processes if process.pid == self._pid), "")
        return ProcessState(
            pid=self._pid,
            name=name,
            processes=tuple(self._processes),
            limits=self._limits,
            descriptors=len(lines) or None,
            sockets=self._sockets,
            descriptor_line=self._evidence.quote(lines[0], lines[-1]) if lines else None,
            facts=self._facts,
            pressures=tuple(self._pressures.values()),
        )


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0  # "1.2.3" is not a number of the kernel
