"""install.py: the sources of secrets, the output, and the exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import urllib3

from tools import install
from tools.project_archive import Edition, write_project_archive
from tools.rundeck_api import InstallError, Response, Server

SECRET = "glsa_secret-value-1"  # noqa: S105 - a test's


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    file = tmp_path / "ops.rdproject.jar"
    write_project_archive(file, Edition("ops"))
    return file


@pytest.fixture
def run(archive: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run the command without a server, check that it fails, and return its output."""
    monkeypatch.setenv("RUNDECK_TOKEN", SECRET)

    def started(*arguments: str) -> str:
        argv = ["--url", "http://127.0.0.1:9", "--project", "ops", "--archive", str(archive), *arguments]
        assert install.main(argv) == 1
        output = capsys.readouterr()
        assert not output.out
        assert SECRET not in output.err
        assert len(output.err.splitlines()) == 1
        return output.err

    return started


def test_a_missing_response_is_reported_with_the_url(run: Callable[..., str]) -> None:
    output = run()
    assert "http://127.0.0.1:9/api/44/" in output
    assert "no response" in output
    assert "Check --url" in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--project", "other"], "is for the project ops, not other: run ./build.sh package --project other"),
        (["--archive", "/nowhere.jar"], "Cannot read the archive /nowhere.jar"),
        (["--archive", "/etc/hostname"], "not a project archive"),
        (["--token-file", "/nowhere"], "Cannot read the API token from /nowhere: No such file"),
        (["--token-file", "/dev/null"], "the API token is empty: check the file /dev/null"),
        (["--key", f"token={SECRET}"], "the key token: use file:PATH or env:NAME"),
        (["--key", "token=env:NOWHERE"], "the key token is empty: check the variable NOWHERE"),
        (["--key", "token=file:/nowhere"], "Cannot read the key token from /nowhere"),
        (["--key", "../../token=env:RUNDECK_TOKEN"], "invalid key name '../../token'"),
        (["--key", "token"], "the key token: use file:PATH or env:NAME"),
        (["--ca", "/nowhere"], "Cannot read the CA certificates in /nowhere"),
    ],
)
def test_wrong_arguments_are_reported_in_a_line(arguments: list[str], message: str, run: Callable[..., str]) -> None:
    assert message in run(*arguments)


def test_a_token_with_invalid_characters_is_refused_and_not_shown(run: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(b"\xff\x00 secret")
    output = run("--token-file", str(tmp_path / "token"))
    assert "contains invalid characters" in output
    assert "secret" not in output


def test_a_variable_without_a_token_is_reported(
    archive: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("RUNDECK_TOKEN", raising=False)
    assert install.main(["--url", "http://127.0.0.1:9", "--project", "ops", "--archive", str(archive)]) == 1
    assert "the API token is empty: check the variable RUNDECK_TOKEN" in capsys.readouterr().err


class FixedServer(Server):
    """A server that always returns the same response."""

    def __init__(self, status: int, content: Any) -> None:
        super().__init__("http://rundeck", SECRET, urllib3.PoolManager())
        self.response = Response(status, content if isinstance(content, str) else json.dumps(content))

    def send(self, method: str, path: str, body: bytes = b"", content_type: str = "") -> Response:  # noqa: ARG002 - as in Server
        return self.response


@pytest.mark.parametrize(
    ("status", "content", "message"),
    [
        (200, {"import_status": "failed", "successful": False, "errors": ["Heap dump: invalid"]}, "Heap dump: invalid"),
        (200, {"import_status": "failed", "successful": False}, '"import_status": "failed"'),
        (200, {"import_status": "successful", "acl_errors": ["operators.aclpolicy: bad"]}, "operators.aclpolicy: bad"),
        (200, {"import_status": "successful", "other_errors": {"webhooks": ["taken"]}}, "taken"),
        (200, {}, "The import failed"),
        (200, "<html>Log in</html>", "no proxy requires a login"),
        (403, {"error": True, "message": "not authorized"}, "403: not authorized. The token has too few permissions"),
        (500, "oops", "500: oops"),
    ],
)
def test_a_failed_import_is_an_error_for_any_status(status: int, content: Any, message: str) -> None:
    """Rundeck returns HTTP 200 for an import that failed."""
    with pytest.raises(InstallError) as caught:
        FixedServer(status, content).import_archive("ops", b"", webhooks=True)
    assert message in str(caught.value)


def test_a_successful_import_raises_no_error() -> None:
    FixedServer(200, {"import_status": "successful", "successful": True}).import_archive("ops", b"", webhooks=True)


@pytest.mark.parametrize(
    ("granted", "allowed"), [(["read", "run"], True), (["read"], False), ([], False), (["read", "run", "kill"], True)]
)
def test_a_resource_is_allowed_if_all_actions_are(granted: list[str], allowed: bool) -> None:
    decisions = [{"actionName": name, "isAuthorized": name in granted} for name in ("read", "run", "kill")]
    assert (
        FixedServer(200, {"actionAuthorizations": decisions}).is_allowed("project/ops/job/1", "read", "run") is allowed
    )
