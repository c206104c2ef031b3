"""store.py on the versitygw of the lab: objects are complete, and a killed upload resumes without repeating parts."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import debugcapture
from debugcapture.errors import NotStored
from lab.stores import s3_endpoint
from tests.stores.faults import Fault, Faults, Request
from tests.stores.s3_lab import (
    CONTENT,
    KEY,
    PART,
    SHA256,
    SMALL,
    content,
    faults,
    file,
    lab_client,
    prefix,
    server,
    sha256,
    small,
    small_parts_and_waits,
    store,
)

__all__ = ["faults", "file", "prefix", "server", "small", "small_parts_and_waits"]  # fixtures
pytestmark = pytest.mark.usefixtures("server", "small_parts_and_waits")


def test_object_is_complete_and_its_link_returns_it(prefix: str, file: Path, faults: Faults) -> None:
    sizes: list[int] = []
    stored = store(prefix, faults.url).put(KEY, file, SHA256, sizes.append)
    assert content(prefix) == CONTENT
    assert (stored.bytes, stored.sha256, stored.key) == (len(CONTENT), SHA256, KEY)
    assert sorted(sizes) == sorted([PART, PART, 1_000_001])
    assert faults.parts() == [1, 2, 3]
    with urllib.request.urlopen(stored.link, timeout=10) as answer:
        assert answer.read() == CONTENT
        assert answer.headers["x-amz-meta-sha256"] == SHA256
    assert s3_endpoint().secret_key not in stored.link


def test_a_browser_saves_what_a_container_named(prefix: str, small: Path) -> None:
    """A page that a container wrote would run its scripts on the origin of the store."""
    name = "shop/checkout/capture/left/core.1.html"
    link = store(prefix).put(name, small, sha256(SMALL)).link
    head = lab_client().head_object(Bucket=s3_endpoint().bucket, Key=f"{prefix}/{name}")
    assert (head["ContentType"], head["ContentDisposition"]) == ("application/octet-stream", "attachment")
    with urllib.request.urlopen(link, timeout=10) as answer:
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Content-Disposition"] == "attachment"


@pytest.mark.parametrize("wrong", [lambda link: link.partition("?")[0], lambda link: link[:-4] + "0000"])
def test_wrong_link_shows_nothing(prefix: str, small: Path, wrong: Any) -> None:
    link = store(prefix).put(KEY, small, sha256(SMALL)).link
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(wrong(link), timeout=10)
    refused.value.close()
    assert refused.value.code in (400, 403)


def test_empty_file(prefix: str, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert store(prefix).put(KEY, tmp_path / "empty", sha256(b"")).bytes == 0
    assert content(prefix) == b""


@pytest.mark.parametrize("size", [len(SMALL), len(CONTENT)], ids=["small", "in parts"])
def test_second_upload_changes_nothing(prefix: str, tmp_path: Path, faults: Faults, size: int) -> None:
    (tmp_path / "x").write_bytes(CONTENT[:size])
    where, content_sha256 = store(prefix, faults.url), sha256(CONTENT[:size])
    first_time = where.put(KEY, tmp_path / "x", content_sha256)
    sent_before = len(faults.arrived)
    sizes: list[int] = []
    again = where.put(KEY, tmp_path / "x", content_sha256, sizes.append)
    assert replace(again, link="", expires=None) == replace(first_time, link="", expires=None)
    assert {request.method for request in faults.arrived[sent_before:]} == {"HEAD"}
    assert sizes == [size]


def test_other_content_under_the_name_is_overwritten(prefix: str, file: Path, tmp_path: Path) -> None:
    other = CONTENT[::-1]
    (tmp_path / "other").write_bytes(other)
    store(prefix).put(KEY, tmp_path / "other", sha256(other))
    store(prefix).put(KEY, file, SHA256)
    assert content(prefix) == CONTENT


@pytest.mark.parametrize("arrived", [{1}, {2}, {1, 3}, {1, 2, 3}], ids=str)
def test_parts_of_an_earlier_try_are_not_sent_again(prefix: str, file: Path, faults: Faults, arrived: set[int]) -> None:
    faults.choose = lambda request: (
        Fault(refuse=(403, "AccessDenied")) if request.does == "complete" or request.part not in {0, *arrived} else None
    )
    with pytest.raises(NotStored, match="AccessDenied"):
        store(prefix, faults.url).put(KEY, file, SHA256)
    faults.choose = lambda _request: None
    sizes: list[int] = []
    store(prefix, faults.url).put(KEY, file, SHA256, sizes.append)
    assert content(prefix) == CONTENT
    assert sum(sizes) == len(CONTENT)
    assert set(faults.parts()) == {1, 2, 3}
    assert faults.did("create") == 1
    assert len(faults.parts()) == 3


def test_part_that_an_earlier_try_sent_wrong_is_sent_again(prefix: str, file: Path, faults: Faults) -> None:
    eyes, place = lab_client(), {"Bucket": s3_endpoint().bucket, "Key": f"{prefix}/{KEY}"}
    upload = eyes.create_multipart_upload(**place, ChecksumAlgorithm="SHA256", Metadata={"sha256": SHA256})["UploadId"]
    for number, body in ((1, CONTENT[:PART]), (2, os.urandom(PART)), (3, CONTENT[2 * PART : -1])):
        eyes.upload_part(**place, UploadId=upload, PartNumber=number, Body=body, ChecksumAlgorithm="SHA256")
    store(prefix, faults.url).put(KEY, file, SHA256)
    assert content(prefix) == CONTENT
    assert faults.parts() == [2, 3]


@pytest.mark.parametrize("size", [len(SMALL), len(CONTENT)], ids=["small", "in parts"])
def test_changed_source_is_not_stored(prefix: str, tmp_path: Path, size: int) -> None:
    (tmp_path / "x").write_bytes(CONTENT[:size])
    with pytest.raises(NotStored, match="differs from the data captured"):
        store(prefix).put(KEY, tmp_path / "x", "00" * 32)
    assert not lab_client().list_objects_v2(Bucket=s3_endpoint().bucket, Prefix=prefix).get("Contents")


def test_progress_that_raises_ends_the_upload(prefix: str, file: Path, faults: Faults) -> None:
    def stop(_more: int) -> None:
        raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        store(prefix, faults.url).put(KEY, file, SHA256, stop)
    assert faults.did("complete") == 0


PROGRAM = """
import sys; from pathlib import Path; from urllib.parse import urlsplit
from debugcapture.settings.s3 import S3Settings
from debugcapture.stores.s3 import parts, store, upload
bucket, prefix, key, file, sha256, part, url, access, secret = sys.argv[1:]
parts.PART_BYTES, upload.CONCURRENCY = int(part), 1
settings = S3Settings(s3_endpoint=url, s3_access_key=access, s3_secret_key=secret)
store.S3Store(urlsplit(f"s3://{bucket}/{prefix}"), settings, 3600).put(key, Path(file), sha256)
"""
STEPS = ("head", "list", "create", "part", "part", "part", "complete", "head")
KILLS = [(number, moment) for number in range(1, len(STEPS) + 1) for moment in ("before", "after")]
KILLS += [(number, moment) for number in (4, 5) for moment in ("at its start", "in its middle")]


def test_killed_upload_resumes_where_it_stopped(prefix: str, file: Path, faults: Faults) -> None:
    """End twenty uploads by kill -9, each at another point: what the server already has is not sent again."""
    assert len(KILLS) == 20
    for number, moment in KILLS:
        place = f"{prefix}/{number}-{moment.replace(' ', '-')}"
        faults.received.clear()
        faults.arrived.clear()
        _killed(faults, place, file, number, moment)
        faults.choose = lambda _request: None
        store(place, faults.url).put(KEY, file, SHA256)
        assert content(place) == CONTENT
        assert faults.parts() == [1, 2, 3]
        assert (faults.did("create"), faults.did("complete")) == (1, 1)


def _killed(faults: Faults, place: str, file: Path, number: int, method: str) -> None:
    victim: list[int] = []

    def choose(_request: Request) -> Fault | None:
        if len(faults.received) != number:
            return None
        reset = {"before": 0, "at its start": 1, "in its middle": PART // 2}.get(method)
        return Fault(reset_after=reset, lose_answer=method == "after", kill=victim[0])

    faults.choose = choose
    where = s3_endpoint()
    arguments = (where.bucket, place, KEY, str(file), SHA256, str(PART), faults.url, where.access_key, where.secret_key)
    environment = {**os.environ, "PYTHONPATH": str(Path(debugcapture.__file__).parents[1])}
    with subprocess.Popen([sys.executable, "-c", PROGRAM, *arguments], env=environment) as process:
        victim.append(process.pid)
        assert process.wait() == -signal.SIGKILL
