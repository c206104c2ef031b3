"""evidence.py: lines are numbered from 1, and neither a long line nor a wrong byte breaks the reading."""

from __future__ import annotations

from pathlib import Path

import pytest

from debugcapture.findings.evidence import (
    HEAD_BYTES,
    LINE_BYTES,
    TAIL_BYTES,
    DamagedEvidence,
    Evidence,
    Line,
    evidence_of,
)
from tests.unit.builders import artifact, manifest, nothing


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"", []),
        (b"a\nb", ["a", "b"]),
        (b"a\r\n\nb\n", ["a", "", "b"]),
        (b"\xff\n", ["\N{REPLACEMENT CHARACTER}"]),
        (b"x" * (3 * LINE_BYTES + 7) + b"\nend\n", ["x" * LINE_BYTES, "end"]),
        (b"x" * LINE_BYTES + b"\nend\n", ["x" * LINE_BYTES, "end"]),
        (b"x" * (LINE_BYTES - 1) + b"\nend\n", ["x" * (LINE_BYTES - 1), "end"]),
    ],
)
def test_lines_have_their_numbers(content: bytes, lines: list[str], tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(content)
    assert list(Evidence(path, "log").lines()) == [Line(number, text) for number, text in enumerate(lines, 1)]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"a": 1', "not valid JSON"),
        (b"[" * 200_000, "nested too deeply"),
        (b"9" * 5000, "not valid JSON"),
        (b" " * (2 << 20), "larger than 1 MiB"),
    ],
)
def test_json_that_cannot_be_read_is_damaged_evidence(content: bytes, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "profile"
    path.write_bytes(content)
    with pytest.raises(DamagedEvidence, match=reason):
        Evidence(path, "profile").json(1 << 20)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_json_in_each_encoding(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "profile"
    path.write_text('{"a": "ü"}', encoding=encoding)
    assert Evidence(path, "profile").json(1 << 20) == {"a": "ü"}


def test_the_tail_begins_after_the_head(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"x" * HEAD_BYTES)
    assert Evidence(path, "log").tail == ""
    path.write_bytes(b"x" * HEAD_BYTES + b"the end")
    assert Evidence(path, "log").tail == "x" * (TAIL_BYTES - 7) + "the end"


def test_a_quote_is_short(tmp_path: Path) -> None:
    lines = Evidence(tmp_path / "log", "log").quote(3, 4, "x" * 9999, "y")
    assert (lines.file, lines.first, lines.last, len(lines.quote[0]), lines.quote[1]) == ("log", 3, 4, 240, "y")


def test_the_evidence_of_a_bundle_is_its_files(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    capture_manifest = manifest(
        artifact(file="a.txt", pod="checkout-1"), artifact(file="sent-by-the-pod.hprof"), nothing("skipped", "no")
    )
    (only,) = evidence_of(tmp_path, capture_manifest)
    assert (only.name, only.pod, only.path) == ("a.txt", "checkout-1", tmp_path / "a.txt")
