"""Settings of the encryption before the upload."""

from dataclasses import dataclass
from typing import ClassVar

from .declare import Group, setting

# One key per line. Each line can be read in one way only, so that the time to check a text grows with its length.
_LINE = r"[ \t]*(age1[a-z0-9]+[ \t]*|ssh-(ed25519|rsa) [A-Za-z0-9+/=]+([ \t][^\r\n]*)?)?"


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
        pattern=rf"{_LINE}(\r?\n{_LINE})*",
        allowed="age1… or ssh-… public keys, one per line",
        lines=True,
    )
