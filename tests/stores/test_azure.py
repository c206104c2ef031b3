"""azure.py on the lab's Azurite: complete blobs, verified block by block; uploads resume and send nothing twice."""

from __future__ import annotations

import hashlib
import itertools
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime, parsedate_to_datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob import BlobServiceClient

from debugcapture.errors import NotStored
from debugcapture.stores import clock
from debugcapture.stores.azure import account as azure_account
from debugcapture.stores.azure import store as module
from lab.stores import azure_endpoint
from tests.stores.azure_front import RESET, Answer, Plan, Request, front, refusal
from tests.stores.azure_lab import (
    CONTENT,
    KEY,
    SHA256,
    SMALL,
    Counting,
    blob,
    file,
    prefix,
    server,
    small_blocks_and_no_waits,
    store,
)

__all__ = ["file", "prefix", "server", "small_blocks_and_no_waits"]  # fixtures
pytestmark = pytest.mark.usefixtures("server", "small_blocks_and_no_waits")


def test_blob_is_complete_and_its_link_returns_it(prefix: str, file: Path) -> None:
    stored = store(prefix).put(KEY, file, SHA256)
    properties = blob(prefix).get_blob_properties()
    assert (properties.size, properties.metadata) == (len(CONTENT), {"sha256": SHA256})
    assert properties.content_settings.content_type == "text/plain; charset=utf-8"
    assert stored.expires
    assert azure_endpoint().key not in stored.link
    with urllib.request.urlopen(stored.link, timeout=10) as answer:
        assert answer.read() == CONTENT


def test_a_browser_saves_what_a_container_named(prefix: str, tmp_path: Path) -> None:
    """A page that a container wrote would run its scripts on the origin of the store."""
    (tmp_path / "x").write_bytes(b"<script>")
    link = store(prefix).put("left/core.1.html", tmp_path / "x", hashlib.sha256(b"<script>").hexdigest()).link
    with urllib.request.urlopen(link, timeout=10) as answer:
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["Content-Disposition"] == "attachment"


@pytest.mark.parametrize("wrong", [lambda link: link.partition("?")[0], lambda link: link[:-4] + "AAA="])
def test_wrong_link_shows_nothing(prefix: str, tmp_path: Path, wrong: object) -> None:
    (tmp_path / "x").write_bytes(b"x")
    link = store(prefix).put("x", tmp_path / "x", hashlib.sha256(b"x").hexdigest()).link
    assert callable(wrong)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(wrong(link), timeout=10)
    refused.value.close()
    assert refused.value.code in (401, 403, 404)


