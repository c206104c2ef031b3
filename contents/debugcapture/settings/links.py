"""Settings of captures in a store, and of their links."""

from dataclasses import dataclass
from typing import ClassVar

from .declare import CAPTURE_ID, NAME, POD_NAME, Group, setting


@dataclass(frozen=True, kw_only=True)
class StoredCaptureSettings(Group):
    """The capture that a step is about."""

    title: ClassVar[str] = "Capture in the store"

    capture: str = setting(
        "",
        "Capture in the store",
        "ID of the capture, as in the last line of the note, or NAMESPACE/WORKLOAD/CAPTURE_ID.",
        pattern=rf"({NAME}/{POD_NAME}/)?{CAPTURE_ID}",
        allowed="a capture ID or NAMESPACE/WORKLOAD/CAPTURE_ID",
    )


@dataclass(frozen=True, kw_only=True)
class RenewalSettings(Group):
    """Which links to renew if neither a capture nor an incident is named."""

    title: ClassVar[str] = "Renewal"

    renew_before_h: int = setting(
        48,
        "Renew links that expire within (h)",
        "If neither a capture nor an incident is set, renews the links of all captures of this server that expire "
        "within this time. Run the job more often than that.",
        least=1,
        most=168,
    )
