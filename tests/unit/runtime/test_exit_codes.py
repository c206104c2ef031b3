"""exit_codes.py: the cause of a failure and the step that it ends give the exit code of README.md's table."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import pytest

from debugcapture import errors
from debugcapture.errors import CaptureError
from debugcapture.kube import client
from debugcapture.kube.client import Change
from debugcapture.kube.errors import error_from_status
from debugcapture.model import Json
from debugcapture.pagerduty.client import Client
from debugcapture.restart.restart import Plan
from debugcapture.runtime import process
from debugcapture.runtime.context import RunContext
from debugcapture.runtime.exit_codes import exit_code
from debugcapture.steps import restart as restart_module
from debugcapture.steps.providers import provider
from lab.paths import REPO

# An error without an exit code gets the code of the step; see the table of README.md.
OWN = {"capture": 5, "incident-target": 5, "exec": 5, "attach": 5, "upload": 6, "incident-note": 7, "restart": 8}
EVERYWHERE = {"BadInput": 2, "TargetNotFound": 3, "NotAllowed": 4, "Unreachable": 5, "NotStored": 6, "NoteNotSent": 7}


def causes(kind: type[CaptureError] = CaptureError) -> list[type[CaptureError]]:
    return [cause for sub in kind.__subclasses__() for cause in (sub, *causes(sub))]


@pytest.mark.parametrize("step", OWN)
@pytest.mark.parametrize("cause", causes(), ids=lambda kind: kind.__name__)
def test_the_exit_code_is_that_of_the_cause_or_of_the_step(cause: type[CaptureError], step: str) -> None:
    code = exit_code(cause("x", "y"), provider(f"k8s-debug-{step}").failure_code)
    of_cause = [EVERYWHERE[kind.__name__] for kind in cause.__mro__ if kind.__name__ in EVERYWHERE]
    assert code == (of_cause[0] if of_cause else OWN[step])


def test_every_code_is_documented() -> None:
    documented = set(re.findall(r"(?m)^\| (\d+) \|", (REPO / "README.md").read_text(encoding="utf-8")))
    assert {str(code) for code in (*OWN.values(), *EVERYWHERE.values(), errors.EXIT_PARTIAL)} <= documented


@pytest.fixture
def run_context(tmp_path: Path) -> RunContext:
    return RunContext(lambda _: None, io.BytesIO(), io.BytesIO(), tmp_path / "spool", "7", {})


def ended(step: str, run_context: RunContext, **values: str) -> process.RunResult:
    return process.run(provider(f"k8s-debug-{step}"), values, run_context)


@pytest.mark.parametrize(("status", "code"), [(409, 8), (422, 8), (400, 8), (403, 4), (404, 3), (503, 5)])
def test_restart_that_the_api_server_refuses(
    status: int, code: int, run_context: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Refuses:
        def __init__(self, *_: object) -> None:
            pass

        def change(self, _change: Change) -> None:
            raise error_from_status("cannot restart deployment shop/web", status, b'{"message": "no", "reason": "x"}')

    planned = Plan("rollout restart", (Change("cannot restart", "/x"),), "deployment", "shop", "web")
    monkeypatch.setattr(client, "connect", lambda _: None)
    monkeypatch.setattr(client, "Api", Refuses)
    monkeypatch.setattr(restart_module, "plan", lambda *_: planned)
    exit_code = ended("restart", run_context, namespace="shop", workload="web", gate="none", gate_stored="false")
    assert (exit_code.exit_code, "no" in exit_code.failure) == (code, True)


class LoginPage:
    status, headers, retries = 200, dict[str, str](), None

    def json(self) -> Json:
        raise ValueError("<html>")


@pytest.mark.parametrize(("step", "code"), [("incident-target", 5), ("incident-note", 7)])
def test_login_page_in_front_of_pagerduty(
    step: str, code: int, run_context: RunContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Client, "send", lambda *_: LoginPage())
    run_context.spool.mkdir()
    values: dict[str, Any] = {"incident_id": "Q1ABCDEF", "pagerduty_token": "t"}
    if step == "incident-note":
        values["failure"] = "the node is gone"
    exit_code = ended(step, run_context, **values)
    assert (exit_code.exit_code, "the response is not from PagerDuty" in exit_code.failure) == (code, True)


def test_spool_that_cannot_be_written_is_a_failed_upload_of_the_upload_step() -> None:
    error = errors.SpoolUnwritable("cannot write to the spool /x", "Read-only file system")
    codes = {step: exit_code(error, provider(f"k8s-debug-{step}").failure_code) for step in ("capture", "upload")}
    assert codes == {"capture": 5, "upload": 6}