def test_empty_file(prefix: str, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert store(prefix).put(KEY, tmp_path / "empty", hashlib.sha256().hexdigest()).bytes == 0
    assert blob(prefix).get_blob_properties().size == 0


def test_second_upload_sends_nothing(prefix: str, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store(prefix).put(KEY, file, SHA256)
    before = blob(prefix).get_blob_properties().etag
    sent = Counting(monkeypatch)
    store(prefix).put(KEY, file, SHA256)
    assert sent.names == []
    assert blob(prefix).get_blob_properties().etag == before


@pytest.mark.parametrize("arrived", [0, 1, 2, 3])
def test_blocks_of_an_earlier_try_are_not_sent_again(
    prefix: str, file: Path, monkeypatch: pytest.MonkeyPatch, arrived: int
) -> None:
    monkeypatch.setattr(module, "_CONCURRENCY", 1)
    with monkeypatch.context() as first:
        sent = Counting(first, allowed=arrived)
        if arrived < 3:
            with pytest.raises(NotStored, match="the machine goes down"):
                store(prefix).put(KEY, file, SHA256)
        else:
            store(prefix).put(KEY, file, SHA256)
    again = Counting(monkeypatch)
    store(prefix).put(KEY, file, SHA256)
    assert len(sent.names) == arrived
    assert len(again.names) == 3 - arrived
    assert not set(sent.names) & set(again.names)
    assert blob(prefix).download_blob().readall() == CONTENT


def test_missing_source_is_reported(prefix: str, tmp_path: Path) -> None:
    with pytest.raises(NotStored, match="cannot read .*/gone: No such file or directory. Check the disk of the spool"):
        store(prefix).put(KEY, tmp_path / "gone", SHA256)


def test_changed_source_is_not_stored(prefix: str, file: Path) -> None:
    with pytest.raises(NotStored, match="differs from the data captured"):
        store(prefix).put(KEY, file, "00" * 32)
    assert not blob(prefix).exists()


def test_tier_and_tags_are_those_of_the_settings(prefix: str, file: Path) -> None:
    store(prefix, azure_tier="Cool", azure_tags="team=payments, purpose=debug").put(KEY, file, SHA256)
    assert blob(prefix).get_blob_properties().blob_tier == "Cool"
    assert blob(prefix).get_blob_tags() == {"team": "payments", "purpose": "debug"}


def test_immutability_is_requested_with_the_blob(prefix: str, file: Path) -> None:
    """Azurite accepts the policy but does not store it, so the front returns it."""
    requests: list[Request] = []

    def plan(request: Request) -> Answer | None:
        if "comp=blocklist" in request.path and request.method == "PUT":
            requests.append(request)
        if request.method == "HEAD" and request.number:
            until = format_datetime(datetime.now(timezone.utc) + timedelta(days=30), usegmt=True)
            more = {"x-ms-immutability-policy-until-date": until, "x-ms-immutability-policy-mode": "unlocked"}
            sha256 = {"x-ms-meta-sha256": SHA256, "Content-Length": str(len(CONTENT))}
            return Answer(200, b"", {**more, **sha256})
        return None

    with front(plan) as url:
        store(prefix, azure_endpoint=url, azure_immutable_days=30).put(KEY, file, SHA256)
    until = parsedate_to_datetime(requests[0].headers["x-ms-immutability-policy-until-date"])
    assert timedelta(days=29, hours=23) < until - datetime.now(timezone.utc) <= timedelta(days=30)
    assert requests[0].headers["x-ms-immutability-policy-mode"] == "Unlocked"


def test_store_that_does_not_protect_its_blobs_is_reported(prefix: str, file: Path) -> None:
    with pytest.raises(NotStored, match="not implemented"):
        store(prefix, azure_immutable_days=1).put(KEY, file, SHA256)


def test_progress_callback_can_stop_the_upload(prefix: str, file: Path) -> None:
    def stop(_more: int) -> None:
        raise KeyError("stop")

    with pytest.raises(KeyError, match="stop"):
        store(prefix).put(KEY, file, SHA256, stop)
    assert not blob(prefix).exists()


def test_large_files_at_once(prefix: str, tmp_path: Path) -> None:
    """Threads upload in turns, as a capture does with its artifacts. Each blob is complete."""
    contents = [os.urandom(2_100_000) for _ in range(3)]
    for number, content in enumerate(contents):
        (tmp_path / str(number)).write_bytes(content)
    azure = store(prefix)
    with ThreadPoolExecutor(3) as pool:
        list(
            pool.map(
                lambda at: azure.put(str(at), tmp_path / str(at), hashlib.sha256(contents[at]).hexdigest()), range(3)
            )
        )
    where = azure_endpoint()
    with BlobServiceClient.from_connection_string(where.connection_string) as service:
        for number, content in enumerate(contents):
            blob = service.get_blob_client(where.container, f"{prefix}/{number}")
            assert blob.download_blob().readall() == content


def burst(*answers: Answer) -> Plan:
    """Each block gets the next of ``answers`` until there are none left."""
    remaining = list(answers)
    return lambda request: remaining.pop() if request.block and remaining else None


BUSY, BROKEN = refusal(503, "ServerBusy"), refusal(500, "InternalError")


@pytest.mark.parametrize(
    "plan",
    [burst(*[BROKEN] * 4), burst(*[BUSY] * 4), burst(BUSY, RESET, BROKEN, RESET), burst(*[RESET] * 4)],
    ids=["500", "503", "mixed", "reset in mid-block"],
)
def test_burst_of_faults_is_retried(prefix: str, file: Path, plan: Plan) -> None:
    reached: list[int] = []
    with front(plan) as url:
        store(prefix, azure_endpoint=url).put(KEY, file, SHA256, reached.append)
    assert blob(prefix).download_blob().readall() == CONTENT
    assert sum(reached) == len(CONTENT)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (BUSY, "ServerBusy: .*Upload again later"),
        (RESET, "Check the URL, endpoint and keys of the store, and the network"),
        (refusal(403, "AuthenticationFailed"), "AuthenticationFailed: .*the clock of this machine"),
        (refusal(507, "InsufficientAccountStorage"), "InsufficientAccountStorage"),
    ],
    ids=["503", "reset", "signature", "account full"],
)
def test_permanent_fault_is_reported_and_nothing_is_stored(
    prefix: str, file: Path, answer: Answer, reason: str
) -> None:
    with front(lambda request: answer if request.block else None) as url, pytest.raises(NotStored, match=reason):
        store(prefix, azure_endpoint=url).put(KEY, file, SHA256)
    assert not blob(prefix).exists()


