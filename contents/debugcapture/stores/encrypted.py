"""Files are encrypted on this machine before any store sees them, for recipients that the job's author names.

The format is age's (age-encryption.org/v1); `age --decrypt` and every other implementation open it.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import BadInput
from ..files import replacing, sha256_of
from ..model import Stored
from .base import Progress, Store, unseen

SUFFIX = ".age"


class EncryptedStore:
    """A store that gets nothing but ciphertext, except by `plain`.

    A file's ciphertext lies beside it until the store has it: each encryption differs, and an upload that is taken up
    again must go on with the same bytes. Its name tells content and recipients, so that none is taken for another's.
    """

    def __init__(self, plain: Store, recipients: Sequence[str]) -> None:
        """Encrypt for ``recipients`` (age1… or SSH public keys). Raises BadInput when one is none."""
        self.plain = plain
        self._recipients = [_recipient(number, one) for number, one in enumerate(recipients, 1)]
        self._for = "\n".join(recipients)

    def put(self, key: str, file: Path, sha256: str, progress: Progress = unseen) -> Stored:
        """Keep ``file`` encrypted, as ``key`` with .age behind it; see Store. Raises OSError when the disk is full."""
        mark = hashlib.sha256(f"{sha256}\n{self._for}".encode()).hexdigest()[:8]
        encrypted = file.with_name(f"{file.name}.{mark}{SUFFIX}")
        if not encrypted.exists():
            self._encrypt(file, encrypted)
        stored = self.plain.put(key + SUFFIX, encrypted, sha256_of(encrypted), progress)
        encrypted.unlink()
        return replace(stored, plain_sha256=sha256)

    def _encrypt(self, file: Path, goal: Path) -> None:
        from pyrage import encrypt_io

        # Its part has a name that is not taken for that of evidence when a capture that was killed is recovered.
        with file.open("rb") as source, replacing(goal, goal.with_name(f"{goal.name}~")) as out:
            encrypt_io(source, out, self._recipients)


def _recipient(number: int, text: str) -> Any:
    from pyrage import RecipientError, ssh, x25519

    kind = ssh if text.startswith("ssh-") else x25519
    try:
        return kind.Recipient.from_str(text)
    except RecipientError as error:
        # The text stays out of the message: somebody may have put a private key there.
        what, do = f"recipient {number} of encrypt_to is not a public key", "Enter the output of age-keygen -y, age1…"
        raise BadInput(what, str(error), f"{do}, or a line of an SSH .pub file.") from error
