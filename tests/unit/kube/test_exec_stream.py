"""exec_stream.py: output arrives byte for byte, and the exit status of a command is never guessed."""

from __future__ import annotations

import errno
import ssl
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websocket import ABNF

from debugcapture.errors import (
    Aborted,
    Unreachable,
)
from debugcapture.kube import exec_stream
from debugcapture.kube.exec_stream import Stdio
from debugcapture.kube.frames import STATUS, STDERR, STDIN, STDOUT
from debugcapture.model import ExitStatus, StartFailure
from tests.unit.builders import PLACE, SUCCESS, failure_status
from tests.unit.clock import Clock
from tests.unit.kube.replay import CLOSE, Frame, Replay, api, collect, data, discard, fill, replays, wire


def test_each_channel_reaches_its_sink_byte_by_byte() -> None:
    every_byte = bytes(range(256))
    frames = [
        data(STDOUT, b""),
        data(STDOUT, every_byte),
        data(STDERR, b"\xff\x00"),
        data(STDOUT, b"\r\n\x03"),
        data(STATUS, SUCCESS),
        CLOSE,
    ]
    connection = Replay(frames)
    assert collect(connection) == (ExitStatus(0), every_byte + b"\r\n\x03", b"\xff\x00")
    assert connection.is_shut


def test_a_reply_to_output_is_sent_to_standard_input() -> None:
    connection = Replay(
        [data(STDERR, b"no"), data(STDOUT, b"ask"), data(STDOUT, b"more"), data(STATUS, SUCCESS), CLOSE]
    )
    out, replies = bytearray(), [b"", b"yes\n"]

    def reply() -> bytes:
        assert out
        return replies.pop()

    stdio = Stdio(out.extend, discard, reply=reply)
    assert exec_stream.run(api(replays(connection)), PLACE, ["ask"], stdio, time_limit_s=60) == ExitStatus(0)
    assert (connection.sent, replies) == ([bytes([STDIN]) + b"yes\n"], [])


@given(st.lists(st.tuples(st.sampled_from([STDOUT, STDERR]), st.binary())))
def test_nothing_is_lost_or_reordered(pieces: list[tuple[int, bytes]]) -> None:
    connection = Replay([*(data(*piece) for piece in pieces), data(STATUS, SUCCESS), CLOSE])
    _, out, errors = collect(connection)
    assert out == b"".join(payload for channel, payload in pieces if channel == STDOUT)
    assert errors == b"".join(payload for channel, payload in pieces if channel == STDERR)


def test_a_runtime_that_passes_on_its_own_exit_code_did_not_start_the_program() -> None:
    words = b"executable file `true` not found in $PATH: No such file or directory\n"
    frames = [data(STDERR, words), data(STATUS, failure_status(255, "exit status 255")), CLOSE]
    status, _, errors = collect(Replay(frames))
    assert (status.code, status.failure, errors) == (None, StartFailure.NO_PROGRAM, words)
    with_output = [data(STDOUT, b"x"), *frames]
    assert collect(Replay(with_output))[0].code == 255


def test_a_short_command_on_a_node_that_cannot_be_reached_is_not_an_answer() -> None:
    words = "error dialing backend: dial tcp 10.0.0.7:10250: i/o timeout"
    connection = Replay([data(STATUS, failure_status(None, words, "InternalError")), CLOSE])
    with pytest.raises(Unreachable, match="i/o timeout"):
        exec_stream.run_short(api(replays(connection)), PLACE, ["sh"])


def test_output_after_the_status_still_counts() -> None:
    frames = [data(STATUS, failure_status(4)), data(STDOUT, b"late"), CLOSE]
    status, out, _ = collect(Replay(frames))
    assert (status.code, out) == (4, b"late")


def test_empty_messages_and_unknown_channels_are_ignored() -> None:
    frames = [(ABNF.OPCODE_BINARY, b""), data(0, b"in"), data(4, b"resize"), data(255, b"x"), data(STATUS, SUCCESS)]
    assert collect(Replay([*frames, CLOSE])) == (ExitStatus(0), b"", b"")


def test_stream_without_status_is_broken() -> None:
    status, out, _ = collect(Replay([data(STDOUT, b"half"), CLOSE]))
    assert (status.code, status.reason, out) == (None, "StreamBroken", b"half")


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError("Connection reset by peer"),
        OSError(113, "No route to host"),
        ssl.SSLError(1, "[SSL] record layer failure"),
    ],
    ids=["reset", "no route", "TLS"],
)
def test_connection_that_breaks_keeps_what_arrived(error: Exception) -> None:
    connection = Replay([data(STDOUT, b"half"), error])
    status, out, _ = collect(connection)
    assert (status.code, status.reason, out) == (None, "StreamBroken", b"half")
    assert str(error) in status.message
    assert connection.is_shut


class Readings(Clock):
    """A clock with the times that it shows, one after another."""

    def __init__(self, times_s: Iterable[float]) -> None:
        super().__init__()
        self._times_s = iter(times_s)

    def monotonic(self) -> float:
        return next(self._times_s)


def test_silence_until_the_time_limit_is_reported() -> None:
    connection = Replay([data(STDOUT, b"half"), TimeoutError("timed out")])
    status, out, _ = collect(connection, Readings([0.0, 0.0, 0.0, *[60.0] * 9]))
    assert (status.code, status.reason, out) == (None, "TimeLimit", b"half")
    assert "time limit" in status.message
    assert connection.is_shut


def test_time_limit_holds_for_a_stream_that_never_pauses() -> None:
    connection = Replay(data(STDOUT, b"x") for _ in range(1000))
    status, out, _ = collect(connection, Readings(map(float, range(1000))))
    assert (status.reason, len(out)) == ("TimeLimit", 59)
    assert connection.timeouts == [float(min(remaining, 20)) for remaining in range(59, 0, -1)]


