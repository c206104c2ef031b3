"""Settings of the signature of a capture."""

from dataclasses import dataclass
from typing import ClassVar

from .declare import Group, setting


@dataclass(frozen=True, kw_only=True)
class SigningSettings(Group):
    """The key that signs manifests."""

    title: ClassVar[str] = "Store: signature"
    folded: ClassVar[bool] = True

    sign_with: str = setting(
        "",
        "Sign with",
        "An SSH private key (Ed25519, without a passphrase), from Key Storage. It signs the manifest, which contains "
        "the checksum of each artifact. Blank: no signature.",
        secret=True,
    )
