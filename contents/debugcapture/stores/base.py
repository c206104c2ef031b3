"""The contract of a store."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, runtime_checkable

from ..model import Stored

# Is told how many more bytes of a file the store has, by whichever thread sent them; 0: a try failed, another follows.
Progress = Callable[[int], None]


def unseen(_more: int) -> None:
    """Show no progress."""


class Store(Protocol):
    """A place that keeps files for good.

    A store retries by itself what its service calls temporary. Every failure that is left is NotStored.
    """

    def put(self, key: str, file: Path, sha256: str, progress: Progress = unseen) -> Stored:
        """Keep ``file`` as ``key``, and return where, once the store itself confirms its size and content.

        Doing it twice is harmless, and several threads may do it at once with different keys. ``sha256`` is the file's
        checksum in hex. An exception of ``progress`` ends the upload, and is passed on. Raises NotStored.
        """
        ...


class GrowingUpload(Protocol):
    """The upload of a file that is still being written. The thread that writes the file calls all of it."""

    def wrote(self, piece: memoryview) -> None:
        """Take what was just written to the file, in order; it is not kept. Never raises for a failed upload."""
        ...

    def restarted(self) -> None:
        """Forget what was written: the file is written again from its start."""
        ...

    def close(self) -> None:
        """Stop. What the store has stays there for a later `Store.put` of the file."""
        ...


@runtime_checkable
class FollowsFiles(Protocol):
    """A store that takes a file while it is still being written; its `Store.put` sends the rest and compares."""

    def follow(self, key: str, file: Path, progress: Progress = unseen) -> GrowingUpload | None:
        """Begin the upload of the growing ``file`` as ``key``; None where only complete files can be sent.

        Nothing can be seen in the store before `Store.put`.
        """
        ...


class ReadableStore(Store, Protocol):
    """A store from which small files are read back: what a capture in the cluster leaves for the step that watches it.

    Several threads may do it at once.
    """

    def read(self, key: str) -> bytes | None:
        """Return the whole content of ``key``, or None when there is no such file. Raises NotStored."""
        ...

    def locate(self, key: str, size: int, sha256: str) -> Stored:
        """Return where a file is that is known to be there, with a new link. Raises NotStored."""
        ...
