"""The difference between this clock and the clock of a server, from the Date header of a response.

S3 and Azure reject signatures if the difference is too large.
"""

from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Final

# The largest difference that S3 and Azure accept.
MAX_SKEW_S: Final = 15 * 60


def skew_s(date: str | None) -> float:
    """Return the seconds that this clock is ahead of ``date`` (a Date header). Negative: behind. 0: unknown."""
    try:
        return (datetime.now(timezone.utc) - parsedate_to_datetime(date or "")).total_seconds()
    except ValueError:
        return 0


def describe_skew(skew: float) -> str:
    """Return text about the difference that can follow a reason, or "" if the difference is unknown."""
    return f": the clock of this machine is {abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'}" if skew else ""
