"""writes.py against a server in memory: many writes at a time, and each response is checked."""

from __future__ import annotations

import errno
import struct
from collections.abc import Callable

import pytest

from debugcapture.stores.sftp import writes as module
from debugcapture.stores.sftp.writes import (
    EXTENDED,
    EXTENDED_REPLY,
    MAX_WRITE_BYTES,
    MIN_WRITE_BYTES,
    OK,
    OP_UNSUPPORTED,
    STATUS,
    WRITE,
    PipelinedWrites,
)

HANDLE = b"\0\0\0\7"
NO_SPACE = 4  # version 3 only has "Failure" for this


def status(number: int, code: int, text: bytes = b"Failure") -> bytes:
    body = struct.pack(">BII", STATUS, number, code) + struct.pack(">I", len(text)) + text + struct.pack(">I", 0)
    return struct.pack(">I", len(body)) + body


def limits(number: int, longest: int) -> bytes:
    body = struct.pack(">BI", EXTENDED_REPLY, number) + struct.pack(">QQQQ", 1 << 18, 1 << 18, longest, 0)
    return struct.pack(">I", len(body)) + body


class Server:
    """The server of a channel: it reads odd lengths, and answers late and in any order."""

    def __init__(self, longest: int | None = MAX_WRITE_BYTES, code: int = OK, sync: int = OK) -> None:
        self.longest, self.code, self.sync = longest, code, sync
        self.content, self.synced, self.most_waiting = bytearray(), list[int](), 0
        self.refused_offset: int | None = None
        self.order: Callable[[list[bytes]], list[bytes]] = lambda answers: answers
        self._came, self._answers, self._ready = b"", list[bytes](), b""

    def send(self, s: bytes, /) -> int:
        taken = bytes(s[:30_001])
        self._came += taken
        while len(self._came) >= 4 and len(self._came) >= 4 + (length := struct.unpack_from(">I", self._came)[0]):
            self._handle(self._came[4 : 4 + length])
            self._came = self._came[4 + length :]
        return len(taken)

    def recv(self, nbytes: int, /) -> bytes:
        if not self._ready:
            self.most_waiting = max(self.most_waiting, len(self._answers))
            self._ready, self._answers = b"".join(self.order(self._answers)), []
        nbytes = min(nbytes, 3)
        chunk, self._ready = self._ready[:nbytes], self._ready[nbytes:]
        return chunk

    def _handle(self, body: bytes) -> None:
        kind, number = struct.unpack_from(">BI", body)
        if kind == WRITE:
            assert body[5 : 9 + len(HANDLE)] == struct.pack(">I", len(HANDLE)) + HANDLE
            offset, length = struct.unpack_from(">QI", body, 9 + len(HANDLE))
            data = body[21 + len(HANDLE) :]
            assert len(data) == length
            self.content[offset : offset + length] = data
            self._answers.append(status(number, NO_SPACE if offset == self.refused_offset else self.code))
        elif b"limits@openssh.com" in body:
            self._answers.append(
                limits(number, self.longest) if self.longest is not None else status(number, OP_UNSUPPORTED)
            )
        else:
            assert kind == EXTENDED
            assert body.endswith(struct.pack(">I", len(HANDLE)) + HANDLE)
            self.synced.append(len(self.content))
            self._answers.append(status(number, self.sync))


def write(server: Server, content: bytes) -> PipelinedWrites:
    writes = PipelinedWrites(server, HANDLE)
    chunk, offset = writes.new_chunk(), 0
    while part := content[offset : offset + len(chunk.data)]:
        chunk.data[: len(part)] = part
        writes.send(chunk, offset, len(part))
        offset += len(part)
    return writes


@pytest.mark.parametrize(
    ("longest", "length"),
    [
        (None, MIN_WRITE_BYTES),
        (0, MIN_WRITE_BYTES),
        (100_000, 100_000),
        (MAX_WRITE_BYTES, MAX_WRITE_BYTES),
        (1 << 40, MAX_WRITE_BYTES),
    ],
    ids=["no limits", "not limited", "less", "OpenSSH", "more than we want"],
)
def test_writes_have_the_length_that_the_server_accepts(longest: int | None, length: int) -> None:
    assert len(PipelinedWrites(Server(longest), HANDLE).new_chunk().data) == length


@pytest.mark.parametrize("order", [list, lambda answers: answers[::-1]], ids=["in order", "the last first"])
def test_content_is_complete_in_any_order_of_responses(order: Callable[[list[bytes]], list[bytes]]) -> None:
    server, content = Server(100), bytes(range(256)) * 40
    server.order = order
    write(server, content).finish()
    assert server.content == content
    assert server.synced == [len(content)]
    assert server.most_waiting == module._MAX_PENDING + 1


def test_long_files_are_synced_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SYNC_INTERVAL_BYTES", 250)
    server = Server(100)
    write(server, bytes(1_000)).finish()
    assert server.synced == [300, 600, 900, 1000]


def test_a_server_without_fsync_is_accepted() -> None:
    write(Server(sync=OP_UNSUPPORTED), b"content").finish()


@pytest.mark.parametrize(
    ("code", "number"),
    [(module.PERMISSION_DENIED, errno.EACCES), (NO_SPACE, None)],
    ids=["not allowed", "no room"],
)
def test_refused_write_is_reported(code: int, number: int | None) -> None:
    with pytest.raises(OSError, match="Failure") as caught:
        write(Server(code=code), b"content").finish()
    assert caught.value.errno == number


def test_failed_sync_is_reported() -> None:
    writes = write(Server(sync=NO_SPACE), b"content")
    with pytest.raises(OSError, match="Failure"):
        writes.finish()


@pytest.mark.parametrize("refused", range(10))
def test_a_refusal_among_many_is_not_missed(refused: int) -> None:
    server = Server(100)
    server.refused_offset = refused * 100
    with pytest.raises(OSError, match="Failure"):
        write(server, bytes(1_000)).finish()


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"", "has closed"),
        (status(1, OK), "an unexpected response"),
        (b"\xff\xff\xff\xff", "an invalid response"),
        (b"\0\0\0\1\0", "an invalid response"),
    ],
    ids=["none", "another's", "too long", "too short"],
)
def test_an_invalid_response_is_a_broken_connection(answer: bytes, message: str) -> None:
    server = Server()
    writes = write(server, b"content")
    server.order = lambda _answers: [answer]
    with pytest.raises((EOFError, ConnectionError), match=message):
        writes.finish()


def test_a_channel_that_accepts_no_data_is_a_broken_connection() -> None:
    server = Server()
    writes = PipelinedWrites(server, HANDLE)
    server.send = lambda _s: 0  # type: ignore[method-assign]
    with pytest.raises(EOFError, match="has closed"):
        writes.send(writes.new_chunk(), 0, 10)
