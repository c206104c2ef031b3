"""s3.py on the lab's versitygw: complete objects; uploads resume and send nothing twice, also on a bad network."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import botocore.auth
import pytest

import debugcapture
from debugcapture.errors import NotStored
from debugcapture.settings.declare import DAY_S
from debugcapture.settings.s3 import S3Settings
from debugcapture.stores import clock as clock_module
from debugcapture.stores.s3 import client as s3_client
from debugcapture.stores.s3 import errors as s3_errors
from debugcapture.stores.s3 import parts as s3_parts
from debugcapture.stores.s3.store import S3Store
from lab.stores import S3, s3_endpoint
from tests.stores.amazon_roles import ASSUMED, metadata_service, token_service
from tests.stores.faults import Fault, Faults, Request, first
from tests.stores.s3_servers import SECRET, USER, Server, allow, client, moto, versitygw_with_user

PART = 5 << 20  # the least that S3 takes
CONTENT = os.urandom(2 * PART + 1_000_001)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
SMALL = CONTENT[:1000]
KEY = "shop/checkout/capture/heap.bin"


@pytest.fixture(scope="module", autouse=True)
def server() -> None:
    assert S3.status() == "up", "needs: python -m lab up s3"


@pytest.fixture(autouse=True)
def small_parts_and_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_parts, "PART_BYTES", PART)
    monkeypatch.setattr(s3_errors, "WAITS_S", (0.01,) * 5)


@pytest.fixture
def faults() -> Iterator[Faults]:
    with Faults("127.0.0.1", S3.port) as proxy:
        yield proxy


@pytest.fixture
def prefix() -> Iterator[str]:
    name, where = f"test-{secrets.token_hex(4)}", s3_endpoint()
    yield name
    eyes = lab_client()
    for one in eyes.list_multipart_uploads(Bucket=where.bucket, Prefix=name).get("Uploads", []):
        eyes.abort_multipart_upload(Bucket=where.bucket, Key=one["Key"], UploadId=one["UploadId"])
    for item in eyes.list_objects_v2(Bucket=where.bucket, Prefix=name).get("Contents", []):
        eyes.delete_object(Bucket=where.bucket, Key=item["Key"])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "heap.bin"
    made.write_bytes(CONTENT)
    return made


@pytest.fixture
def small(tmp_path: Path) -> Path:
    made = tmp_path / "threads.txt"
    made.write_bytes(SMALL)
    return made


def lab_client() -> Any:
    where = s3_endpoint()
    return client(where.url, where.access_key, where.secret_key)


def store(prefix: str, url: str = "", bucket: str = "", **changed: Any) -> S3Store:
    where = s3_endpoint()
    fields = {
        "s3_endpoint": url or where.url,
        "s3_access_key": where.access_key,
        "s3_secret_key": where.secret_key,
        **changed,
    }
    return S3Store(urlsplit(f"s3://{bucket or where.bucket}/{prefix}"), S3Settings(**fields), 7 * DAY_S)


def content(prefix: str, key: str = KEY) -> bytes:
    body: bytes = lab_client().get_object(Bucket=s3_endpoint().bucket, Key=f"{prefix}/{key}")["Body"].read()
    return body


def sha256(whole: bytes) -> str:
    return hashlib.sha256(whole).hexdigest()


# --- complete, and once -----------------------------------------------------------------------------------------------


def test_object_is_complete_and_its_link_returns_it(prefix: str, file: Path, faults: Faults) -> None:
    seen: list[int] = []
    stored = store(prefix, faults.url).put(KEY, file, SHA256, seen.append)
    assert content(prefix) == CONTENT
    assert (stored.bytes, stored.sha256, stored.key) == (len(CONTENT), SHA256, KEY)
    assert sorted(seen) == sorted([PART, PART, 1_000_001])
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
    where, known = store(prefix, faults.url), sha256(CONTENT[:size])
    first_time = where.put(KEY, tmp_path / "x", known)
    done = len(faults.arrived)
    seen: list[int] = []
    again = where.put(KEY, tmp_path / "x", known, seen.append)
    assert replace(again, link="", expires=None) == replace(first_time, link="", expires=None)
    assert {request.method for request in faults.arrived[done:]} == {"HEAD"}
    assert seen == [size]


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
    seen: list[int] = []
    store(prefix, faults.url).put(KEY, file, SHA256, seen.append)
    assert content(prefix) == CONTENT
    assert sum(seen) == len(CONTENT)
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


# --- temporary faults: nothing is lost or sent twice ------------------------------------------------------------


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
    assert sum(request.does == does for request in faults.seen) >= count
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
def test_server_that_rejects_checksum_headers_takes_md5(prefix: str, tmp_path: Path, faults: Faults, size: int) -> None:
    file = tmp_path / "heap.bin"
    file.write_bytes(CONTENT[:size])
    faults.choose = lambda _request: Fault(refuses_checksums=True, without_checksums=True)
    with pytest.raises(NotStored, match="set s3_checksum to md5"):
        store(prefix, faults.url).put(KEY, file, sha256(CONTENT[:size]))
    for _ in range(2):
        store(prefix, faults.url, s3_checksum="md5").put(KEY, file, sha256(CONTENT[:size]))
    assert content(prefix) == CONTENT[:size]


def test_md5_finds_what_changes_on_the_way(prefix: str, file: Path, faults: Faults) -> None:
    faults.choose = lambda request: Fault(garbled=request.part == 2, refuses_checksums=True, without_checksums=True)
    with pytest.raises(NotStored, match="BadDigest"):
        store(prefix, faults.url, s3_checksum="md5").put(KEY, file, SHA256)


# --- permanent faults: one line, and nothing is lost ---------------------------------------------------------


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


# --- kill -9 -------------------------------------------------------------------------------------------------------

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
KILLS = [(number, how) for number in range(1, len(STEPS) + 1) for how in ("before", "after")]
KILLS += [(number, how) for number in (4, 5) for how in ("at its start", "in its middle")]


def test_killed_upload_resumes_where_it_stopped(prefix: str, file: Path, faults: Faults) -> None:
    """End twenty uploads by kill -9, each at another point: what the server already has is not sent again."""
    assert len(KILLS) == 20
    for number, how in KILLS:
        place = f"{prefix}/{number}-{how.replace(' ', '-')}"
        faults.seen.clear()
        faults.arrived.clear()
        _killed(faults, place, file, number, how)
        faults.choose = lambda _request: None
        store(place, faults.url).put(KEY, file, SHA256)
        assert content(place) == CONTENT
        assert faults.parts() == [1, 2, 3]
        assert (faults.did("create"), faults.did("complete")) == (1, 1)


def _killed(faults: Faults, place: str, file: Path, number: int, how: str) -> None:
    victim: list[int] = []

    def choose(_request: Request) -> Fault | None:
        if len(faults.seen) != number:
            return None
        reset = {"before": 0, "at its start": 1, "in its middle": PART // 2}.get(how)
        return Fault(reset_after=reset, lose_answer=how == "after", kill=victim[0])

    faults.choose = choose
    where = s3_endpoint()
    what = (where.bucket, place, KEY, str(file), SHA256, str(PART), faults.url, where.access_key, where.secret_key)
    environment = {**os.environ, "PYTHONPATH": str(Path(debugcapture.__file__).parents[1])}
    with subprocess.Popen([sys.executable, "-c", PROGRAM, *what], env=environment) as process:
        victim.append(process.pid)
        assert process.wait() == -signal.SIGKILL


# --- settings, as the server has kept them -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with versitygw_with_user(tmp_path_factory.mktemp("versitygw")) as made:
        yield made


def as_user(server: Server, bucket: str, **changed: Any) -> S3Store:
    return store("", server.url, bucket, s3_access_key=USER, s3_secret_key=SECRET, **changed)


def test_user_who_may_not_write_is_reported(other: Server, file: Path, small: Path) -> None:
    other.client.create_bucket(Bucket="closed")
    for source in (file, small):
        with pytest.raises(NotStored, match=r"AccessDenied: .* Allow s3:PutObject and s3:GetObject"):
            as_user(other, "closed").put(KEY, source, sha256(source.read_bytes()))


def test_unknown_user_is_reported(other: Server, small: Path) -> None:
    with pytest.raises(NotStored, match="InvalidAccessKeyId: .*Check s3_access_key and s3_secret_key"):
        store("", other.url, "any-bucket", s3_access_key="NOBODY").put(KEY, small, sha256(SMALL))


def test_least_privilege_of_the_documents_is_enough(other: Server, file: Path, small: Path) -> None:
    other.client.create_bucket(Bucket="open-to-write")
    allow(other, "open-to-write", "s3:PutObject", "s3:GetObject")
    for source in (file, small):
        as_user(other, "open-to-write").put(source.name, source, sha256(source.read_bytes()))
        found = other.client.get_object(Bucket="open-to-write", Key=source.name)
        assert found["Body"].read() == source.read_bytes()


@pytest.mark.parametrize("mode", ["GOVERNANCE", "COMPLIANCE"])
@pytest.mark.parametrize("name", ["small", "file"])
def test_locked_object(other: Server, name: str, request: pytest.FixtureRequest, mode: str) -> None:
    source: Path = request.getfixturevalue(name)
    bucket = f"locked-{mode.lower()}-{name}"
    other.client.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    keys = {"s3_access_key": "root", "s3_secret_key": SECRET}
    where = store("", other.url, bucket, s3_lock=mode, s3_lock_days=3, **keys)
    where.put(KEY, source, sha256(source.read_bytes()))
    kept = other.client.get_object_retention(Bucket=bucket, Key=KEY)["Retention"]
    left = kept["RetainUntilDate"] - datetime.now(timezone.utc)
    assert kept["Mode"] == mode
    assert timedelta(days=2, hours=23) < left < timedelta(days=3, minutes=1)


def test_lock_in_a_bucket_without_object_lock_is_reported(prefix: str, small: Path) -> None:
    with pytest.raises(NotStored, match="ObjectLockConfiguration"):
        store(prefix, s3_lock="GOVERNANCE").put(KEY, small, sha256(SMALL))


@pytest.mark.parametrize("name", ["small", "file"])
def test_tags(prefix: str, name: str, request: pytest.FixtureRequest) -> None:
    source: Path = request.getfixturevalue(name)
    store(prefix, s3_tags="team=payments, cost center=a+b=c").put(KEY, source, sha256(source.read_bytes()))
    tags = lab_client().get_object_tagging(Bucket=s3_endpoint().bucket, Key=f"{prefix}/{KEY}")["TagSet"]
    assert {tag["Key"]: tag["Value"] for tag in tags} == {"team": "payments", "cost center": "a+b=c"}


@pytest.fixture(scope="module")
def amazon() -> Iterator[Server]:
    with moto() as made:
        made.client.create_bucket(Bucket="captures")
        yield made


@pytest.mark.parametrize("name", ["small", "file"])
@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"s3_encryption": "AES256"}, {"ServerSideEncryption": "AES256"}),
        ({"s3_encryption": "aws:kms:dsse"}, {"ServerSideEncryption": "aws:kms:dsse"}),
        (
            {"s3_encryption": "aws:kms", "s3_kms_key": "arn:aws:kms:us-east-1:123456789012:key/k"},
            {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "arn:aws:kms:us-east-1:123456789012:key/k"},
        ),
        ({"s3_storage_class": "STANDARD_IA"}, {"StorageClass": "STANDARD_IA"}),
        ({"s3_session_token": "temporary"}, {}),
        ({"s3_bucket_owner": "123456789012"}, {}),
    ],
    ids=["SSE-S3", "DSSE-KMS", "SSE-KMS", "storage class", "session token", "owner"],
)
def test_how_an_object_is_kept(
    amazon: Server, name: str, request: pytest.FixtureRequest, changed: dict[str, str], expected: dict[str, str]
) -> None:
    source: Path = request.getfixturevalue(name)
    key = f"{name}-{sha256(repr(changed).encode())[:8]}"
    store("", amazon.url, "captures", **changed).put(key, source, sha256(source.read_bytes()))
    found = amazon.client.head_object(Bucket="captures", Key=key)
    assert {field: found.get(field) for field in expected} == expected
    assert found["ContentLength"] == source.stat().st_size


def test_documented_lifecycle_rule_is_accepted(amazon: Server) -> None:
    document = (Path(__file__).parents[2] / "docs" / "stores.md").read_text()
    (rules,) = re.findall(r'```json\n(\{"Rules".*?)```', document, re.DOTALL)
    amazon.client.put_bucket_lifecycle_configuration(Bucket="captures", LifecycleConfiguration=json.loads(rules))
    (kept,) = amazon.client.get_bucket_lifecycle_configuration(Bucket="captures")["Rules"]
    assert (kept["Status"], kept["Filter"], kept["Expiration"]) == ("Enabled", {"Prefix": "PREFIX/"}, {"Days": 30})
    assert kept["NoncurrentVersionExpiration"] == {"NoncurrentDays": 1}
    assert kept["AbortIncompleteMultipartUpload"] == {"DaysAfterInitiation": 7}


ROLE = "arn:aws:iam::123456789012:role/captures"


@pytest.mark.parametrize("external_id", ["our-id", ""], ids=["with an external id", "without"])
def test_role_is_assumed_with_and_without_an_external_id(
    amazon: Server, small: Path, monkeypatch: pytest.MonkeyPatch, external_id: str
) -> None:
    with token_service(external_id) as sts:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts)
        where = store("", amazon.url, "captures", s3_role=ROLE, s3_external_id=external_id)
        assert f"{ASSUMED}%2F" in where.put("by-external-id", small, sha256(SMALL)).link


def test_refused_role_is_reported(amazon: Server, small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reason = r"cannot assume the role: AccessDenied: .*\. Check s3_role and s3_external_id"
    with token_service("our-id") as sts:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts)
        where = store("", amazon.url, "captures", s3_role=ROLE, s3_external_id="other")
        with pytest.raises(NotStored, match=reason) as refused:
            where.put("x", small, sha256(SMALL))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("kind", ["iam-role", "container-role"])
def test_machine_has_a_role(
    amazon: Server, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Of its instance, or of its container or pod; the link ends with it."""
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    ends = datetime.now(timezone.utc) + timedelta(hours=5)
    with metadata_service(ends) as url:
        if kind == "iam-role":
            monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", url)
        else:
            monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{url}/credentials")
        keys = {"s3_access_key": "", "s3_secret_key": ""}
        where = store("", amazon.url, "captures", **keys)
        stored = where.put("by-machine", small, sha256(SMALL))
    assert where._session.get_credentials().method == kind
    assert f"{ASSUMED}%2F" in stored.link
    assert stored.expires
    assert abs(stored.expires - ends) < timedelta(seconds=2)


