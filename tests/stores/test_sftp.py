"""sftp.py on the lab's OpenSSH server: complete files or none, known hosts only, and uploads that resume."""

from __future__ import annotations

import base64
import hashlib
import itertools
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import paramiko
import pytest

from debugcapture.errors import BadInput, NotStored
from debugcapture.stores.base import OpensFiles, Store
from debugcapture.stores.registry import open_store
from debugcapture.stores.sftp import store as module
from debugcapture.stores.sftp.ssh import fingerprint
from lab.stores import SFTP, sftp_endpoint
from tests.unit.builders import store_settings

CONTENT = os.urandom(3_000_001)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
KEY = "shop/checkout/capture/heap.bin"


@pytest.fixture(scope="module", autouse=True)
def server() -> None:
    assert SFTP.status() == "up", "needs: python -m lab up sftp"


@pytest.fixture
def root() -> Iterator[Path]:
    folder = Path(sftp_endpoint().directory, f"test-{secrets.token_hex(4)}")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    heap = tmp_path / "heap.bin"
    heap.write_bytes(CONTENT)
    return heap


def store(root: Path, port: int | None = None, **changed: str) -> Store:
    where = sftp_endpoint()
    host_keys = where.known_hosts_file.read_text()
    fields = {
        "store": f"sftp://{where.user}@{where.host}:{port or where.port}{root}",
        "sftp_private_key": where.private_key_file.read_text(),
        "sftp_known_hosts": host_keys + host_keys.replace(str(where.port), str(port or where.port)),
        **changed,
    }
    return open_store(store_settings(**fields))


def names(root: Path) -> list[str]:
    return [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()]


def test_file_is_complete_under_its_key_in_new_folders(root: Path, file: Path) -> None:
    stored = store(root).put(KEY, file, SHA256)
    assert (root / KEY).read_bytes() == CONTENT
    assert names(root) == [KEY]
    assert (stored.bytes, stored.sha256) == (len(CONTENT), SHA256)


