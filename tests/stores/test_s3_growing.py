"""stores/s3/growing.py on the lab's versitygw: a file's parts are in the store before the file is complete."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from debugcapture.bundle.artifact import ArtifactFile, Intake, SizeLimitReachedError
from debugcapture.errors import NotStored
from debugcapture.stores.s3 import errors as s3_errors
from debugcapture.stores.s3 import parts as s3_parts
from debugcapture.stores.s3.store import S3Store
from lab.stores import S3
from tests.stores.faults import Fault, Faults, Request, first
from tests.stores.s3_lab import CONTENT, KEY, PART, content, faults, prefix, store

__all__ = ["faults", "prefix"]  # fixtures
NO_LIMIT = 1 << 40


@pytest.fixture(autouse=True)
def small_parts_and_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    assert S3.status() == "up", "needs: python -m lab up s3"
    monkeypatch.setattr(s3_parts, "PART_BYTES", PART)
    monkeypatch.setattr(s3_errors, "WAITS_S", (0.01,) * 5)


class Growing:
    """A file that is written piece by piece, and uploaded in the meantime."""

    def __init__(self, folder: Path, where: S3Store, limit_bytes: int = NO_LIMIT) -> None:
        self.path = folder / "heap.bin"
        self._store = where
        self.upload = where.follow(KEY, folder / "heap.bin.part")
        intake = Intake(follow=lambda _path, _part: self.upload)
        self.file = ArtifactFile(self.path, limit_bytes, intake, text=False)

    def put(self) -> None:
        self._store.put(KEY, self.path, self.file.sha256)


@pytest.fixture
def growing(tmp_path: Path, prefix: str, faults: Faults) -> Iterator[Growing]:
    growing = Growing(tmp_path, store(prefix, faults.url))
    yield growing
    growing.upload.close()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def requests_done(faults: Faults) -> list[str]:
    return [request.does for request in faults.arrived if request.does not in ("head", "list")]


def write(growing: Growing, content: bytes = CONTENT, piece: int = 1 << 20) -> None:
    for start in range(0, len(content), piece):
        growing.file.write(memoryview(content)[start : start + piece])


def test_parts_are_stored_before_the_file_is_complete(growing: Growing, prefix: str, faults: Faults) -> None:
    with growing.file:
        write(growing)
        wait_for(lambda: faults.parts() == [1, 2])
        assert not growing.path.exists()
    growing.put()
    assert requests_done(faults) == ["create", "part", "part", "part", "complete"]
    assert content(prefix) == CONTENT


@pytest.mark.parametrize("size", [1, PART - 1, PART], ids=["a byte", "less than a part", "one part"])
def test_a_file_of_one_part_is_one_request(growing: Growing, prefix: str, faults: Faults, size: int) -> None:
    with growing.file:
        write(growing, CONTENT[:size])
    growing.put()
    assert requests_done(faults) == ["put"]
    assert content(prefix) == CONTENT[:size]


def test_a_transfer_that_starts_again_aborts_the_upload(growing: Growing, prefix: str, faults: Faults) -> None:
    with growing.file:
        write(growing, CONTENT[: PART + 1])
        wait_for(lambda: faults.parts() == [1])
        growing.file.restart()
        write(growing, CONTENT[::-1])
    growing.put()
    assert [request.method for request in faults.arrived if request.method == "DELETE"] == ["DELETE"]
    assert content(prefix) == CONTENT[::-1]


def test_a_truncated_file_is_completed_as_it_is(tmp_path: Path, prefix: str, faults: Faults) -> None:
    growing = Growing(tmp_path, store(prefix, faults.url), limit_bytes=PART + 1000)
    with growing.file, pytest.raises(SizeLimitReachedError):
        write(growing)
    growing.put()
    assert content(prefix) == CONTENT[: PART + 1000]


def test_parts_that_fail_during_the_capture_are_sent_at_the_end(growing: Growing, prefix: str, faults: Faults) -> None:
    faults.choose = lambda request: Fault(refuse=(403, "AccessDenied")) if request.part == 2 else None
    with growing.file:
        write(growing)
        wait_for(lambda: any(request.part == 2 for request in faults.received))
    with pytest.raises(NotStored, match="AccessDenied"):
        growing.put()
    faults.choose = lambda _request: None
    growing.put()
    assert sorted(faults.parts()) == [1, 2, 3]
    assert content(prefix) == CONTENT


@pytest.mark.parametrize("fault", [Fault(refuse=(503, "SlowDown")), Fault(reset_after=100_000)], ids=["503", "reset"])
def test_a_part_is_sent_again_from_its_start(growing: Growing, prefix: str, faults: Faults, fault: Fault) -> None:
    faults.choose = first(1, fault, "part")
    with growing.file:
        write(growing)
        wait_for(lambda: sorted(faults.parts()) == [1, 2])
    growing.put()
    assert content(prefix) == CONTENT


def test_a_later_run_uses_the_parts_of_a_stopped_run(growing: Growing, prefix: str, faults: Faults) -> None:
    with growing.file:
        write(growing)
        wait_for(lambda: faults.parts() == [1, 2])
    growing.upload.close()
    store(prefix, faults.url).put(KEY, growing.path, growing.file.sha256)
    assert faults.parts() == [1, 2, 3]
    assert content(prefix) == CONTENT


def test_a_server_without_checksums_is_verified_by_its_etags(growing: Growing, prefix: str, faults: Faults) -> None:
    faults.choose = lambda _request: Fault(without_checksums=True)
    with growing.file:
        write(growing)
    growing.put()
    assert content(prefix) == CONTENT


def test_a_spool_that_returns_other_bytes_is_noticed(growing: Growing, faults: Faults) -> None:
    gate = {"create": Fault(silent_s=0.5)}
    faults.choose = lambda request: gate.get(request.does)
    with growing.file:
        write(growing)
        with growing.path.with_name("heap.bin.part").open("r+b") as spool:
            spool.write(b"other")
    with pytest.raises(NotStored):
        growing.put()


def test_an_upload_that_fails_for_good_does_not_disturb_the_writing(growing: Growing, faults: Faults) -> None:
    def refuse(_request: Request) -> Fault:
        return Fault(refuse=(403, "AccessDenied"))

    faults.choose = refuse
    with growing.file:
        write(growing)
    assert growing.path.read_bytes() == CONTENT
    assert growing.file.sha256 == hashlib.sha256(CONTENT).hexdigest()
