"""snapshot_copy.py: a log that is too long keeps its newest lines, and a rotated log says where it begins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from debugcapture.bundle.artifact import ArtifactFile
from debugcapture.capture import snapshot_copy
from debugcapture.capture.snapshot import LOG_LINES, Log, SnapshotFile
from debugcapture.capture.snapshot_copy import SnapshotCopy
from debugcapture.capture.transfer import TransferResult
from debugcapture.errors import NotAllowed
from tests.unit.builders import NOON

LIMIT = 2000
CUT = TransferResult("truncated", "it reached its size limit of 2,000 bytes", code="size-limit")


class Kubelet:
    """A kubelet with the log ``lines``. It sends the oldest line first, in pieces as the network cuts them."""

    def __init__(self, lines: Sequence[bytes]) -> None:
        self.lines, self.requests = list(lines), list[int]()

    def newest(self, count: int) -> Iterator[bytes]:
        self.requests.append(count)
        joined = b"".join(self.lines[-count:])
        yield from (joined[start : start + 100] for start in range(0, len(joined), 100))


def copy(tmp_path: Path, kubelet: Kubelet, started: datetime | None = None) -> tuple[bytes, TransferResult, str]:
    snapshot = SnapshotFile(
        "Log of app", "logs/app.log", lambda: kubelet.newest(LOG_LINES), log=Log(kubelet.newest, started)
    )
    with ArtifactFile(tmp_path / "app.log", LIMIT) as file:
        snapshot_copy = SnapshotCopy(snapshot, file)
        result = snapshot_copy.write()
    path = tmp_path / "app.log"
    return path.read_bytes() if path.exists() else b"", result, snapshot_copy.extent


def line(number: int, length: int = 60) -> bytes:
    return f"2026-01-02T12:00:{number % 60:02}.123456789Z {number} ".encode().ljust(length, b"x") + b"\n"


def test_a_log_that_fits_is_complete(tmp_path: Path) -> None:
    lines = [line(number) for number in range(10)]
    assert copy(tmp_path, Kubelet(lines)) == (b"".join(lines), TransferResult("complete"), "")


@pytest.mark.parametrize(
    "lengths",
    [[60] * 100, [60] * 50 + [300] * 50, [300] * 50 + [60] * 50, [60] * 50 + [1900]],
    ids=["even", "longer at the end", "shorter at the end", "one long line at the end"],
)
def test_the_newest_lines_of_a_long_log_are_kept(lengths: list[int], tmp_path: Path) -> None:
    lines = [line(number, length) for number, length in enumerate(lengths)]
    lines[-1] = lines[-1][:-7] + b"FATAL!\n"
    kubelet = Kubelet(lines)
    content, result, _ = copy(tmp_path, kubelet)
    assert content.endswith(b"FATAL!\n")
    assert b"".join(lines).endswith(content)
    assert (result.outcome, result.code) == ("truncated", "size-limit")
    assert result.reason == (
        f"it reached its size limit of 2,000 bytes: these are its newest {content.count(10):,} lines"
    )
    assert len(kubelet.requests) < 40


def test_a_log_of_one_endless_line_is_kept_up_to_the_limit(tmp_path: Path) -> None:
    content, result, _ = copy(tmp_path, Kubelet([b"x" * 5000]))
    assert (len(content), result.outcome, result.reason) == (
        LIMIT,
        "truncated",
        "it reached its size limit of 2,000 bytes",
    )


@pytest.mark.parametrize(
    ("started", "extent"),
    [
        (
            NOON - timedelta(hours=3, minutes=1),
            "it begins at 2026-01-02T12:00:00Z, 3 h after the start of the container: the kubelet may have rotated "
            "older lines",
        ),
        (NOON - timedelta(seconds=20), ""),
        (None, ""),
    ],
    ids=["hours later", "at once", "unknown"],
)
def test_a_log_that_begins_long_after_its_container_is_reported_as_such(
    started: datetime | None, extent: str, tmp_path: Path
) -> None:
    assert copy(tmp_path, Kubelet([line(0), line(1)]), started)[2] == extent


def test_a_log_at_the_line_limit_is_reported_as_such(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot_copy, "LOG_LINES", 3)
    assert copy(tmp_path, Kubelet([line(0), line(1), line(2)]))[2] == "the newest 3 lines"


def test_an_empty_log_is_skipped_and_what_is_not_a_log_is_cut(tmp_path: Path) -> None:
    assert copy(tmp_path, Kubelet([]))[1] == TransferResult("skipped", "it is empty", code="empty")
    with ArtifactFile(tmp_path / "pod.yaml", LIMIT) as file:
        snapshot_copy = SnapshotCopy(SnapshotFile("Pod", "pod.yaml", lambda: iter([b"a: 1\n" * 1000])), file)
        assert snapshot_copy.write() == TransferResult(
            "truncated", "it reached its size limit of 2,000 bytes", code="size-limit"
        )
    assert snapshot_copy.extent == ""


def test_a_refusal_has_the_outcome_of_its_file(tmp_path: Path) -> None:
    def refuse() -> Iterator[bytes]:
        raise NotAllowed("cannot read", "forbidden")
        yield b""

    with ArtifactFile(tmp_path / "x", LIMIT) as file:
        snapshot_copy = SnapshotCopy(SnapshotFile("Node", "x", refuse, if_refused="skipped"), file)
        assert snapshot_copy.write() == TransferResult("skipped", "cannot read: forbidden", code="denied")
