"""evidence_server.py as a program: the same address opens after it was killed and started again."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from debugcapture.errors import BadInput
from debugcapture.runtime.context import RunContext
from debugcapture.settings.declare import read
from debugcapture.steps.evidence_server import EvidenceServerStep, serve_evidence
from debugcapture.steps.providers import SERVICES, provider
from tests.unit.builders import file_store
from tests.unit.links.stored import stored_capture

TOKEN = "t0ken-of-sixteen-characters"
CONTENTS = Path(__file__).parents[3] / "contents"
PROGRAM = (
    "import sys; sys.path.insert(0, sys.argv[1]); from debugcapture.cli.main import main; sys.exit(main(sys.argv[2:]))"
)


@contextmanager
def server(store: Path, listen: str, **settings: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """The program and its port. Its log goes to standard error."""
    values = {"STORE": store.as_uri(), "EVIDENCE_LISTEN": listen, "EVIDENCE_TOKEN": TOKEN, **settings}
    environment = {"PATH": os.environ["PATH"], **{f"DEBUG_CAPTURE_{name}": value for name, value in values.items()}}
    command = [sys.executable, "-c", PROGRAM, str(CONTENTS), "evidence-server"]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout
        try:
            yield process, int(process.stdout.readline().rpartition(":")[2])
        finally:
            process.kill()


def fetch(port: int, path: str, token: str = TOKEN) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer.status, body


@pytest.fixture
def capture_id(tmp_path: Path) -> str:
    (tmp_path / "store").mkdir()
    return stored_capture(tmp_path / "spool", file_store(tmp_path / "store"))[0].capture_id


def test_same_address_opens_after_the_server_was_killed(tmp_path: Path, capture_id: str) -> None:
    log = tmp_path / "access.log"
    with server(tmp_path / "store", "127.0.0.1:0", ACCESS_LOG=str(log)) as (process, port):
        status, page = fetch(port, f"/c/{capture_id}")
        assert status == 200
        assert f'href="{capture_id}/jvm-threads.txt"' in page
        assert fetch(port, f"/c/{capture_id}", "another-token-of-nobody")[0] == 401
        process.send_signal(signal.SIGKILL)
        process.wait(30)
    with server(tmp_path / "store", f"127.0.0.1:{port}", ACCESS_LOG=str(log)) as (process, _):
        assert fetch(port, f"/c/{capture_id}") == (200, page)
        assert fetch(port, f"/c/{capture_id}/jvm-threads.txt") == (200, "threads")
        assert fetch(port, "/c/20260102T120000Z-nobody-1a2b")[0] == 404
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(entry["status"], entry["served"]) for entry in entries] == [
        (200, "page"),
        (401, ""),
        (200, "page"),
        (200, "file"),
        (404, ""),
    ]


def test_log_goes_to_standard_output(tmp_path: Path, capture_id: str) -> None:
    with server(tmp_path / "store", "127.0.0.1:0") as (process, port):
        assert fetch(port, f"/c/{capture_id}")[0] == 200
        assert process.stdout
        assert json.loads(process.stdout.readline())["key"].endswith(f"{capture_id}/index.html")


def test_it_is_a_program_and_not_a_plugin() -> None:
    assert provider("k8s-debug-evidence-server") in SERVICES


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"store": ""}, "store is missing"),
        ({"evidence_token": ""}, "no user could log in"),
        ({"trusted_proxies": "1.2.3.4/99"}, "cannot use trusted_proxies"),
        ({"evidence_listen": "999.0.0.1:1"}, "cannot listen on"),
    ],
)
def test_it_does_not_start_with_wrong_settings(
    changed: dict[str, str], reason: str, tmp_path: Path, run_context: RunContext
) -> None:
    usual = {"store": tmp_path.as_uri(), "evidence_token": TOKEN}
    with pytest.raises(BadInput, match=reason):
        serve_evidence(read(EvidenceServerStep, usual | changed), run_context)


@pytest.mark.parametrize("changed", [{"evidence_token": "short"}, {"user_header": "X User"}, {"access_log": "log"}])
def test_wrong_settings_are_reported(changed: dict[str, str]) -> None:
    with pytest.raises(BadInput, match=next(iter(changed))):
        read(EvidenceServerStep, changed)
