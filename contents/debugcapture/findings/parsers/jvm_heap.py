"""Parses what a JVM says about its heap: `GC.heap_info`, `VM.flags`, `VM.uptime`, and `jmap -heap` of old JDKs.

Source: JDK, the methods print_on of the heaps, such as src/hotspot/share/gc/g1/g1CollectedHeap.cpp.
"""

import re
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from ..evidence import Evidence, Line

_POOL = re.compile(
    r"\s*(garbage-first heap|PSYoungGen|ParOldGen|PSOldGen|PSPermGen|def new generation|DefNew|tenured generation|"
    r"Tenured|par new generation|concurrent mark-sweep generation|ZHeap|Shenandoah Heap|Metaspace|class space|"
    r"epsilon)\s+(.*)$",
    re.IGNORECASE,
)
_SIZE = re.compile(r"(total reserved|total|committed|used|capacity|max capacity|max|reserved)[ =]+(\d{1,15})([KMG]?)\b")
_FLAG = re.compile(
    r"-XX:(MaxHeapSize|MaxMetaspaceSize|MaxRAMPercentage|MaxDirectMemorySize|ReservedCodeCacheSize)=(\d{1,18})"
)
_UPTIME = re.compile(r"(\d{1,12}\.\d{3}) s$")
_OLD_MAXIMUM = re.compile(r"\s*(MaxHeapSize|MaxPermSize)\s*=\s*(\d{1,18})")
_OLD_VALUE = re.compile(r"\s*(capacity|used)\s*=\s*(\d{1,18})")
_OLD_POOL: Final = (
    "Eden Space:",
    "From Space:",
    "To Space:",
    "PS Old Generation",
    "tenured generation:",
    "PS Perm Generation",
    "Perm Generation:",
    "G1 Heap:",
    "concurrent mark-sweep generation:",
)
_UNITS: Final = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_HEAD_CHARACTERS: Final = 20_000
_MARKS: Final = (
    "garbage-first heap",
    "PSYoungGen",
    "ZHeap",
    "Shenandoah Heap",
    "def new generation",
    "-XX:MaxHeapSize=",
)


class MemoryPool(NamedTuple):
    """A part of the memory. Sizes are in bytes; 0 if they are unknown."""

    name: str
    used: int
    committed: int
    line: Line


@dataclass(frozen=True)
class JvmHeap:
    """The memory of a JVM."""

    evidence: Evidence
    pools: tuple[MemoryPool, ...] = ()
    max_heap: int = 0
    max_permanent: int = 0
    """Limit of the permanent generation, until Java 7."""
    uptime_s: float | None = None
    flags: tuple[str, ...] = ()


def recognize(evidence: Evidence) -> bool:
    """Return whether the file is the output of such a command, not a log that contains it."""
    head = evidence.head[:_HEAD_CHARACTERS]
    lines = head.splitlines()
    if len(lines) > 150:
        return False
    old = "Heap Configuration:" in head and "Heap Usage:" in head
    return old or any(line.lstrip().startswith(_MARKS) for line in lines) or "-XX:MaxHeapSize=" in head


def parse(evidence: Evidence) -> JvmHeap:
    """Return the memory that ``evidence`` describes."""
    heap = JvmHeap(evidence)
    old_pool = ""
    capacity = 0
    for line in evidence.lines():
        if (match := _POOL.match(line.text)) and (pool := _pool(match, line)):
            heap = replace(heap, pools=(*heap.pools, pool)[:100])
        elif line.text.strip() in _OLD_POOL:
            old_pool = line.text.strip().rstrip(":")
        elif old_pool and (match := _OLD_VALUE.match(line.text)):
            if match.group(1) == "capacity":
                capacity = int(match.group(2))
            else:
                pool = MemoryPool(old_pool, int(match.group(2)), capacity, line)
                heap, old_pool = replace(heap, pools=(*heap.pools, pool)[:100]), ""
        else:
            heap = _with_facts(heap, line)
    return heap


def _pool(match: re.Match[str], line: Line) -> MemoryPool | None:
    sizes = {name: int(value) * _UNITS[unit] for name, value, unit in _SIZE.findall(match.group(2))}
    if "used" not in sizes:
        return None
    committed = sizes.get("committed") or sizes.get("capacity") or sizes.get("total", 0)
    return MemoryPool(match.group(1), sizes["used"], committed, line)


def _with_facts(heap: JvmHeap, line: Line) -> JvmHeap:
    if match := _OLD_MAXIMUM.match(line.text):
        value = int(match.group(2))
        is_heap = match.group(1) == "MaxHeapSize"
        return replace(heap, max_heap=value) if is_heap else replace(heap, max_permanent=value)
    if match := _UPTIME.match(line.text):
        return replace(heap, uptime_s=float(match.group(1)))
    for name, value in _FLAG.findall(line.text):
        heap = replace(heap, flags=(*heap.flags, f"-XX:{name}={value}")[:10])
        if name == "MaxHeapSize":
            heap = replace(heap, max_heap=int(value))
    return heap
