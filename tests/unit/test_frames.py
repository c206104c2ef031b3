"""frames.py: the exit status that ends a stream."""

from __future__ import annotations

import json

import pytest

from debugcapture.cluster.frames import broken_stream, exit_status, out_of_time
from debugcapture.model import ExitStatus
from tests.unit.builders import SUCCESS, failure_status

NOT_FOUND = 'exec: "jcmd": executable file not found in $PATH'


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        (SUCCESS, ExitStatus(0)),
        (failure_status(3, "exit 3"), ExitStatus(3, "NonZeroExitCode", "exit 3")),
        (failure_status(None, NOT_FOUND, "InternalError"), ExitStatus(None, "InternalError", NOT_FOUND)),
        (b'{"status":"Failure","details":null}', ExitStatus(None)),
        (b'{"status":"Failure","details":{"causes":null}}', ExitStatus(None)),
        (
            b'{"status":"Failure","details":{"causes":[{"reason":"ExitCode","message":"soon"}]}}',
            ExitStatus(None),
        ),
    ],
    ids=["success", "exit code", "never ran", "no details", "no causes", "no number"],
)
def test_status_tells_how_the_command_ended(payload: bytes, status: ExitStatus) -> None:
    assert exit_status(payload) == status


@pytest.mark.parametrize("payload", [b"", b"{", b"\xff\xfe\xfd", b"[]", b"1", b'"Success"', b"null"])
def test_status_that_cannot_be_read_is_no_success(payload: bytes) -> None:
    status = exit_status(payload)
    assert (status.code, status.reason) == (None, "BadStatus")
    assert status.message


@pytest.mark.parametrize(
    "extra",
    [{"reason": "ImagePull", "message": "1"}, {"reason": "ExitCode"}],
    ids=["another cause", "no message"],
)
def test_only_an_exit_code_cause_is_an_exit_code(extra: dict[str, str]) -> None:
    causes = [extra, {"reason": "ExitCode", "message": "42"}]
    payload = json.dumps({"status": "Failure", "details": {"causes": causes}}).encode()
    assert exit_status(payload).code == (42 if extra["reason"] == "ImagePull" else None)


@pytest.mark.parametrize(
    ("status", "reason"),
    [(broken_stream(), "StreamBroken"), (broken_stream("it fell"), "StreamBroken"), (out_of_time(), "TimeLimit")],
    ids=["broken", "broken by", "out of time"],
)
def test_stream_that_did_not_end_has_no_exit_code(status: ExitStatus, reason: str) -> None:
    assert (status.code, status.reason) == (None, reason)
    assert status.message


def test_broken_stream_says_what_broke_it() -> None:
    assert "it fell" in broken_stream("it fell").message


@pytest.mark.parametrize(
    ("status", "missing"),
    [
        (ExitStatus(127), True),
        (ExitStatus(126), True),
        (ExitStatus(None, "InternalError", NOT_FOUND), True),
        (ExitStatus(None, "", "OCI runtime exec failed: exec /bin/jcmd: no such file or directory"), True),
        (ExitStatus(1, "", "cat: x: no such file or directory"), False),
        (ExitStatus(0), False),
        (ExitStatus(None, "StreamBroken", "the connection ended"), False),
    ],
    ids=["127", "126", "not in PATH", "no such path", "the program's own words", "success", "broken"],
)
def test_missing_program_is_told_apart(status: ExitStatus, missing: bool) -> None:
    assert status.not_found is missing