def test_silence_is_filled_with_pings() -> None:
    silence = [TimeoutError("timed out")] * 2
    connection = Replay([*silence, data(STDOUT, b"late"), data(STATUS, SUCCESS), CLOSE])
    status, out, _ = collect(connection)
    assert (status.code, out, connection.pings) == (0, b"late", 2)


def test_an_abort_breaks_open_streams_and_allows_only_cleanup() -> None:
    connections = [Replay([data(STATUS, SUCCESS), CLOSE]) for _ in range(2)]
    client, broken = api(replays(*connections)), list[str]()

    class Stream:
        def close(self) -> None:
            broken.append("closed")

    client.streams.add(Stream())
    client.streams.break_all()
    assert broken == ["closed"]
    silent = Stdio(discard, discard)
    with pytest.raises(Aborted, match="aborted"):
        exec_stream.run(client, PLACE, ["x"], silent, time_limit_s=1)
    assert exec_stream.run(client, PLACE, ["x"], silent, closing=True, time_limit_s=1).code == 0


def test_status_that_arrived_counts_however_the_connection_ends() -> None:
    frames: list[Frame | Exception] = [data(STATUS, failure_status(4)), ConnectionResetError("closed")]
    status, _, _ = collect(Replay(frames))
    assert status.code == 4


@pytest.mark.parametrize(
    "error",
    [ValueError("full"), BrokenPipeError(32, "Broken pipe"), OSError(28, "No space left on device")],
    ids=["its own", "reader has gone", "disk is full"],
)
def test_an_exception_of_a_sink_is_raised_and_the_connection_is_closed(error: Exception) -> None:
    def sink(_piece: memoryview) -> None:
        raise error

    connection = Replay([data(STDOUT, b"x"), data(STATUS, SUCCESS), CLOSE])
    with pytest.raises(type(error)) as caught:
        exec_stream.run(api(replays(connection)), PLACE, ["true"], Stdio(sink, discard), time_limit_s=60)
    assert caught.value is error
    assert connection.is_shut


class Wire(Replay):
    """A connection that returns the bytes of its frames ``size`` at a time, and then nothing."""

    def __init__(self, content: bytes, size: int) -> None:
        super().__init__([])
        self._content, self._size = content, size

    def recv_into(self, buffer: memoryview) -> int:
        piece, self._content = self._content[: self._size], self._content[self._size :]
        return fill(buffer, piece)


@given(st.lists(st.binary(max_size=300), max_size=8), st.integers(1, 500))
def test_frames_arrive_completely_wherever_the_network_cuts_them(payloads: list[bytes], size: int) -> None:
    frames = [data(STDOUT, payload) for payload in payloads] + [data(STATUS, SUCCESS), CLOSE]
    status, out, _ = collect(Wire(b"".join(map(wire, frames)), size))
    assert (status, out) == (ExitStatus(0), b"".join(payloads))


@pytest.mark.parametrize("length", [125, 126, 65535, 65536, 200_000])
def test_every_form_of_a_frames_length_is_understood(length: int) -> None:
    payload = bytes(index % 251 for index in range(length - 1))
    connection = Wire(wire(data(STDOUT, payload)) + wire(data(STATUS, SUCCESS)), 60_000)
    assert collect(connection) == (ExitStatus(0), payload, b"")


@given(st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=6), st.integers(1, 50))
def test_a_message_in_fragments_with_a_ping_between_stays_on_its_channel(pieces: list[bytes], size: int) -> None:
    first, *rest = pieces
    content = ABNF(0 if rest else 1, 0, 0, 0, ABNF.OPCODE_BINARY, 0, bytes([STDERR]) + first).format()
    for index, piece in enumerate(rest):
        content += wire((ABNF.OPCODE_PING, b""))
        content += ABNF(int(index == len(rest) - 1), 0, 0, 0, ABNF.OPCODE_CONT, 0, piece).format()
    connection = Wire(content + wire(data(STATUS, SUCCESS)) + wire(CLOSE), size)
    assert collect(connection) == (ExitStatus(0), b"", b"".join(pieces))


def test_a_ping_is_answered() -> None:
    connection = Replay([(ABNF.OPCODE_PING, b"are you there"), data(STATUS, SUCCESS), CLOSE])
    collect(connection)
    assert connection.pongs == [b"are you there"]


def test_a_connection_that_just_ends_is_broken() -> None:
    status, out, _ = collect(Wire(wire(data(STDOUT, b"half")), 9999))
    assert (status.code, status.reason, out) == (None, "StreamBroken", b"half")


def test_a_connection_that_the_network_closed_is_not_reported_as_a_time_limit() -> None:
    connection = Replay([data(STDOUT, b"half"), TimeoutError(errno.ETIMEDOUT, "Connection timed out")])
    status, out, _ = collect(connection)
    assert (status.reason, out) == ("StreamBroken", b"half")


def test_a_ping_on_a_dead_connection_is_a_broken_stream() -> None:
    class SendsNothing(Replay):
        def pong(self, _payload: bytes) -> None:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    status, _, _ = collect(SendsNothing([(ABNF.OPCODE_PING, b"p"), ConnectionResetError("gone")]))
    assert (status.reason, "gone" in status.message) == ("StreamBroken", True)


def test_a_ping_that_the_network_cuts_gets_a_complete_answer() -> None:
    connection = Wire(wire((ABNF.OPCODE_PING, b"are you there")) + wire(data(STATUS, SUCCESS)) + wire(CLOSE), 4)
    collect(connection)
    assert connection.pongs == [b"are you there"]
