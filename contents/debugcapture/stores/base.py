"""The contract of a store."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from ..manifest import Stored

# A store calls it with the number of bytes that it has sent since the last call, from any of its threads. 0 means that
# an attempt failed and another follows.
Progress = Callable[[int], None]


def ignore_progress(_sent_bytes: int) -> None:
    """Do nothing."""


class Store(Protocol):
    """A permanent place for files.

    A store retries temporary failures itself. All other failures are NotStored.
    """

    def put(self, key: str, file: Path, sha256: str, progress: Progress = ignore_progress) -> Stored:
        """Store ``file`` as ``key``. Return its location after the store has confirmed its size and content.

        A second call with the same file changes nothing. Several threads may store different keys at the same time.
        ``sha256`` is the checksum of the file in hex. An exception of ``progress`` ends the upload and is passed on.
        Raises NotStored.
        """
        ...


class GrowingUpload(Protocol):
    """The upload of a file that is still being written. Only the thread that writes the file calls the methods."""

    def wrote(self, piece: memoryview) -> None:
        """Take the bytes that were just written, in order, without keeping them. A failed upload raises nothing."""
        ...

    def restarted(self) -> None:
        """Start again: the file is written again from its beginning."""
        ...

    def close(self) -> None:
        """Stop. The store keeps the uploaded parts for a later `Store.put` of the file."""
        ...


@runtime_checkable
class FollowsFiles(Protocol):
    """A store that uploads a file while it is still being written. `Store.put` then sends the rest and verifies it."""

    def follow(self, key: str, file: Path, progress: Progress = ignore_progress) -> GrowingUpload | None:
        """Start the upload of the growing ``file`` as ``key``. Return None if only complete files can be uploaded.

        The file is not visible in the store before `Store.put`.
        """
        ...


class ReadableStore(Store, Protocol):
    """A store that can also read small files. A step uses it to follow a fleet capture.

    Several threads may read at the same time.
    """

    def read(self, key: str) -> bytes | None:
        """Return the content of ``key``, or None if there is no such file. Raises NotStored."""
        ...

    def locate(self, key: str, size: int, sha256: str) -> Stored:
        """Return the location of a file that is known to exist, with a new link. Raises NotStored."""
        ...


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file of a store, open for reading: its size, and its content in pieces of a few hundred KiB at most.

    The caller calls `close`, also if it does not read the file. A read error is NotStored.
    """

    size: int
    pieces: Iterator[bytes]
    close: Callable[[], None]

    def __iter__(self) -> Iterator[bytes]:
        return self.pieces


@runtime_checkable
class OpensFiles(Protocol):
    """A store whose links do not open in a browser. A server reads its files and passes them on."""

    def open(self, key: str) -> OpenFile | None:
        """Return the file ``key``, open for reading, or None if there is no such file. Raises NotStored."""
        ...


@dataclass(frozen=True, slots=True)
class Retention:
    """How long a store keeps files."""

    days: int | None
    """Days after the upload; None if the store keeps them forever."""


@runtime_checkable
class KnowsRetention(Protocol):
    """A store that knows when it deletes files by itself."""

    def retention(self) -> Retention | None:
        """Return how long files are kept; None if this may not be read. Raises NotStored."""
        ...
