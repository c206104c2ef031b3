"""Parses class histograms: `jcmd GC.class_histogram`, `jmap -histo`, `jattach inspectheap`.

Source: JDK, src/hotspot/share/memory/heapInspection.cpp.
"""

import re
from dataclasses import dataclass
from typing import Final, NamedTuple

from ..evidence import Evidence

_ROW = re.compile(r"(\d{1,9}):\s+(\d{1,15})\s+(\d{1,18})\s+(\S.{0,1000})$")
_TOTAL = re.compile(r"Total\s+(\d{1,15})\s+(\d{1,18})\s*$")
_MOST_ROWS: Final = 100_000
_HEAD_CHARACTERS: Final = 20_000


class ClassCount(NamedTuple):
    """A row: a class, and how many instances of it are in the heap."""

    name: str
    instances: int
    bytes: int
    line: int
    text: str


@dataclass(frozen=True)
class Histogram:
    """The classes of the heap, the largest first."""

    evidence: Evidence
    classes: tuple[ClassCount, ...]
    total_instances: int
    total_bytes: int


def recognize(evidence: Evidence) -> bool:
    """Return whether the file is a histogram: two rows, or the heading and a row."""
    head = evidence.head[:_HEAD_CHARACTERS]
    rows = sum(_ROW.match(line.strip()) is not None for line in head.splitlines()[:40])
    return rows >= 2 or ("#instances" in head and "#bytes" in head and rows >= 1)


def parse(evidence: Evidence) -> Histogram:
    """Return the histogram in ``evidence``."""
    classes: list[ClassCount] = []
    total = (0, 0)
    for line in evidence.lines():
        text = line.text.strip()
        if (match := _ROW.match(text)) and len(classes) < _MOST_ROWS:
            name = match.group(4).partition(" (")[0].strip()
            row = ClassCount(name, int(match.group(2)), int(match.group(3)), line.number, text)
            classes.append(row)
        elif match := _TOTAL.match(text):
            total = (int(match.group(1)), int(match.group(2)))
    instances = total[0] or sum(row.instances for row in classes)
    return Histogram(evidence, tuple(classes), instances, total[1] or sum(row.bytes for row in classes))


def readable(name: str) -> str:
    """Return the name of a class as in source code: `[C` is `char[]`, `[Ljava.lang.String;` is `java.lang.String[]`."""
    depth = len(name) - len(name.lstrip("["))
    if not depth:
        return name
    inner = name[depth:]
    primitive = {
        "B": "byte",
        "C": "char",
        "D": "double",
        "F": "float",
        "I": "int",
        "J": "long",
        "S": "short",
        "Z": "boolean",
    }
    return primitive.get(inner, inner.removeprefix("L").removesuffix(";")) + "[]" * depth