def test_empty_file(root: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    store(root).put("empty", tmp_path / "empty", hashlib.sha256().hexdigest())
    assert (root / "empty").read_bytes() == b""


def test_second_upload_changes_nothing(root: Path, file: Path) -> None:
    first = store(root).put(KEY, file, SHA256)
    before = (root / KEY).stat()
    assert store(root).put(KEY, file, SHA256) == first
    after = (root / KEY).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize(
    "partial",
    [b"", CONTENT[:1_000_000], CONTENT, CONTENT + b"more", b"other" * 1000],
    ids=["nothing", "a part", "all", "more", "other content"],
)
def test_correct_beginning_of_an_earlier_upload_is_kept(root: Path, file: Path, partial: bytes) -> None:
    part = (root / KEY).with_name(".heap.bin.part")
    part.parent.mkdir(parents=True)
    part.write_bytes(partial)
    store(root).put(KEY, file, SHA256)
    assert (root / KEY).read_bytes() == CONTENT
    assert names(root) == [KEY]


def test_missing_source_is_reported(root: Path, tmp_path: Path) -> None:
    with pytest.raises(NotStored, match="cannot read .*/gone: No such file or directory. Check the disk of the spool"):
        store(root).put(KEY, tmp_path / "gone", SHA256)


def test_changed_source_is_not_stored(root: Path, file: Path) -> None:
    with pytest.raises(NotStored, match="differs from the data captured"):
        store(root).put(KEY, file, "00" * 32)
    assert not (root / KEY).exists()


@pytest.mark.parametrize(
    ("host_keys", "reason"), [("# none", "is unknown"), ("changed", "has changed")], ids=["unknown", "changed"]
)
def test_nothing_is_sent_to_an_unknown_host(root: Path, file: Path, host_keys: str, reason: str) -> None:
    where = sftp_endpoint()
    if host_keys == "changed":
        other = paramiko.PKey.from_path(where.private_key_file)
        host_keys = f"[{where.host}]:{where.port} {other.get_name()} {other.get_base64()}"
    kind, key = where.known_hosts_file.read_text().split()[1:3]
    shown = fingerprint(paramiko.PKey.from_type_string(kind, base64.b64decode(key)))
    with pytest.raises(NotStored, match=reason) as caught:
        store(root, sftp_known_hosts=host_keys).put(KEY, file, SHA256)
    assert shown in str(caught.value)
    assert not root.exists()


def test_key_that_the_server_does_not_know_is_refused(root: Path, file: Path, tmp_path: Path) -> None:
    paramiko.RSAKey.generate(2048).write_private_key_file(str(tmp_path / "key"))
    with pytest.raises(NotStored, match="rejects the user"):
        store(root, sftp_private_key=(tmp_path / "key").read_text()).put(KEY, file, SHA256)


def test_encrypted_key_needs_its_passphrase(tmp_path: Path) -> None:
    paramiko.RSAKey.generate(2048).write_private_key_file(str(tmp_path / "key"), password="open sesame")
    text = (tmp_path / "key").read_text()
    store(tmp_path, sftp_private_key=text, sftp_passphrase="open sesame")
    with pytest.raises(BadInput, match="it is encrypted"):
        store(tmp_path, sftp_private_key=text)
    with pytest.raises(BadInput, match="the passphrase is wrong") as caught:
        store(tmp_path, sftp_private_key=text, sftp_passphrase="sesame")
    assert "sesame" not in str(caught.value)


def test_unreachable_server_is_reported(root: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WAITS_S", (0.0, 0.0))
    with pytest.raises(NotStored, match="Check the host, port and network"):
        store(root, port=9).put(KEY, file, SHA256)


def test_progress_callback_can_stop_the_upload(root: Path, file: Path) -> None:
    def stop(_more: int) -> None:
        raise KeyError("stop")

    with pytest.raises(KeyError, match="stop"):
        store(root).put(KEY, file, SHA256, stop)
    assert not (root / KEY).exists()
    store(root).put(KEY, file, SHA256)
    assert (root / KEY).read_bytes() == CONTENT


class Cutting:
    """A proxy that breaks each connection after some bytes, ``cuts`` times, or is silent at first, or slow."""

    def __init__(self, cuts: int, after: int, *, silent_s: float = 0, bytes_per_s: float = float("inf")) -> None:
        self.cuts, self._after, self.connections = cuts, after, 0
        self._silent_s, self._bytes_per_s = silent_s, bytes_per_s
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _start(self, target: Callable[..., None], *arguments: object) -> threading.Thread:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()
        return thread

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                limit = self._after if self.connections <= self.cuts else 1 << 60
                self._start(self._connected, client, limit)

    def _connected(self, client: socket.socket, limit: int) -> None:
        with client, socket.create_connection(sftp_endpoint()[:2]) as server:
            back = self._start(self._carry, server, client, 1 << 60)
            self._carry(client, server, limit)
            back.join()

    def _carry(self, source: socket.socket, goal: socket.socket, limit: int) -> None:
        with suppress(OSError):
            while limit > 0 and (piece := source.recv(1 << 16)):
                goal.sendall(piece)
                limit -= len(piece)
                time.sleep(len(piece) / self._bytes_per_s)
            if limit <= 0:
                time.sleep(self._silent_s)
        for connection in (source, goal):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def test_transfer_resumes_where_the_connection_broke(root: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_WAITS_S", (0.05,) * 5)
    way, reached = Cutting(cuts=3, after=1_000_000), list[int]()
    try:
        store(root, port=way.port).put(KEY, file, SHA256, reached.append)
    finally:
        way.close()
    assert way.connections == 4
    assert sum(reached) == len(CONTENT)
    assert (root / KEY).read_bytes() == CONTENT
    assert names(root) == [KEY]


def test_request_to_a_silent_server_times_out_and_is_retried(
    root: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_WAITS_S", (0.05,) * 5)
    monkeypatch.setattr(module, "SILENCE_S", 3)
    way = Cutting(cuts=1, after=1_000_000, silent_s=5)
    try:
        store(root, port=way.port).put(KEY, file, SHA256)
    finally:
        way.close()
    assert way.connections >= 2
    assert (root / KEY).read_bytes() == CONTENT


def test_slow_server_gets_enough_time(root: Path, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SILENCE_S", 3)
    way = Cutting(cuts=0, after=0, bytes_per_s=700_000)
    try:
        store(root, port=way.port).put(KEY, file, SHA256)
    finally:
        way.close()
    assert way.connections == 1
    assert (root / KEY).read_bytes() == CONTENT


def test_full_disk_of_the_server_is_reported_and_the_upload_resumes_when_there_is_space(root: Path, file: Path) -> None:
    root.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "debug-capture-test", str(root)], check=True)
    try:
        with pytest.raises(NotStored, match="Check whether the disk"):
            store(root).put("heap.bin", file, SHA256)
        assert names(root) == [".heap.bin.part"]
        subprocess.run(["mount", "-o", "remount,size=8m", str(root)], check=True)
        store(root).put("heap.bin", file, SHA256)
        assert names(root) == ["heap.bin"]
        assert (root / "heap.bin").read_bytes() == CONTENT
    finally:
        subprocess.run(["umount", str(root)], check=True)


@pytest.mark.parametrize(
    ("modes", "of_file", "of_folder"),
    [
        ({}, 0o640, 0o750),
        ({"sftp_file_mode": "660", "sftp_folder_mode": "2770"}, 0o660, 0o2770),
        ({"sftp_file_mode": "server", "sftp_folder_mode": "server"}, 0o644, 0o755),
    ],
    ids=["default", "of a group", "the server's own"],
)
def test_modes(root: Path, file: Path, modes: dict[str, str], of_file: int, of_folder: int) -> None:
    store(root, None, **modes).put("shop/heap.bin", file, SHA256)
    assert (root / "shop/heap.bin").stat().st_mode & 0o7777 == of_file
    assert {folder.stat().st_mode & 0o7777 for folder in (root, root / "shop")} == {of_folder}


def test_existing_folder_keeps_its_mode(root: Path, file: Path) -> None:
    root.mkdir(mode=0o700)
    store(root).put("heap.bin", file, SHA256)
    assert root.stat().st_mode & 0o7777 == 0o700


def die_after(packets: int, root: Path, file: Path, sha256: str) -> None:
    """Upload, and end by kill -9 instead of sending a packet with content. One write is eight packets."""
    countdown, real = itertools.count(packets, -1), paramiko.Channel.send

    def send(channel: paramiko.Channel, piece: bytes) -> int:
        if len(piece) > 1000 and next(countdown) <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(channel, piece)

    paramiko.Channel.send = send  # type: ignore[method-assign, assignment]
    store(root).put(KEY, file, sha256)


def test_killed_upload_resumes_where_it_stopped(root: Path, file: Path) -> None:
    """Twenty times, some of them within a write; each leaves the file's beginning, and the next one resumes."""
    part = (root / KEY).with_name(".heap.bin.part")
    program = (
        "import os, sys; from pathlib import Path; import tests.stores.test_sftp as t\n"
        "root, file, part = (Path(word) for word in sys.argv[1:4])\n"
        "for packets in (0, 3, 7, 9, 12) * 4:\n"
        "    child = os.fork()\n"
        "    if not child: t.die_after(packets, root, file, sys.argv[4])\n"
        "    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -9, packets\n"
        "    assert not (root / t.KEY).exists()\n"
        "    assert file.read_bytes().startswith(part.read_bytes())\n"
    )
    repository = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{repository}{os.pathsep}{repository / 'contents'}"}
    words = [sys.executable, "-c", program, str(root), str(file), str(part), SHA256]
    subprocess.run(words, env=environment, check=True)
    assert part.stat().st_size > 1_000_000
    store(root).put(KEY, file, SHA256)
    assert (root / KEY).read_bytes() == CONTENT


def test_file_is_read_in_pieces_and_also_not_to_its_end(root: Path, file: Path) -> None:
    stored = store(root)
    stored.put(KEY, file, SHA256)
    assert isinstance(stored, OpensFiles)
    opened = stored.open(KEY)
    assert opened
    with closing(opened):
        assert opened.size == len(CONTENT)
        assert hashlib.sha256(b"".join(opened)).hexdigest() == SHA256
    abandoned = stored.open(KEY)
    assert abandoned
    assert next(iter(abandoned)) == CONTENT[: 16 * (32 << 10)]
    abandoned.close()
    assert stored.open("shop/checkout/capture/other.bin") is None
