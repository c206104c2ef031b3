"""A file as S3 takes it: in parts, each with its checksum. Nothing here talks to a server.

Source: Amazon S3 User Guide, "Multipart upload limits", "Checking object integrity" (composite checksums).
"""

import base64
import hashlib
import io
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

PART_BYTES, MOST_PARTS = 16 << 20, 10_000
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of a file, and the SHA-256 of its bytes."""

    number: int  # from 1, as S3 counts
    offset: int
    length: int
    sha256: bytes

    @property
    def checksum(self) -> str:
        """Return the SHA-256 as S3 writes it."""
        return base64.b64encode(self.sha256).decode()


class Slice(io.RawIOBase):
    """Some bytes of an open file as a file of their own; threads share the descriptor, not the position."""

    def __init__(self, file: BinaryIO, offset: int, length: int) -> None:
        """Show ``length`` bytes of ``file`` from ``offset``."""
        self._descriptor, self._offset, self._length, self._position = file.fileno(), offset, length, 0

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes."""
        left = self._length - self._position
        piece = os.pread(self._descriptor, left if size < 0 else min(size, left), self._offset + self._position)
        self._position += len(piece)
        return piece

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to ``offset``; a request that is repeated goes back to the start."""
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._length}[whence]
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        """Return the position."""
        return self._position

    def seekable(self) -> bool:
        """Return True."""
        return True

    def readable(self) -> bool:
        """Return True."""
        return True


def part_bytes(size: int) -> int:
    """Return the length of the parts of a file of ``size`` bytes; only the last part is shorter.

    It depends on nothing else, so that a later try cuts the file as an earlier one did.
    """
    least = -(-size // MOST_PARTS)
    return max(PART_BYTES, -(-least // _MIB) * _MIB)


def read_parts(file: BinaryIO, size: int, whole: Any) -> Iterator[Part]:
    """Yield the parts of ``file`` in order; ``whole``, a hash object, is fed on the way."""
    length = part_bytes(size)
    for number, offset in enumerate(range(0, size, length), start=1):
        one = Slice(file, offset, min(length, size - offset))
        checksum = hashlib.sha256()
        while piece := one.read(_MIB):
            checksum.update(piece)
            whole.update(piece)
        yield Part(number, offset, one.tell(), checksum.digest())


def content_fields(file: BinaryIO, part: Part) -> dict[str, Any]:
    """Return the content of ``part`` as boto3 takes it, to be read from its start: each try needs its own."""
    body = Slice(file, part.offset, part.length)
    return {"Body": body, "ContentLength": part.length, "ChecksumSHA256": part.checksum}


def part_fields(file: BinaryIO, part: Part) -> dict[str, Any]:
    """Return `content_fields` with the number of ``part``."""
    return {**content_fields(file, part), "PartNumber": part.number}


def composite(digests: list[bytes]) -> str:
    """Return the checksum of an object made of parts from those of the parts; S3 adds "-" and their number."""
    return base64.b64encode(hashlib.sha256(b"".join(digests)).digest()).decode()


def md5(file: BinaryIO, part: Part) -> str:
    """Return the MD5 of ``part`` in hex: the ETag of a part, on servers that tell no SHA-256."""
    checksum, one = hashlib.md5(usedforsecurity=False), Slice(file, part.offset, part.length)
    while piece := one.read(_MIB):
        checksum.update(piece)
    return checksum.hexdigest()


def same(file: BinaryIO, part: Part, there: Mapping[str, Any]) -> bool:
    """Tell whether ``there``, a part as the server describes it, is ``part`` of ``file``."""
    if there.get("Size", part.length) != part.length:
        return False
    if there.get("ChecksumSHA256"):
        return bool(there["ChecksumSHA256"] == part.checksum)
    return bool(str(there.get("ETag", "")).strip('"') == md5(file, part))


def difference(
    head: Mapping[str, Any], size: int, sha256: str, digests: list[bytes], *, parts_compared: bool = False
) -> str:
    """Return how the stored object, as the server describes it, differs from the file; "" when it does not.

    ``sha256`` is the file's, in hex, ``digests`` those of its parts. A server that returns no checksum has to return
    the metadata, unless each part was compared when it was sent (``parts_compared``): an upload that began before the
    file was complete has no metadata, since nobody knew the checksum then.
    """
    if head["ContentLength"] != size:
        return f"the store has {head['ContentLength']} of {size} bytes"
    told = head.get("ChecksumSHA256", "").partition("-")[0]  # of the content, or of its parts' checksums
    if told and told not in (base64.b64encode(bytes.fromhex(sha256)).decode(), composite(digests)):
        return "the SHA-256 in the store differs from that of the file"
    if head.get("Metadata", {}).get("sha256", sha256 if told or parts_compared else "") != sha256:
        return "the store has another file with this name"
    return ""
