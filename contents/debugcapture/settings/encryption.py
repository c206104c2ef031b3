"""Settings of the encryption before the upload."""

from dataclasses import dataclass
from typing import ClassVar

from .declare import Group, setting


@dataclass(frozen=True, kw_only=True)
class EncryptionSettings(Group):
    """Of stores/encrypted.py, around any other store."""

    title: ClassVar[str] = "Store: encryption"
    folded: ClassVar[bool] = True

    encrypt_to: str = setting(
        "",
        "Encrypt for",
        "Public keys of those who may read the evidence, one a line: age1…, or a line of an SSH .pub file. Everything "
        "but the bundle's page is encrypted before it leaves this machine. Blank: the store's own encryption only.",
        pattern=r"(age1[a-z0-9]+|ssh-(ed25519|rsa) [A-Za-z0-9+/=]+( [^\r\n]*)?|\s)+",
        allowed="age1… or ssh-… public keys, one a line",
        lines=True,
    )
