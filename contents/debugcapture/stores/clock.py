"""How far this machine's clock is from a server's, as the Date of an answer tells it: signatures are refused for it."""

from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Final

TAKEN_S: Final = 15 * 60  # how far off S3 and Azure take a request


def ahead_s(date: str | None) -> float:
    """Return by how many seconds this clock is ahead of ``date``, a Date header; below 0 it is behind, 0: unknown."""
    try:
        return (datetime.now(timezone.utc) - parsedate_to_datetime(date or "")).total_seconds()
    except ValueError:
        return 0


def told(ahead: float) -> str:
    """Return in words how far this clock is off, to be put behind a reason; "" when it is not known."""
    return f": the clock of this machine is {abs(ahead):.0f} s {'ahead' if ahead > 0 else 'behind'}" if ahead else ""
