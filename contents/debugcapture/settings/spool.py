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
        "Directory that holds the evidence until it is in the store. Blank: var/debug-captures of Rundeck, "
        "or the user's state directory on the command line.",
    )
    spool_limit_mib: int = setting(
        20480, "Spool limit (MiB)", "Maximum size of the spool.", least=32, most=100_000_000, group="Spool: limits"
    )
    spool_free_mib: int = setting(
        1024,
        "Reserved disk space (MiB)",
        "Space that the spool leaves free on its disk.",
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
        "Path of the bundle, from the capture step: ${data.bundle}. Blank: an upload sends all bundles in "
        "the spool; a note reports the failure.",
    )


@dataclass(frozen=True, kw_only=True)
class WatchSettings(Group):
    """The capture that is followed."""

    title: ClassVar[str] = "Capture to follow"

    capture_id: str = setting(
        "",
        "Capture ID",
        "Name of the bundle in the spool. Blank: the newest.",
        pattern=CAPTURE_ID,
        allowed="a capture ID",
    )
