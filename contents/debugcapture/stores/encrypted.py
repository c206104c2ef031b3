"""Encryption of files on this machine before the upload, for the recipients that the job names.

The format is age (age-encryption.org/v1). `age --decrypt` and other implementations can decrypt it.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import BadInput
from ..files import replacing, sha256_of
from ..manifest import Stored
from .base import Progress, Store, ignore_progress

SUFFIX = ".age"


class EncryptedStore:
    """A store that encrypts each file first. `plain` is the store without encryption.

    The ciphertext remains beside the file until the store has it: each encryption produces other bytes, and a resumed
    upload needs the same bytes. Its name depends on the content and the recipients, so that it is never reused for
    another file or other recipients.
    """

    def __init__(self, plain: Store, recipients: Sequence[str]) -> None:
        """Encrypt for ``recipients`` (age1… or SSH public keys). Raises BadInput for an invalid key."""
        self.plain = plain
        self._recipients = [_parse_recipient(number, recipient) for number, recipient in enumerate(recipients, 1)]
        self._recipient_text = "\n".join(recipients)

    def put(self, key: str, file: Path, sha256: str, progress: Progress = ignore_progress) -> Stored:
        """Store ``file`` encrypted as ``key``.age; see `Store`. Raises OSError if the disk is full."""
        suffix = hashlib.sha256(f"{sha256}\n{self._recipient_text}".encode()).hexdigest()[:8]
        encrypted = file.with_name(f"{file.name}.{suffix}{SUFFIX}")
        if not encrypted.exists():
            self._encrypt(file, encrypted)
        stored = self.plain.put(key + SUFFIX, encrypted, sha256_of(encrypted), progress)
        encrypted.unlink()
        return replace(stored, plain_sha256=sha256)

    def _encrypt(self, file: Path, target: Path) -> None:
        from pyrage import encrypt_io

        # A temporary file that ends with ~ is not mistaken for evidence when a killed capture is recovered.
        with file.open("rb") as reader, replacing(target, target.with_name(f"{target.name}~")) as writer:
            encrypt_io(reader, writer, self._recipients)


def _parse_recipient(number: int, text: str) -> Any:
    from pyrage import RecipientError, ssh, x25519

    key_type = ssh if text.startswith("ssh-") else x25519
    try:
        return key_type.Recipient.from_str(text)
    except RecipientError as error:
        # The message does not quote the text, because it may be a private key.
        action, remedy = (
            f"recipient {number} of encrypt_to is not a public key",
            "Enter the output of age-keygen -y, age1…",
        )
        raise BadInput(action, str(error), f"{remedy}, or a line of an SSH .pub file.") from error
