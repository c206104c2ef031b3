"""Settings of the spool and of a bundle in it."""

from dataclasses import dataclass
from typing import ClassVar

from .declare import CAPTURE_ID, Group, setting


@dataclass(frozen=True, kw_only=True)
class SpoolSettings(Group):
    """Where evidence is kept until a store has it."""

    title: ClassVar[str] = "Spool"
    folded: ClassVar[bool] = True

    spool: str = setting(
        "",
        "Spool directory",
        "Where evidence is kept until it is in the store. Blank: var/debug-captures of this Rundeck, or of the user's "
        "own state directory on a command line.",
    )
    spool_limit: int = setting(
        20480, "Spool limit in MiB", "The spool never holds more.", least=32, most=100_000_000, group="Spool: limits"
    )
    spool_free: int = setting(
        1024,
        "Free space in MiB",
        "What the spool leaves free on its disk.",
        least=0,
        most=100_000_000,
        group="Spool: limits",
    )


@dataclass(frozen=True, kw_only=True)
class BundleSettings(Group):
    """Which capture a later step is about."""

    title: ClassVar[str] = "Bundle"

    bundle: str = setting(
        "",
        "Bundle",
        "The bundle's directory, as the capture step hands it on: ${data.bundle}. Blank: the upload sends what waits "
        "in the spool, the note tells the failure.",
    )


@dataclass(frozen=True, kw_only=True)
class WatchSettings(Group):
    """The capture that is followed."""

    title: ClassVar[str] = "Capture to follow"

    capture_id: str = setting(
        "",
        "Capture ID",
        "The name of the bundle in the spool; blank for the newest.",
        pattern=CAPTURE_ID,
        allowed="a capture ID",
    )
