"""Parses the summary of Native Memory Tracking: `jcmd VM.native_memory summary`.

Source: https://docs.oracle.com/en/java/javase/21/vm/native-memory-tracking.html.
"""

import re
from dataclasses import dataclass
from typing import Final, NamedTuple

from ..evidence import Evidence, Line

_CATEGORY = re.compile(
    r"-?\s*([A-Z][A-Za-z() ]{1,40}?)[:\s]\s{0,30}\(?reserved=(\d{1,18})([KMG]?B), committed=(\d{1,18})([KMG]?B)"
)
_THREADS = re.compile(r"\((?:threads?) #(\d{1,9})\)")
_UNITS: Final = {"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30}
_HEAD_CHARACTERS: Final = 4000
_MOST: Final = 200


class Category(NamedTuple):
    """Memory of one purpose. Sizes are in bytes."""

    name: str
    reserved: int
    committed: int
    line: Line


@dataclass(frozen=True)
class NativeMemory:
    """The memory of a JVM by purpose."""

    evidence: Evidence
    total: Category | None
    categories: tuple[Category, ...]
    threads: int
    """Number of threads; 0 if it is unknown."""
    threads_line: Line


def recognize(evidence: Evidence) -> bool:
    """Return whether the file is such a summary."""
    head = evidence.head[:_HEAD_CHARACTERS]
    return "Native Memory Tracking:" in head and "reserved=" in head and "committed=" in head


def parse(evidence: Evidence) -> NativeMemory:
    """Return the summary in ``evidence``."""
    total: Category | None = None
    categories: list[Category] = []
    threads, threads_line = 0, Line(1, "")
    for line in evidence.lines():
        if (match := _CATEGORY.match(line.text.strip())) and len(categories) < _MOST:
            name, reserved, reserved_unit, committed, committed_unit = match.groups()
            sizes = (int(reserved) * _UNITS[reserved_unit], int(committed) * _UNITS[committed_unit])
            category = Category(name.strip(), *sizes, line)
            if category.name == "Total":
                total = total or category
            else:
                categories.append(category)
        elif not threads and (match := _THREADS.search(line.text)):
            threads, threads_line = int(match.group(1)), line
    return NativeMemory(evidence, total, tuple(categories), threads, threads_line)
