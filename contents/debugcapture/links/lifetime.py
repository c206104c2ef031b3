"""Whether links live as long as the settings ask. A link ends with the temporary credentials that signed it. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from ..settings.s3 import S3Settings
from ..settings.store import StoreSettings

# The time between the signature and its check, for example of a slow upload.
_TOLERANCE: Final = timedelta(minutes=5)
_REMEDY: Final = (
    "For a longer lifetime, sign them with the keys of a user instead of a role, set link to server, or run the "
    "job “Renew links” in time (docs/links.md)."
)


@dataclass(frozen=True, slots=True)
class ShortLife:
    """Links that expire earlier than link_valid_s asks."""

    reason: str
    remedy: str = _REMEDY

    def __str__(self) -> str:
        return f"{self.reason}. {self.remedy}"


def short_life(expires: datetime | None, settings: StoreSettings, signed: datetime) -> ShortLife | None:
    """Return why a link that was ``signed`` just now expires too early; None if it lives as long as asked.

    ``expires`` is None if the link does not expire.
    """
    if expires is None:
        return None
    if expires < signed + timedelta(seconds=settings.link_valid_s) - _TOLERANCE:
        return ShortLife(
            f"links open only until {expires:%Y-%m-%d %H:%M} UTC, because the credentials that sign them expire then"
        )
    if settings.of(S3Settings).s3_session_token:
        return ShortLife("links open only until s3_session_token expires, and it does not show when")
    return None
