"""Parses the table of CPU and memory that a capture writes, with the limits of each container."""

import re
from dataclasses import dataclass
from typing import Final

from ...errors import UnexpectedAnswer
from ...finding import EvidenceLines
from ...kube.values import parse_quantity
from ..evidence import Evidence

_CPU: Final = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)([num]?)")
_PARTS: Final = {"": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
_HEADER = ["CONTAINER", "CPU", "LIMIT", "MEMORY", "LIMIT"]


@dataclass(frozen=True, slots=True)
class ContainerUsage:
    """What a container uses, and its limits: memory in bytes, CPU in cores. A limit is 0 if there is none."""

    name: str
    memory: int
    limit: int
    text: str
    line: EvidenceLines
    cpu: float = 0
    cpu_limit: float = 0


def recognize(evidence: Evidence) -> bool:
    """Return whether the file is such a table."""
    return evidence.head.partition("\n")[0].split() == _HEADER


def parse(evidence: Evidence) -> tuple[ContainerUsage, ...]:
    """Return the containers. Lines that are not rows of the table are left out."""
    rows = []
    for line in evidence.lines():
        cells = line.text.split()
        if line.number == 1 or len(cells) != len(_HEADER):
            continue
        memory, limit = _bytes(cells[3]), _bytes(cells[4])
        if memory:
            quote = evidence.quote(line.number, line.number, " ".join(cells))
            text, cpu, cpu_limit = f"{cells[3]} of {cells[4]}", _cores(cells[1]), _cores(cells[2])
            rows.append(ContainerUsage(cells[0], memory, limit, text, quote, cpu, cpu_limit))
    return tuple(rows)


def _cores(cell: str) -> float:
    """Return the cores in ``cell``: 2, 1.5, 250m, 12345678n; 0 for "none" and for other words."""
    match = _CPU.fullmatch(cell)
    return float(match[1]) * _PARTS[match[2]] if match else 0


def _bytes(cell: str) -> int:
    """Return the bytes in ``cell``; 0 for "none" and for a word that is not a quantity."""
    try:
        return parse_quantity(cell)
    except UnexpectedAnswer:
        return 0
