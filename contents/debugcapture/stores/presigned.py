"""What a pod sends to a store by itself: the store signs a request for each piece, the pod carries it out.

The pod gets no key. A signed request writes one piece, whose checksum it names, and expires.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from ..model import Stored

PIECE_BYTES, MOST_PIECES = 16 << 20, 1000


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a file in the pod; checksums are in base64, as stores write them."""

    length: int
    sha256: str
    md5: str  # "" for a store that does not want it


@dataclass(frozen=True, slots=True)
class Original:
    """A file in the pod, as the pod describes it."""

    size: int
    sha256: str  # hex
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class SignedRequest:
    """A PUT of one piece."""

    url: str
    headers: dict[str, str]
    offset: int
    length: int


class DirectUpload(Protocol):
    """An upload that the pod carries out."""

    @property
    def requests(self) -> Sequence[SignedRequest]:
        """Return a request for each piece, in order."""
        ...

    def complete(self, tags: Sequence[str]) -> Stored:
        """Make the object of its pieces and compare it with the original; ``tags`` are the store's, in order.

        Raises NotStored.
        """
        ...

    def abandon(self) -> None:
        """Have the store forget the pieces. What goes wrong is the store's to clean up: its lifecycle rule does."""
        ...


@runtime_checkable
class TakesDirectly(Protocol):
    """A store to which pods can send by themselves."""

    wants_md5: bool  # of each piece; in the pod that costs as much time as all other checksums

    def direct(self, key: str, original: Original, valid_s: int) -> DirectUpload:
        """Begin an upload of ``original`` as ``key``; its requests are good for ``valid_s``. Raises NotStored."""
        ...


def offsets(original: Original) -> list[int]:
    """Return where each piece begins."""
    begins, at = [], 0
    for piece in original.pieces:
        begins.append(at)
        at += piece.length
    return begins
