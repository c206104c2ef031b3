"""A finding: what the evidence shows, and where."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Severity = Literal["critical", "warning", "info"]
""""info" is context, not an alarm."""


@dataclass(frozen=True, slots=True)
class EvidenceLines:
    """A passage of a file that shows a finding."""

    file: str
    """Relative to the bundle."""
    first: int
    """Number of its first line, from 1 on."""
    last: int
    quote: tuple[str, ...] = ()
    """The lines that matter, shortened."""


@dataclass(frozen=True, slots=True)
class Recurrence:
    """The earlier captures of a workload that had the same finding."""

    times: int
    since: datetime
    last_capture: str
    """ID of the last of them."""

    def __str__(self) -> str:
        times = "once" if self.times == 1 else f"{self.times} times"
        return f"seen {times} since {self.since:%-d %b}, last in {self.last_capture}"


@dataclass(frozen=True, slots=True)
class Difference:
    """What unhealthy pods have, and no healthy pod of the same capture has."""

    subject: str
    """What differs: "image of app", "node", "variable LOG_LEVEL of app"."""
    unhealthy: str
    """How it is in the unhealthy pods."""
    healthy: str
    """How it is in the healthy pods."""
    pods: tuple[str, ...]
    """The unhealthy pods."""
    healthy_pods: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """What the evidence shows, in words that an operator understands."""

    severity: Severity
    title: str
    """One line: the subject, and what is wrong with it."""
    detail: str
    """The facts: names, numbers, places. Together with the title at most 800 characters."""
    advice: str = ""
    """What to do or where to look next; "" if the evidence does not say."""
    evidence: tuple[EvidenceLines, ...] = ()
    directness: int = 50
    """How directly it explains the failure, 0 to 100. It orders findings of the same severity."""
    key: str = ""
    """What it is about, without IDs, times and counts, so that it is the same in the next capture; "" for the title."""
    pod: str = ""
    """Pod that it is about; "" if unknown."""
    pods: tuple[str, ...] = ()
    """All pods that show it, after findings about several pods were merged."""
    rule: str = ""
    """ID of the rule, which docs/findings.md describes."""
    recurrence: Recurrence | None = None
    """None if no earlier capture had it."""