def test_slow_server_gets_enough_time(prefix: str, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each block takes some time. One takes so long that the client cancels it and sends it again."""
    monkeypatch.setattr(azure_account, "SILENCE_S", 3)
    blocks = itertools.count()

    def plan(request: Request) -> None:
        if request.block:
            time.sleep(4 if next(blocks) == 1 else 0.2)

    with front(plan) as url:
        store(prefix, azure_endpoint=url).put(KEY, file, SHA256)
    assert next(blocks) >= 4  # three, and one of them again
    assert blob(prefix).download_blob().readall() == CONTENT


class AnHourBehind(datetime):
    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return datetime.now(tz) - timedelta(hours=1)


def test_wrong_clock_is_reported(prefix: str, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Azurite ignores the date of a request. The front returns the refusal of the service, with the correct date."""
    monkeypatch.setattr(clock, "datetime", AnHourBehind)
    reason = r"AuthenticationFailed: .*: the clock of this machine is 3[56]\d\d s behind\. Correct the clock"
    refused = refusal(403, "AuthenticationFailed")
    with front(lambda _request: refused) as url, pytest.raises(NotStored, match=reason):
        store(prefix, azure_endpoint=url).put(KEY, file, SHA256)


def test_server_that_stores_fewer_bytes_than_it_got_is_reported(prefix: str, file: Path) -> None:
    short = Answer(200, b"", {"x-ms-meta-sha256": SHA256, "Content-Length": str(len(CONTENT) - 1)})
    plan: Plan = lambda request: short if request.method == "HEAD" else None  # noqa: E731
    with front(plan) as url, pytest.raises(NotStored, match="differs from the data sent.*stays in the spool"):
        store(prefix, azure_endpoint=url).put(KEY, file, SHA256)


def test_unreachable_server_is_reported(prefix: str, file: Path) -> None:
    with pytest.raises(NotStored, match="Connection refused.*Check the URL"):
        store(prefix, azure_endpoint="http://127.0.0.1:9/debugcapture").put(KEY, file, SHA256)


def die_at(sends: int, prefix: str, file: Path) -> None:
    """Upload, and end by kill -9 instead of a send to the server."""
    countdown = itertools.count(sends, -1)
    real = HTTPConnection.send

    def send(connection: HTTPConnection, data: Any) -> None:
        if next(countdown) <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        real(connection, data)

    HTTPConnection.send = send  # type: ignore[method-assign, assignment]
    store(f"{prefix}/{sends}").put(KEY, file, SHA256)


def test_killed_upload_resumes_where_it_stopped(prefix: str, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kill it at each of twenty points: the blob is complete or missing, and no block is sent twice."""
    program = (
        "import os, sys; from pathlib import Path; import tests.stores.test_azure as t\n"
        f"t.module.BLOCK_BYTES = {SMALL}\n"
        "for sends in range(20):\n"
        "    child = os.fork()\n"
        "    if not child: t.die_at(sends, sys.argv[1], Path(sys.argv[2]))\n"
        "    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -9, sends\n"
    )
    repository = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{repository}{os.pathsep}{repository / 'contents'}"}
    subprocess.run([sys.executable, "-c", program, prefix, str(file)], env=environment, check=True)
    monkeypatch.setattr(module, "BLOCK_BYTES", SMALL)
    arrived = 0
    for sends in range(20):
        key_prefix = f"{prefix}/{sends}"
        assert not blob(key_prefix).exists()
        before = module._list_uncommitted(blob(key_prefix))
        arrived += len(before)
        with monkeypatch.context() as counted:
            sent = Counting(counted)
            store(key_prefix).put(KEY, file, SHA256)
        assert len(sent.names) == -(-len(CONTENT) // SMALL) - len(before)
        assert not before.keys() & set(sent.names)
        assert blob(key_prefix).download_blob().readall() == CONTENT
    assert arrived
