"""Settings of the verification of captures."""

from dataclasses import dataclass
from typing import ClassVar

from .declare import Group, setting

_LINE = r"[ \t]*(ssh-ed25519 [A-Za-z0-9+/=]+([ \t][^\r\n]*)?)?"


@dataclass(frozen=True, kw_only=True)
class VerifySettings(Group):
    """The captures to verify, and the keys that are trusted."""

    title: ClassVar[str] = "Captures to verify"

    captures: str = setting(
        "",
        "Captures",
        "Directories of captures, or captures in the store: an ID, NAMESPACE/WORKLOAD/CAPTURE_ID, or the URL of the "
        "store followed by that.",
        required=True,
    )
    signed_by: str = setting(
        "",
        "Signed by",
        "Public keys (lines of .pub files, ssh-ed25519). A capture that none of them has signed is not valid. Blank: "
        "a capture without a signature is valid too.",
        pattern=rf"{_LINE}(\r?\n{_LINE})*",
        allowed="ssh-ed25519 public keys, one per line",
        lines=True,
    )
