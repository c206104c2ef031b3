"""Parses the difference between the last two releases of a workload, which a capture writes as a unified diff."""

import re
from dataclasses import dataclass

from ..evidence import Evidence, Line

_OLD = re.compile(r"^--- revision (\d{1,9}) \((\S+)\)\s*$", re.MULTILINE)
_NEW = re.compile(r"^\+\+\+ revision (\d{1,9}) \((\S+)\)\s*$", re.MULTILINE)
_MOST_LINES = 2_000


@dataclass(frozen=True, slots=True)
class Release:
    """What the last release of a workload changed in its pods."""

    old: str
    new: str
    new_set: str
    """Name of the ReplicaSet of the new release."""
    removed: tuple[Line, ...]
    added: tuple[Line, ...]
    evidence: Evidence


def recognize(evidence: Evidence) -> bool:
    """Return whether the file is such a difference."""
    return bool(_OLD.match(evidence.head) and _NEW.search(evidence.head[:2000]))


def parse(evidence: Evidence) -> Release:
    """Return the changes. Lines that only moved are left out."""
    old, new = _OLD.search(evidence.head), _NEW.search(evidence.head)
    lines = [line for line in evidence.lines() if 2 < line.number <= _MOST_LINES]
    removed = [line for line in lines if line.text.startswith("-")]
    added = [line for line in lines if line.text.startswith("+")]
    before, after = ({_value(line) for line in side} for side in (removed, added))
    return Release(
        old=old[1] if old else "",
        new=new[1] if new else "",
        new_set=new[2] if new else "",
        removed=tuple(line for line in removed if _value(line) not in after),
        added=tuple(line for line in added if _value(line) not in before),
        evidence=evidence,
    )


def _value(line: Line) -> str:
    """Return the line without its mark, its indentation, and the mark of a list item."""
    return line.text[1:].strip().removeprefix("- ")
