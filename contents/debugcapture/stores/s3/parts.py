"""The parts of a file, with their checksums. Pure, apart from reading the file.

Source: Amazon S3 User Guide, "Multipart upload limits", "Checking object integrity" (composite checksums).
"""

import base64
import hashlib
import io
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal

Checksum = Literal["sha256", "md5"]
"""Checksum that the server verifies. Servers that reject the SHA-256 headers of S3 support the older Content-MD5."""
PART_BYTES = 16 << 20
MAX_PARTS = 10_000
_MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a file, and the SHA-256 of its bytes. ``number`` starts at 1."""

    number: int
    offset: int
    length: int
    sha256: bytes

    @property
    def checksum(self) -> str:
        """Return the SHA-256 in base64, as S3 writes it."""
        return base64.b64encode(self.sha256).decode()


class Slice(io.RawIOBase):
    """A section of an open file as a file object. Threads share the descriptor, but not the position."""

    def __init__(self, file: BinaryIO, offset: int, length: int) -> None:
        """Show ``length`` bytes of ``file`` from ``offset``."""
        self._descriptor, self._offset, self._length, self._position = file.fileno(), offset, length, 0

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes."""
        remaining = self._length - self._position
        chunk = os.pread(
            self._descriptor, remaining if size < 0 else min(size, remaining), self._offset + self._position
        )
        self._position += len(chunk)
        return chunk

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Set the position. A repeated request returns to the start."""
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
    """Return the length of the parts of a file of ``size`` bytes. Only the last part is shorter.

    The length depends only on the size, so that a later attempt produces the same parts.
    """
    min_bytes = -(-size // MAX_PARTS)
    return max(PART_BYTES, -(-min_bytes // _MIB) * _MIB)


def read_parts(file: BinaryIO, size: int, digest: Any) -> Iterator[Part]:
    """Yield the parts of ``file`` in order, and update ``digest`` (a hash object) with their content."""
    length = part_bytes(size)
    for number, offset in enumerate(range(0, size, length), start=1):
        part_file = Slice(file, offset, min(length, size - offset))
        part_digest = hashlib.sha256()
        while chunk := part_file.read(_MIB):
            part_digest.update(chunk)
            digest.update(chunk)
        yield Part(number, offset, part_file.tell(), part_digest.digest())


def content_fields(file: BinaryIO, part: Part, checksum: Checksum) -> dict[str, Any]:
    """Return the content of ``part`` as fields of a request. Each attempt needs its own, because it reads the body."""
    fields: dict[str, Any] = {"Body": Slice(file, part.offset, part.length), "ContentLength": part.length}
    if checksum == "md5":
        return {**fields, "ContentMD5": base64.b64encode(bytes.fromhex(md5(file, part))).decode()}
    return {**fields, "ChecksumSHA256": part.checksum}


def part_fields(file: BinaryIO, part: Part, checksum: Checksum) -> dict[str, Any]:
    """Return `content_fields` with the number of ``part``."""
    return {**content_fields(file, part, checksum), "PartNumber": part.number}


def multipart_fields(checksum: Checksum) -> dict[str, Any]:
    """Return the fields of a request that creates a multipart upload."""
    return {} if checksum == "md5" else {"ChecksumAlgorithm": "SHA256"}


def completed_part(part: Part, etag: str, checksum: Checksum) -> dict[str, Any]:
    """Return the entry of ``part`` in the request that completes its upload."""
    entry = {"PartNumber": part.number, "ETag": etag}
    return entry if checksum == "md5" else {**entry, "ChecksumSHA256": part.checksum}


def composite(digests: list[bytes]) -> str:
    """Return the checksum of an object from those of its parts. S3 appends "-" and the number of parts."""
    return base64.b64encode(hashlib.sha256(b"".join(digests)).digest()).decode()


def md5(file: BinaryIO, part: Part) -> str:
    """Return the MD5 of ``part`` in hex: the ETag of a part, on servers that return no SHA-256."""
    checksum, body = hashlib.md5(usedforsecurity=False), Slice(file, part.offset, part.length)
    while chunk := body.read(_MIB):
        checksum.update(chunk)
    return checksum.hexdigest()


def is_same_part(file: BinaryIO, part: Part, remote: Mapping[str, Any]) -> bool:
    """Return whether ``remote``, a part as the server describes it, is ``part`` of ``file``."""
    if remote.get("Size", part.length) != part.length:
        return False
    if remote.get("ChecksumSHA256"):
        return bool(remote["ChecksumSHA256"] == part.checksum)
    return bool(str(remote.get("ETag", "")).strip('"') == md5(file, part))


def difference(
    head: Mapping[str, Any], size: int, sha256: str, digests: list[bytes], *, parts_compared: bool = False
) -> str:
    """Return how the stored object differs from the file, or "". ``head`` is the response of HeadObject.

    ``sha256`` is that of the file in hex, ``digests`` are those of its parts. A server that returns no checksum must
    return the metadata, unless each part was compared when it was sent (``parts_compared``). An upload that started
    before the file was complete has no metadata, because its checksum was not known.
    """
    if head["ContentLength"] != size:
        return f"the store has {head['ContentLength']} of {size} bytes"
    checksum = head.get("ChecksumSHA256", "").partition("-")[0]  # of the content, or of its parts' checksums
    if checksum and checksum not in (base64.b64encode(bytes.fromhex(sha256)).decode(), composite(digests)):
        return "the SHA-256 in the store differs from that of the file"
    if head.get("Metadata", {}).get("sha256", sha256 if checksum or parts_compared else "") != sha256:
        return "the store has another file with this name"
    return ""
