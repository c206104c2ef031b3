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
        "Public keys of the people who may read the evidence, one per line: age1…, or a line of an SSH .pub "
        "file. Everything except the report page is encrypted before the upload. Blank: only the encryption "
        "of the store.",
        pattern=r"(age1[a-z0-9]+|ssh-(ed25519|rsa) [A-Za-z0-9+/=]+( [^\r\n]*)?|\s)+",
        allowed="age1… or ssh-… public keys, one per line",
        lines=True,
    )
