"""A file of a bundle while it is written: counted, summed, limited, and without credentials where it is text."""

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
from .spool import Room

_HEAD_BYTES = 4096  # by which text is told from a dump
_LOOK_BYTES = 16 << 20  # how much is written between two looks at the room that is left
_FOR_OTHERS_BYTES = 64 << 20  # what one that is large leaves of the spool for what is captured beside it
_SHOW_SHARE = 20  # one part in so many of the time may go into what only a killed capture needs
_ODD = bytes(set(range(32)) - set(b"\0\a\b\t\n\v\f\r\x1b"))  # what no text has
_TAR, _TAR_AT = b"ustar", 257
_DUMPS = (".heapsnapshot", ".hprof", ".core", ".dmp", ".jfr", ".pcap", ".tar")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class SizeLimitReachedError(Exception):
    """An artifact would grow over its size limit, or the spool's; ``str()`` says so."""


class Follower(Protocol):
    """Takes what is written to a file, while it is written."""

    def wrote(self, piece: memoryview) -> None:
        """Take a piece that the file has now, in order; the view is good until this returns."""

    def restarted(self) -> None:
        """Forget all pieces: the file is written again from its start."""


@dataclass(frozen=True, slots=True)
class Intake:
    """What holds for all files of a bundle: what is masked in text, and how much may be written; None: no rule.

    ``follow`` is called with the name that a file will have and the one that it has while it is written, and returns
    what follows it, or None.
    """

    redaction: Redaction | None = None
    room: Room | None = None
    follow: Callable[[Path, Path], Follower | None] = lambda _path, _part: None


NO_RULES: Final = Intake()


class ArtifactFile:
    """A file that counts and hashes what is written, and has its own name only when it is closed.

    ``received`` and ``received_sha256`` are about what has arrived, for a comparison with the far side; ``bytes`` and
    ``sha256`` are about the file. Masking holds up to 256 KiB of a text until more follows; so that a capture that is
    killed loses no more than its last line, that is in the file too, masked as far as it is known then.
    """

    def __init__(self, path: Path, size_limit_bytes: int, intake: Intake = NO_RULES, text: bool | None = None) -> None:
        """Write to ``path``, at most ``size_limit_bytes``. ``text``: whether it is said to be; None: look at it."""
        self.path, self._intake, self._said = path, intake, text
        self._limit, self._why = size_limit_bytes, f"it reached its size limit of {size_limit_bytes:,} bytes"
        self.cut = ""  # why the end is missing, where the disk became full
        self._part = path.with_name(path.name + ".part")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self._follower = intake.follow(path, self._part)
        self._begin()

    def _begin(self) -> None:
        self.bytes, self.received, self._hash, self._received_hash = 0, 0, hashlib.sha256(), hashlib.sha256()
        self._head: bytearray | None = bytearray()
        self._redactor = self._intake.redaction.redactor() if self._intake.redaction else None
        self._next_look, self._next_show, self._shown = 0, 0.0, False

    @property
    def received_sha256(self) -> str:
        """Return the checksum of what has arrived, in hex."""
        return self._received_hash.hexdigest()

    @property
    def sha256(self) -> str:
        """Return the checksum of the file, in hex."""
        return self._hash.hexdigest()

    @property
    def redactions(self) -> int:
        """Return how many credentials were masked."""
        return self._redactor.count if self._redactor else 0

    @property
    def sensitive(self) -> bool:
        """Tell whether nothing was masked because nothing was looked for."""
        return self._redactor is None and self.bytes > 0

    def write(self, piece: bytes | memoryview) -> None:
        """Write ``piece``; raise SizeLimitReachedError once a limit is met, with the file filled up to it."""
        if self.received >= self._next_look:
            self._look()
        room = max(0, self._limit - self.received)
        kept = piece[:room]
        if self._hash is not self._received_hash:
            self._received_hash.update(kept)
        self.received += len(kept)
        self._take(kept)
        if self._redactor and time.monotonic() >= self._next_show:
            self._show(self._redactor)
        if len(piece) > room:
            raise SizeLimitReachedError(self._why)

    def restart(self) -> None:
        """Forget what has been written."""
        os.lseek(self._file, 0, os.SEEK_SET)
        os.ftruncate(self._file, 0)
        if self._follower:
            self._follower.restarted()
        self._begin()

    def __enter__(self) -> "ArtifactFile":
        return self

    def __exit__(self, *_error: object) -> None:
        """Sync and rename, whatever happened: what has arrived is evidence. An empty file is none."""
        try:
            self._finish()
            os.fsync(self._file)
        except SizeLimitReachedError as limit:
            self.cut = str(limit)
        finally:
            os.close(self._file)
        self._part.rename(self.path) if self.bytes else self._part.unlink()

    def _look(self) -> None:
        """Lower the limit to what the spool has room for."""
        self._next_look = self.received + _LOOK_BYTES
        if self._intake.room is None:
            return
        left = max(0, self._intake.room.left() - (_FOR_OTHERS_BYTES if self.received else 0))
        if self.received + left < self._limit:
            self._limit, self._why = self.received + left, self._intake.room.why_full()

    def _take(self, piece: bytes | memoryview) -> None:
        if self._head is not None:
            self._head += piece
            if len(self._head) < _HEAD_BYTES:
                return
            piece = self._judged(self._head)
        self._put(self._redactor.feed(piece) if self._redactor else piece)

    def _show(self, redactor: Redactor) -> None:
        """Write what is held behind what is certain, which will take its place."""
        began, head = time.monotonic(), bytes(self._head or b"")
        if head and not is_text(head, self.path.name, self._said):
            return
        with suppress(OSError):  # a full disk: what is certain meets it too, and tells it
            self._shown, held = True, redactor.preview(head)
            os.pwrite(self._file, held, self.bytes)
            os.ftruncate(self._file, self.bytes + len(held))
        now = time.monotonic()
        self._next_show = now + _SHOW_SHARE * (now - began)

    def _hide(self) -> None:
        if self._shown:
            os.ftruncate(self._file, self.bytes)
            self._shown = False

    def _judged(self, head: bytearray) -> bytes:
        """Return ``head`` once it has told whether this is text."""
        self._head = None
        if not is_text(bytes(head[:_HEAD_BYTES]), self.path.name, self._said):
            self._redactor = None
        if self._redactor is None:  # what arrives is what is written: one checksum does for both
            self._received_hash = self._hash
        return bytes(head)

    def _finish(self) -> None:
        if self._head is not None:
            head = self._judged(self._head)
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


def is_text(head: bytes, name: str, said: bool | None = None) -> bool:
    """Tell by its beginning whether a file is text; ``said`` is what its collector says, None where nobody knows.

    A text may have NUL bytes where its collector says that it is one: /proc/PID/environ has. A dump that is written as
    text (a heap snapshot in JSON) is a dump.
    """
    if said is False or (said is None and (name.endswith(_DUMPS) or b"\0" in head)):
        return False
    return not any(head.count(byte) for byte in _ODD) and head[_TAR_AT : _TAR_AT + len(_TAR)] != _TAR
