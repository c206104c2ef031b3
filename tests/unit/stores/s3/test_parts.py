"""parts.py: how a file is cut into parts and compared."""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from debugcapture.stores.s3 import parts as s3_parts
from debugcapture.stores.s3.parts import (
    MAX_PARTS,
    Part,
    Slice,
    composite,
    difference,
    is_same_part,
    part_bytes,
    read_parts,
)
from tests.unit.builders import written

CONTENT = b"Full thread dump\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
DIGESTS = [hashlib.sha256(piece).digest() for piece in (b"one", b"two")]
META = {"Metadata": {"sha256": SHA256}}


def checksum(content: bytes = CONTENT) -> str:
    return base64.b64encode(hashlib.sha256(content).digest()).decode()


@pytest.mark.parametrize(
    ("size", "parts"),
    [
        (0, 0),
        (1, 1),
        (16 << 20, 1),
        ((16 << 20) + 1, 2),
        (1 << 30, 64),
        (160_000 << 20, 10_000),
        ((160_000 << 20) + 1, 9412),
        (5 << 40, 9987),
    ],
)
def test_a_file_of_any_size_has_parts_that_s3_accepts(size: int, parts: int) -> None:
    length = part_bytes(size)
    assert length % (1 << 20) == 0
    assert 5 << 20 <= length <= 5 << 30
    assert -(-size // length) == parts <= MAX_PARTS


def test_parts_are_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_parts, "PART_BYTES", 1 << 20)
    content = os.urandom((2 << 20) + 5)
    digest = hashlib.sha256()
    with written(tmp_path, "heap.bin", content).open("rb") as file:
        parts = list(read_parts(file, len(content), digest))
        pieces = [Slice(file, part.offset, part.length).read() for part in parts]
    assert b"".join(pieces) == content
    assert [part.number for part in parts] == [1, 2, 3]
    assert [part.sha256 for part in parts] == [hashlib.sha256(piece).digest() for piece in pieces]
    assert digest.digest() == hashlib.sha256(content).digest()


def test_a_slice_is_read_again_from_its_start(tmp_path: Path) -> None:
    with written(tmp_path, "x", b"0123456789").open("rb") as file:
        piece = Slice(file, 2, 5)
        assert (piece.read(3), piece.read(), piece.read(1)) == (b"234", b"56", b"")
        assert (piece.seek(0, os.SEEK_END), piece.seek(0), piece.read(2), piece.tell()) == (5, 0, b"23", 2)


ETAG = hashlib.md5(b"345").hexdigest()


@pytest.mark.parametrize(
    ("remote", "expected"),
    [
        ({"Size": 3, "ChecksumSHA256": checksum(b"345")}, True),
        ({"ChecksumSHA256": checksum(b"345"), "ETag": '"of an encrypted part"'}, True),
        ({"Size": 2, "ChecksumSHA256": checksum(b"345")}, False),
        ({"Size": 3, "ChecksumSHA256": checksum(b"543"), "ETag": f'"{ETAG}"'}, False),
        ({"Size": 3, "ETag": f'"{ETAG}"'}, True),
        ({"Size": 3, "ETag": '"other"'}, False),
        ({}, False),
    ],
    ids=["same", "encrypted", "short", "other content", "MD5 only", "other MD5", "says nothing"],
)
def test_a_part_is_kept_if_the_checksum_of_the_server_matches(
    tmp_path: Path, remote: dict[str, Any], expected: bool
) -> None:
    with written(tmp_path, "x", b"0123456789").open("rb") as file:
        assert is_same_part(file, Part(1, 3, 3, hashlib.sha256(b"345").digest()), remote) is expected


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ({"ContentLength": 17, "ChecksumSHA256": checksum()}, ""),
        ({"ContentLength": 17, "ChecksumSHA256": checksum(), **META}, ""),
        ({"ContentLength": 17, "ChecksumSHA256": f"{composite(DIGESTS)}-2"}, ""),
        ({"ContentLength": 17, **META}, ""),
        ({"ContentLength": 16, "ChecksumSHA256": checksum()}, "the store has 16 of 17 bytes"),
        ({"ContentLength": 0, **META}, "the store has 0 of 17 bytes"),
        ({"ContentLength": 17, "ChecksumSHA256": checksum(b"other"), **META}, "the SHA-256 in the store differs"),
        ({"ContentLength": 17, "ChecksumSHA256": f"{composite(DIGESTS[:1])}-1"}, "the SHA-256 in the store differs"),
        ({"ContentLength": 17, "ChecksumSHA256": checksum(), "Metadata": {"sha256": "00"}}, "the store has another"),
        ({"ContentLength": 17, "Metadata": {}}, "the store has another file"),
        ({"ContentLength": 17}, "the store has another file"),
    ],
)
def test_stored_object_is_compared_with_the_file(head: dict[str, Any], message: str) -> None:
    problem = difference(head, len(CONTENT), SHA256, DIGESTS)
    assert problem.startswith(message)
    assert bool(problem) is bool(message)


def test_checksum_of_parts_is_the_one_that_amazon_documents() -> None:
    joined = hashlib.sha256(DIGESTS[0] + DIGESTS[1]).digest()
    assert composite(DIGESTS) == base64.b64encode(joined).decode()
