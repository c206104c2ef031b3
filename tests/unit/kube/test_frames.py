"""frames.py: what a server sends, cut into payloads, and the exit status that ends it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debugcapture.kube.frames import CLOSE, PING, STDERR, STDOUT, Frames, broken_stream, exit_status, out_of_time
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
def test_status_says_how_the_command_ended(payload: bytes, status: ExitStatus) -> None:
    assert exit_status(payload) == status


@pytest.mark.parametrize("payload", [b"", b"{", b"\xff\xfe\xfd", b"[]", b"1", b'"Success"', b"null"])
def test_status_that_cannot_be_read_is_not_a_success(payload: bytes) -> None:
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


def test_the_url_of_an_exec_is_reported_without_its_script() -> None:
    message = 'error dialing backend: Post "https://node:10250/exec/shop/web/app%s": EOF'
    payload = json.dumps({"status": "Failure", "message": message % "?command=sh&command=-c&command=secret"}).encode()
    assert exit_status(payload).message == message % ""


def test_a_node_that_does_not_answer_is_reported_with_what_to_do() -> None:
    message = 'error sending request: Post "https://node:10250/exec/shop/web/app": dial tcp 10.0.0.7:10250: i/o timeout'
    payload = json.dumps({"status": "Failure", "message": message}).encode()
    assert exit_status(payload).message == f"{message}. The pod's node does not respond: " + (
        "only data from the API server can be captured."
    )


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


def wire(opcode: int, payload: bytes, *, last: bool = True) -> bytes:
    """A short frame as a server sends it (RFC 6455, section 5.2)."""
    return bytes([opcode | (128 if last else 0), len(payload)]) + payload


def message(channel: int, payload: bytes) -> bytes:
    return wire(2, bytes([channel]) + payload)


def cut(*pieces: bytes) -> list[tuple[int, bytes]]:
    """Return what `Frames` makes of ``pieces``."""
    frames = Frames()
    return [(channel, bytes(payload)) for piece in pieces for channel, payload in frames.feed(memoryview(piece))]


def test_control_frame_between_fragments_changes_nothing() -> None:
    fragments = [wire(2, b"\x01ab", last=False), wire(9, b"ping"), wire(0, b"", last=False), wire(0, b"cd")]
    expected = [(STDOUT, b"ab"), (PING, b"ping"), (STDOUT, b"cd"), (STDERR, b"x")]
    assert cut(*fragments, message(STDERR, b"x")) == expected
    assert cut(b"".join(fragments) + message(STDERR, b"x")) == expected


@pytest.mark.parametrize("payload", [b"", b"\x03\xe8", b"\x03\xe8bye"])
def test_close_is_reported_with_any_payload(payload: bytes) -> None:
    assert cut(message(STDOUT, b"x") + wire(8, payload)) == [(STDOUT, b"x"), (CLOSE, payload)]


def test_payload_is_passed_on_before_its_frame_is_complete() -> None:
    assert cut(message(STDOUT, b"abcdef")[:6]) == [(STDOUT, b"abc")]


@given(st.lists(st.binary(max_size=50)))
def test_random_bytes_raise_no_exception(pieces: list[bytes]) -> None:
    cut(*pieces)


def test_a_message_whose_first_fragment_is_empty_has_its_channel_in_the_next() -> None:
    wire = bytes([0x82, 2, 2, 97]) + bytes([0x02, 0]) + bytes([0x80, 2, 1, 98])
    assert [(channel, bytes(piece)) for channel, piece in Frames().feed(memoryview(wire))] == [(2, b"a"), (1, b"b")]


@pytest.mark.parametrize(
    "status",
    [
        {"details": "x"},
        {"details": {"causes": [None]}},
        {"details": {"causes": [{"reason": "ExitCode", "message": "²"}]}},
    ],
    ids=["not an object", "no cause", "no number"],
)
def test_a_status_of_another_form_has_no_exit_code(status: dict[str, object]) -> None:
    assert exit_status(json.dumps({"status": "Failure", **status}).encode()).code is None


def test_a_control_frame_that_claims_more_than_it_may_have_ends_the_stream_and_is_not_gathered() -> None:
    frames = Frames()
    head = bytes([0x89, 127]) + (1 << 62).to_bytes(8, "big")
    assert [kind for kind, _ in frames.feed(memoryview(head))] == [CLOSE]
