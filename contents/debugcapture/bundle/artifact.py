"""Writes a file of a bundle: with its size, checksums and limits, and with credentials in text masked."""

import errno
import hashlib
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from ..redaction.redactor import Redaction, Redactor
from ..redaction.utf16 import Utf16Redactor, utf16_encoding
from .spool import Room

_HEAD_BYTES = 4096  # shows whether a file is text
_SPACE_CHECK_BYTES = 16 << 20  # written between two checks of the free space
_FOR_OTHERS_BYTES = 64 << 20  # space that a large artifact leaves for others
_SHOW_SHARE = 20  # at most 1/20 of the time is spent on what only a killed capture needs
_NON_TEXT_BYTES = bytes(set(range(32)) - set(b"\0\a\b\t\n\v\f\r\x1b"))
_TAR, _TAR_AT = b"ustar", 257
_DUMPS = (".heapsnapshot", ".hprof", ".core", ".dmp", ".jfr", ".pcap", ".tar")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class SizeLimitReachedError(Exception):
    """An artifact reached its size limit, or that of the spool; see ``str()``."""


class Follower(Protocol):
    """Observes a file while it is written."""

    def wrote(self, piece: memoryview) -> None:
        """Receive the next piece of the file. The view is valid until this returns."""

    def restarted(self) -> None:
        """Discard all pieces: the file is written again from its start."""


@dataclass(frozen=True, slots=True)
class Intake:
    """Rules for all files of a bundle: what is masked in text, and how much may be written. None: no rule.

    ``follow`` is called with the final and the temporary path of a new file, and returns its follower or None.
    """

    redaction: Redaction | None = None
    room: Room | None = None
    follow: Callable[[Path, Path], Follower | None] = lambda _path, _part: None


NO_RULES: Final = Intake()


