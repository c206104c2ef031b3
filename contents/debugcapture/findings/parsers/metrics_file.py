"""Parses the table of CPU and memory that a capture writes, with the limits of each container."""

from dataclasses import dataclass

from ...errors import UnexpectedAnswer
from ...finding import EvidenceLines
from ...kube.values import parse_quantity
from ..evidence import Evidence

_HEADER = ["CONTAINER", "CPU", "LIMIT", "MEMORY", "LIMIT"]


@dataclass(frozen=True, slots=True)
class ContainerUsage:
    """What a container uses, and its limit, in bytes."""

    name: str
    memory: int
    limit: int
    text: str
    line: EvidenceLines


def recognize(evidence: Evidence) -> bool:
    """Return whether the file is such a table."""
    return evidence.head.partition("\n")[0].split() == _HEADER


def parse(evidence: Evidence) -> tuple[ContainerUsage, ...]:
    """Return the containers that have a memory limit. Lines that are not rows of the table are left out."""
    rows = []
    for line in evidence.lines():
        cells = line.text.split()
        if line.number == 1 or len(cells) != len(_HEADER):
            continue
        memory, limit = _bytes(cells[3]), _bytes(cells[4])
        if memory and limit:
            quote = evidence.quote(line.number, line.number, " ".join(cells))
            rows.append(ContainerUsage(cells[0], memory, limit, f"{cells[3]} of {cells[4]}", quote))
    return tuple(rows)


def _bytes(cell: str) -> int:
    """Return the bytes in ``cell``; 0 for "none" and for a word that is not a quantity."""
    try:
        return parse_quantity(cell)
    except UnexpectedAnswer:
        return 0
