"""Parses histograms of the .NET heap: of dotnet-inspect, and of dotnet-gcdump report.

Source: deploy/toolbox/dotnet-inspect/heap.go; dotnet/diagnostics, src/Tools/dotnet-gcdump/DotNetHeapDump.
"""

import re
from dataclasses import dataclass
from typing import Final, NamedTuple

from ..evidence import Evidence

_ROW: Final = re.compile(r"^ *([\d,]{1,20}) +([\d,]{1,20})  (\S.{0,1100})$")
_HEADINGS: Final = re.compile(r"^ *(?:bytes +objects +type|Object Bytes +Count +Type)$", re.MULTILINE)
_MODULE: Final = re.compile(r"(?: \(Bytes > [^)]{1,20}\))?(?:  \[[^\]]{0,300}\])?$")
_ALL: Final = "(all)"
_MOST_ROWS: Final = 100_000
_HEAD_CHARACTERS: Final = 4000


class TypeCount(NamedTuple):
    """A row: a type, and how many objects of it are on the heap."""

    name: str
    objects: int
    bytes: int
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class NetHeap:
    """The types of the heap, the largest first."""

    evidence: Evidence
    types: tuple[TypeCount, ...]
    objects: int
    bytes: int


def recognize(evidence: Evidence) -> bool:
    """Return whether the file is a histogram of a .NET heap."""
    return _HEADINGS.search(evidence.head[:_HEAD_CHARACTERS]) is not None


def parse(evidence: Evidence) -> NetHeap:
    """Return the histogram in ``evidence``."""
    rows: list[TypeCount] = []
    total: TypeCount | None = None
    for line in evidence.lines():
        match = _ROW.match(line.text)
        if not match or not (match[1].strip(",") and match[2].strip(",")):
            continue
        size, objects = (int(text.replace(",", "")) for text in match.groups()[:2])
        row = TypeCount(_MODULE.sub("", match[3]), objects, size, line.number, line.text.strip())
        if row.name == _ALL:
            total = row
        elif len(rows) < _MOST_ROWS:
            rows.append(row)
    objects = total.objects if total else sum(row.objects for row in rows)
    return NetHeap(evidence, tuple(rows), objects, total.bytes if total else sum(row.bytes for row in rows))