def test_role_is_assumed_with_its_external_id(amazon: Server, small: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", amazon.url)
    role = "arn:aws:iam::123456789012:role/captures"
    where = store("", amazon.url, "captures", s3_role=role, s3_external_id="our-id")
    stored = where.put("by-role", small, sha256(SMALL))
    credentials = where._session.get_credentials().get_frozen_credentials()
    assert credentials.access_key != s3_endpoint().access_key
    assert credentials.token
    assert credentials.access_key in stored.link
    assert stored.expires
    assert stored.expires - datetime.now(timezone.utc) < timedelta(hours=1, minutes=1)  # the role's session ends


def test_profile(amazon: Server, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config").write_text("[profile captures]\naws_access_key_id=PROFILEKEY\naws_secret_access_key=s\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    where = store("", amazon.url, "captures", s3_profile="captures", s3_access_key="", s3_secret_key="")
    assert "PROFILEKEY" in where.put("by-profile", small, sha256(SMALL)).link


def test_web_identity_comes_from_the_sdks_own_chain(
    amazon: Server, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "token").write_text("a.b.c")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/pod")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", amazon.url)
    where = store("", amazon.url, "captures", s3_access_key="", s3_secret_key="")
    where.put("by-web-identity", small, sha256(SMALL))
    assert where._session.get_credentials().method == "assume-role-with-web-identity"
