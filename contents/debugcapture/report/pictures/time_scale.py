"""The scale of a timeline: logarithmic before the capture, because the last minutes matter more than the last days."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

_UNIT_S: Final = 20.0  # until here the scale is nearly linear
_ROOM: Final = 0.97  # the capture itself is left of the edge
_TICKS_S: Final = (
    (30, "30 s"),
    (60, "1 min"),
    (300, "5 min"),
    (900, "15 min"),
    (3600, "1 h"),
    (4 * 3600, "4 h"),
    (86_400, "1 day"),
    (7 * 86_400, "1 week"),
    (30 * 86_400, "30 days"),
    (365 * 86_400, "1 year"),
)
_LEFT: Final = 0.1  # room for half of the leftmost label on a narrow screen
_GAP: Final = 0.13  # between two ticks, so that their labels do not overlap


@dataclass(frozen=True, slots=True)
class TimeScale:
    """Maps times to positions between 0 and 1. ``end`` is the time of the capture."""

    begin: datetime
    end: datetime

    @property
    def span_s(self) -> float:
        """Return the length of the timeline, at least a minute."""
        return max(60.0, (self.end - self.begin).total_seconds() * 1.15)

    def position(self, time: datetime) -> float:
        """Return where ``time`` is; what happened after the capture is at the right edge."""
        return self._position((self.end - time).total_seconds())

    def _position(self, age_s: float) -> float:
        if age_s <= 0:
            return _ROOM
        return max(0.0, _ROOM * (1 - math.log1p(age_s / _UNIT_S) / math.log1p(self.span_s / _UNIT_S)))

    def ticks(self) -> list[tuple[float, str]]:
        """Return the positions and labels of the ticks, from right to left, without those that would overlap."""
        ticks: list[tuple[float, str]] = []
        last = _ROOM
        for age_s, label in _TICKS_S:
            position = self._position(age_s)
            if age_s < self.span_s and last - position >= _GAP and position > _LEFT:
                ticks.append((position, label))
                last = position
        return ticks


def ago(span: timedelta) -> str:
    """Return ``span`` before the capture in words."""
    seconds = int(span.total_seconds())
    if seconds < 0:
        return f"{-seconds} s after it"
    for unit, length in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