class ArtifactFile:
    """A file with counted and hashed content. It gets its final name when it is closed.

    ``received`` and ``received_sha256`` describe what arrived, to compare it with the container; ``bytes`` and
    ``sha256`` describe the file, which may be masked. Masking holds back up to 256 KiB of a text until more follows.
    The file contains this text too, masked where possible, so that a killed capture loses its last line at most.
    """

    def __init__(self, path: Path, size_limit_bytes: int, intake: Intake = NO_RULES, text: bool | None = None) -> None:
        """Write at most ``size_limit_bytes`` to ``path``. ``text``: whether it is text; None if unknown."""
        self.path, self._intake, self._declared_text = path, intake, text
        self._limit, self._limit_reason = size_limit_bytes, f"it reached its size limit of {size_limit_bytes:,} bytes"
        self.cut = ""
        """Why the end is missing, if the disk became full."""
        self._part = path.with_name(path.name + ".part")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._follower = intake.follow(path, self._part)
        self._begin()

    def _begin(self) -> None:
        self.bytes, self.received, self._hash, self._received_hash = 0, 0, hashlib.sha256(), hashlib.sha256()
        self._head: bytearray | None = bytearray()
        self._redactor: Redactor | Utf16Redactor | None = (
            self._intake.redaction.redactor() if self._intake.redaction else None
        )
        self._next_check, self._next_show, self._shown = 0, 0.0, False

    @property
    def received_sha256(self) -> str:
        """Return the SHA-256 of what arrived, in hex."""
        return self._received_hash.hexdigest()

    @property
    def sha256(self) -> str:
        """Return the SHA-256 of the file, in hex."""
        return self._hash.hexdigest()

    @property
    def redactions(self) -> int:
        """Return the number of masked credentials."""
        return self._redactor.count if self._redactor else 0

    @property
    def sensitive(self) -> bool:
        """Return whether the content was written without masking."""
        return self._redactor is None and self.bytes > 0

    def write(self, piece: bytes | memoryview) -> None:
        """Write ``piece``. At a limit, write up to it and raise SizeLimitReachedError."""
        if self.received >= self._next_check:
            self._check_space()
        room = max(0, self._limit - self.received)
        fitting = piece[:room]
        if self._hash is not self._received_hash:
            self._received_hash.update(fitting)
        self.received += len(fitting)
        self._take(fitting)
        if self._redactor and time.monotonic() >= self._next_show:
            self._show(self._redactor)
        if len(piece) > room:
            raise SizeLimitReachedError(self._limit_reason)

    def restart(self) -> None:
        """Discard what was written."""
        os.lseek(self._file, 0, os.SEEK_SET)
        os.ftruncate(self._file, 0)
        if self._follower:
            self._follower.restarted()
        self._begin()

    def __enter__(self) -> "ArtifactFile":
        return self

    def __exit__(self, *_error: object) -> None:
        """Sync and rename the file, even after an error: what arrived is evidence. An empty file is removed."""
        try:
            self._finish()
            os.fsync(self._file)
        except SizeLimitReachedError as limit:
            self.cut = str(limit)
        finally:
            os.close(self._file)
        self._part.rename(self.path) if self.bytes else self._part.unlink()

    def _check_space(self) -> None:
        """Lower the limit to the free space of the spool."""
        self._next_check = self.received + _SPACE_CHECK_BYTES
        if self._intake.room is None:
            return
        left = max(0, self._intake.room.left() - (_FOR_OTHERS_BYTES if self.received else 0))
        if self.received + left < self._limit:
            self._limit, self._limit_reason = self.received + left, self._intake.room.why_full()

    def _take(self, piece: bytes | memoryview) -> None:
        if self._head is not None:
            self._head += piece
            if len(self._head) < _HEAD_BYTES:
                return
            piece = self._classify(self._head)
        self._put(self._redactor.feed(piece) if self._redactor else piece)

    def _show(self, redactor: Redactor | Utf16Redactor) -> None:
        """Write the text that masking holds back after the final content, which will overwrite it."""
        began, head = time.monotonic(), bytes(self._head or b"")
        if head and (not is_text(head, self.path.name, self._declared_text) or utf16_encoding(head)):
            return
        with suppress(OSError):  # a full disk: writing the final content reports it
            self._shown, held = True, redactor.preview(head)
            os.pwrite(self._file, held, self.bytes)
            os.ftruncate(self._file, self.bytes + len(held))
        now = time.monotonic()
        self._next_show = now + _SHOW_SHARE * (now - began)

    def _hide(self) -> None:
        if self._shown:
            os.ftruncate(self._file, self.bytes)
            self._shown = False

    def _classify(self, head: bytearray) -> bytes:
        """Decide by ``head`` whether this is text, and return it."""
        self._head = None
        beginning = bytes(head[:_HEAD_BYTES])
        if not is_text(beginning, self.path.name, self._declared_text):
            self._redactor = None
        elif isinstance(self._redactor, Redactor) and (encoding := utf16_encoding(beginning)):
            self._redactor = Utf16Redactor(self._redactor, encoding)
        if self._redactor is None:  # nothing is masked: one checksum is enough
            self._received_hash = self._hash
        return bytes(head)

    def _finish(self) -> None:
        if self._head is not None:
            head = self._classify(self._head)
            self._put(self._redactor.feed(head) if self._redactor else head)
        if self._redactor:
            self._put(self._redactor.finish())
        self._hide()

    def _put(self, piece: bytes | memoryview) -> None:
        rest = memoryview(piece)
        if rest:
            self._hide()
        while rest:
            try:
                written = os.write(self._file, rest)
            except OSError as error:
                if error.errno not in _FULL:
                    raise
                raise SizeLimitReachedError(f"{error.strerror} in the spool ({self.path.parent})") from error
            self._hash.update(rest[:written])
            self.bytes += written
            if self._follower:
                self._follower.wrote(rest[:written])
            rest = rest[written:]


def is_text(head: bytes, name: str, declared: bool | None = None) -> bool:
    """Return whether a file is text. ``declared``: what its collector declares, None if unknown.

    The declaration decides: a control character in a log must not turn masking off. Only the content of a file
    without a declaration is examined, by its beginning ``head``. Text in UTF-16 is text. A dump in a text format, such
    as a heap snapshot in JSON, is not.
    """
    if declared is not None:
        return declared
    if name.endswith(_DUMPS):
        return False
    if utf16_encoding(head):
        return True
    if b"\0" in head:
        return False
    return not any(head.count(byte) for byte in _NON_TEXT_BYTES) and head[_TAR_AT : _TAR_AT + len(_TAR)] != _TAR
