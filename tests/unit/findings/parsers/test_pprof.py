"""pprof.py: profiles of Go, which are protocol buffers in gzip."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debugcapture.findings.evidence import Evidence
from debugcapture.findings.parsers import pprof


def varint(number: int) -> bytes:
    digits = [number >> shift & 0x7F for shift in range(0, 70, 7) if number >> shift or not shift]
    return bytes([*(digit | 0x80 for digit in digits[:-1]), digits[-1]])


def field(key: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return varint(key << 3) + varint(value)
    return varint(key << 3 | 2) + varint(len(value)) + value


STRINGS = ("", "cpu", "nanoseconds", "samples", "count", "main.pay", "/src/main.go", "runtime.main", "/go/proc.go")
PROFILE = b"".join(
    [
        field(1, field(1, 3) + field(2, 4)),
        field(1, field(1, 1) + field(2, 2)),
        field(2, field(1, b"\1\2") + field(2, b"\x03" + varint(30_000_000))),
        field(2, field(1, 2) + field(2, 1) + field(2, 10_000_000)),
        field(4, field(1, 1) + field(4, field(1, 1) + field(2, 42))),
        field(4, field(1, 2) + field(4, field(1, 2) + field(2, 250))),
        field(5, field(1, 1) + field(2, 5) + field(4, 6)),
        field(5, field(1, 2) + field(2, 7) + field(4, 8)),
        *(field(6, text.encode()) for text in STRINGS),
        varint(9 << 3 | 1) + bytes(8),
    ]
)


def evidence(folder: Path, content: bytes) -> Evidence:
    path = folder / "go-cpu.pprof"
    path.write_bytes(content)
    return Evidence(path, path.name)


def test_samples_have_their_functions_and_the_last_value(tmp_path: Path) -> None:
    file = evidence(tmp_path, gzip.compress(PROFILE))
    assert pprof.recognize(file)
    profile = pprof.parse(file)
    assert (profile.type, profile.unit) == ("cpu", "nanoseconds")
    assert profile.samples == [
        ((("main.pay", "/src/main.go", 42), ("runtime.main", "/go/proc.go", 250)), 30_000_000),
        ((("runtime.main", "/go/proc.go", 250),), 10_000_000),
    ]


@pytest.mark.parametrize(
    "content",
    [b"", b"text", gzip.compress(b"text", mtime=0), b"\x1f\x8bdamaged", gzip.compress(b"", mtime=0)],
    ids=["empty", "text", "other content", "damaged", "no content"],
)
def test_other_files_are_not_recognized(tmp_path: Path, content: bytes) -> None:
    assert not pprof.recognize(evidence(tmp_path, content))


@pytest.mark.parametrize("content", [PROFILE + b"\xff", PROFILE + b"\x0b", b"\xff" * 20], ids=["cut", "type", "long"])
def test_a_damaged_profile_is_an_error(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ValueError, match="damaged"):
        pprof.parse(evidence(tmp_path, gzip.compress(content)))


def test_a_profile_that_grows_too_large_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="larger than 32 MiB"):
        pprof.parse(evidence(tmp_path, gzip.compress(bytes(33 << 20))))


@given(st.binary(max_size=60), st.integers(0, len(PROFILE)))
def test_hostile_content_ends_with_a_value_or_an_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, cut: int
) -> None:
    file = evidence(tmp_path_factory.mktemp("hostile"), gzip.compress(PROFILE[:cut] + content + PROFILE[cut:]))
    try:
        profile = pprof.parse(file)
    except ValueError:
        return
    assert all(stack for stack, _ in profile.samples)


@pytest.mark.parametrize("content", [b"", b"\x0a", b"\x0a\x02"])
def test_a_profile_that_ends_at_once_is_not_recognized(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "profile"
    path.write_bytes(gzip.compress(content))
    assert not pprof.recognize(Evidence(path, path.name))
