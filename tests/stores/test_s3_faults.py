"""s3/errors.py on the versitygw of the lab: temporary faults are retried, permanent ones are one line."""

from __future__ import annotations

import socket
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import botocore.auth
import pytest

from debugcapture.errors import NotStored
from debugcapture.stores import clock as clock_module
from debugcapture.stores.s3 import client as s3_client
from lab.stores import s3_endpoint
from tests.stores.faults import Fault, Faults, first
from tests.stores.s3_lab import (
    CONTENT,
    KEY,
    SHA256,
    SMALL,
    content,
    faults,
    file,
    prefix,
    server,
    sha256,
    small,
    small_parts_and_waits,
    store,
)

__all__ = ["faults", "file", "prefix", "server", "small", "small_parts_and_waits"]  # fixtures
pytestmark = pytest.mark.usefixtures("server", "small_parts_and_waits")


@pytest.mark.parametrize(
    ("does", "fault", "count"),
    [
        ("part", Fault(reset_after=1_000_000), 3),
        ("part", Fault(reset_after=0), 5),
        ("part", Fault(refuse=(500, "InternalError")), 5),
        ("part", Fault(refuse=(503, "SlowDown")), 5),
        ("part", Fault(refuse=(400, "RequestTimeout")), 3),
        ("create", Fault(refuse=(503, "SlowDown")), 3),
        ("complete", Fault(refuse=(500, "InternalError")), 3),
        ("complete", Fault(lose_answer=True), 1),
        ("head", Fault(refuse=(503, "SlowDown")), 3),
        ("list", Fault(reset_after=0), 3),
        ("part", Fault(garbled=True), 3),
        ("part", Fault(bytes_per_s=20_000_000), 3),
        ("part", Fault(silent_s=1), 1),
    ],
    ids=[
        "reset in mid-part",
        "reset at once",
        "burst of 500",
        "burst of 503",
        "request timeout",
        "503 at the start",
        "500 at the end",
        "answer lost at the end",
        "503 for the question",
        "reset of the list",
        "garbled on the way",
        "slow",
        "silent",
    ],
)
def test_temporary_fault_is_retried(
    prefix: str, file: Path, faults: Faults, does: str, fault: Fault, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_client, "SILENCE_S", 0.5 if fault.silent_s else 5)
    faults.choose = first(count, fault, does)
    store(prefix, faults.url).put(KEY, file, SHA256)
    assert content(prefix) == CONTENT
    assert sum(request.does == does for request in faults.received) >= count
    if not fault.silent_s:  # otherwise the part had arrived, and only its response was late
        assert faults.parts() == [1, 2, 3]


def test_server_without_checksums_is_verified_by_its_etags(prefix: str, file: Path, faults: Faults) -> None:
    faults.choose = lambda request: (
        Fault(refuse=(403, "AccessDenied")) if request.part == 2 else Fault(without_checksums=True)
    )
    with pytest.raises(NotStored):
        store(prefix, faults.url).put(KEY, file, SHA256)
    faults.choose = lambda _request: Fault(without_checksums=True)
    store(prefix, faults.url).put(KEY, file, SHA256)
    store(prefix, faults.url).put(KEY, file, SHA256)
    assert content(prefix) == CONTENT
    assert faults.parts() == [1, 2, 3]


@pytest.mark.parametrize("size", [5, len(CONTENT)], ids=["whole", "in parts"])
def test_a_server_that_rejects_checksum_headers_gets_md5(
    prefix: str, tmp_path: Path, faults: Faults, size: int
) -> None:
    file = tmp_path / "heap.bin"
    file.write_bytes(CONTENT[:size])
    faults.choose = lambda _request: Fault(refuses_checksums=True, without_checksums=True)
    with pytest.raises(NotStored, match="set s3_checksum to md5"):
        store(prefix, faults.url).put(KEY, file, sha256(CONTENT[:size]))
    for _ in range(2):
        store(prefix, faults.url, s3_checksum="md5").put(KEY, file, sha256(CONTENT[:size]))
    assert content(prefix) == CONTENT[:size]


def test_md5_detects_changes_in_transit(prefix: str, file: Path, faults: Faults) -> None:
    faults.choose = lambda request: Fault(garbled=request.part == 2, refuses_checksums=True, without_checksums=True)
    with pytest.raises(NotStored, match="BadDigest"):
        store(prefix, faults.url, s3_checksum="md5").put(KEY, file, SHA256)


@pytest.mark.parametrize(
    ("does", "fault", "reason"),
    [
        (
            "part",
            Fault(refuse=(500, "InternalError")),
            "InternalError: simulated InternalError. The next upload",
        ),
        ("part", Fault(reset_after=1_000_000), "Check s3_endpoint and the network. The next upload resumes"),
        ("part", Fault(refuse=(400, "ExpiredToken")), "ExpiredToken: simulated ExpiredToken. Get a new session token"),
        ("head", Fault(short=5), f"the store has {len(CONTENT) - 5} of {len(CONTENT)} bytes. The bundle stays"),
    ],
    ids=["500", "reset", "token that expires on the way", "stores fewer bytes"],
)
def test_permanent_fault_is_reported_and_a_later_upload_succeeds(
    prefix: str, file: Path, faults: Faults, does: str, fault: Fault, reason: str
) -> None:
    faults.choose = first(1000, fault, does)
    with pytest.raises(NotStored) as caught:
        store(prefix, faults.url).put(KEY, file, SHA256)
    line = str(caught.value)
    assert line.startswith(f"cannot store s3://{s3_endpoint().bucket}/{prefix}/{KEY}: ")
    assert reason in line
    assert "\n" not in line
    assert file.read_bytes() == CONTENT
    faults.choose = lambda _request: None
    store(prefix, faults.url).put(KEY, file, SHA256)
    assert content(prefix) == CONTENT
    assert faults.parts() == [1, 2, 3]


def test_unreachable_server_is_reported(prefix: str, small: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(NotStored, match="Could not connect.*Check s3_endpoint and the network"):
        store(prefix, f"http://127.0.0.1:{port}").put(KEY, small, sha256(SMALL))


@pytest.mark.parametrize("name", ["small", "file"])
@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"s3_secret_key": "hunter2"}, "SignatureDoesNotMatch.*Check s3_access_key and s3_secret_key"),
        ({"bucket": "no-such-bucket"}, "NoSuchBucket.*Create the bucket, or correct the store URL"),
        ({"s3_bucket_owner": "123456789012"}, "AccessDenied.*check s3_bucket_owner"),
    ],
    ids=["secret key", "bucket", "owner"],
)
def test_refusal_is_one_line_with_a_remedy(
    prefix: str, name: str, request: pytest.FixtureRequest, changed: dict[str, str], reason: str
) -> None:
    source: Path = request.getfixturevalue(name)
    with pytest.raises(NotStored, match=reason) as caught:
        store(prefix, **changed).put(KEY, source, sha256(source.read_bytes()))
    assert "hunter2" not in str(caught.value)


class AnHourAhead(datetime):
    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return datetime.now(tz) + timedelta(hours=1)


def test_skewed_clock_is_reported(prefix: str, small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = botocore.auth.get_current_datetime
    with monkeypatch.context() as clock:
        clock.setattr(botocore.auth, "get_current_datetime", lambda *a, **k: real(*a, **k) + timedelta(hours=1))
        clock.setattr(clock_module, "datetime", AnHourAhead)
        reason = r"RequestTimeTooSkewed: .*: the clock of this machine is 3[56]\d\d s ahead\. Correct the clock"
        with pytest.raises(NotStored, match=reason):
            store(prefix).put(KEY, small, sha256(SMALL))
