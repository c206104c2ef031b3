"""Uploads from a pod to a store: the store signs a request for each piece of a file, and the pod sends it.

The pod gets no key. A signed request writes one piece with a given checksum, and it expires.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from ..manifest import Stored

PIECE_BYTES, MAX_PIECES = 16 << 20, 1000


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a file in the pod. Checksums are in base64. ``md5`` is "" if the store does not need it."""

    length: int
    sha256: str
    md5: str


@dataclass(frozen=True, slots=True)
class Original:
    """A file in the pod. ``sha256`` is in hex."""

    size: int
    sha256: str
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A PUT request for one piece."""

    url: str
    headers: dict[str, str]
    offset: int
    length: int


class DirectUpload(Protocol):
    """An upload that a pod performs."""

    @property
    def requests(self) -> Sequence[SignedRequest]:
        """Return the request for each piece, in order."""
        ...

    def complete(self, tags: Sequence[str]) -> Stored:
        """Create the object from its pieces and compare it with the original. Raises NotStored.

        ``tags`` are the ETags that the store returned for the pieces, in order.
        """
        ...

    def abandon(self) -> None:
        """Delete the pieces. If that fails, the lifecycle rule of the store deletes them."""
        ...


@runtime_checkable
class TakesDirectly(Protocol):
    """A store that accepts uploads from pods.

    ``wants_md5``: the store needs the MD5 of each piece. It doubles the time that the pod spends on checksums.
    """

    wants_md5: bool

    def direct(self, key: str, original: Original, valid_s: int) -> DirectUpload:
        """Start an upload of ``original`` as ``key``. Its requests are valid for ``valid_s``. Raises NotStored."""
        ...


def offsets(original: Original) -> list[int]:
    """Return the offset of each piece."""
    starts, offset = [], 0
    for piece in original.pieces:
        starts.append(offset)
        offset += piece.length
    return starts
