"""ssh.py on separate sshds, each on a loopback port: password, agent, both factors, and through a jump host."""

from __future__ import annotations

import getpass
import hashlib
import os
import secrets
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import paramiko
import pytest

from debugcapture.errors import NotStored
from debugcapture.files import sha256_of
from debugcapture.stores.registry import open_store
from debugcapture.stores.sftp import sync as sftp_sync
from lab.prerequisites import ensure_program
from lab.stores import sftp_endpoint
from tests.unit.builders import store_settings

CONTENT = b"Full thread dump\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
PASSWORD = "correct horse"
HASH = "$6$debugcapture$7pNHqGR.hsr5/tv0hs9wanCh5O1A5JnivNHwscKKdgyspFEIcXYOriJUUphvVY7tXW.PBLHdlHwACdeNKpmkB0"
USER = getpass.getuser()
CONFIG = """\
ListenAddress 127.0.0.1:{port}
HostKey "{folder}/host-key"
AuthorizedKeysFile "{key}.pub"
PermitRootLogin yes
UsePAM no
StrictModes no
PidFile none
Subsystem sftp internal-sftp
{more}
"""


@dataclass(frozen=True)
class Sshd:
    """A running server, and its settings."""

    address: str
    known_hosts: str


Start = Callable[[str], Sshd]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start servers with additional configuration. They accept a password for this user that no other server knows."""
    with ExitStack() as running:
        yield lambda more: running.enter_context(_sshd(tmp_path / secrets.token_hex(4), more))


@contextmanager
def _sshd(folder: Path, more: str) -> Iterator[Sshd]:
    folder.mkdir()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "host-key"], check=True)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    config, shadow = folder / "sshd.conf", folder / "shadow"
    key = sftp_endpoint().private_key_file
    config.write_text(CONFIG.format(port=port, folder=folder, key=key, more=more))
    shadow.write_text(f"{USER}:{HASH}:19000:0:99999:7:::\n")
    script = 'mount --bind "$1" /etc/shadow && exec "$2" -D -e -f "$3"'
    words: list[str | Path] = [
        "unshare",
        "--mount",
        "sh",
        "-c",
        script,
        "sh",
        shadow,
        ensure_program("sshd", "openssh-server"),
        config,
    ]
    with (folder / "log").open("wb") as log, subprocess.Popen(words, stderr=log) as process:
        try:
            _wait_for(port, process)
            kind, public = (folder / "host-key.pub").read_text().split()[:2]
            yield Sshd(f"{USER}@127.0.0.1:{port}", f"[127.0.0.1]:{port} {kind} {public}\n")
        finally:
            process.terminate()


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            time.sleep(0.02)
        else:
            return
    raise AssertionError("sshd did not start; these tests need root")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    threads = tmp_path / "threads.txt"
    threads.write_bytes(CONTENT)
    return threads


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], None]]:
    """A separate agent; the returned function adds a key to it."""
    path = tmp_path / "agent"
    monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
    with subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL) as process:
        while not path.exists():
            time.sleep(0.01)

        def add(key: Path) -> None:
            subprocess.run(["ssh-add", "-q", key], check=True, stdin=subprocess.DEVNULL)

        yield add
        process.terminate()


def put(server: Sshd, folder: Path, file: Path, **changed: str) -> None:
    settings = {
        "store": f"sftp://{server.address}{folder}/kept",
        "sftp_known_hosts": server.known_hosts,
        **changed,
    }
    open_store(store_settings(**settings)).put("threads.txt", file, SHA256)
    assert (folder / "kept" / "threads.txt").read_bytes() == CONTENT


def our_key() -> str:
    return sftp_endpoint().private_key_file.read_text()


def test_password(start: Start, tmp_path: Path, file: Path) -> None:
    put(start("AuthenticationMethods password"), tmp_path, file, sftp_password=PASSWORD)


def test_encrypted_key(start: Start, tmp_path: Path, file: Path) -> None:
    """The lab's own key, encrypted by ssh-keygen."""
    key = tmp_path / "key"
    key.write_text(our_key())
    key.chmod(0o600)
    subprocess.run(
        ["ssh-keygen", "-q", "-p", "-P", "", "-N", PASSWORD, "-f", key], check=True, stdout=subprocess.DEVNULL
    )
    assert key.read_text() != our_key()
    put(start(""), tmp_path, file, sftp_private_key=key.read_text(), sftp_passphrase=PASSWORD)


@pytest.mark.parametrize("hashed", [False, True], ids=["plain", "hashed"])
def test_known_hosts_of_the_user(
    start: Start, tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch, hashed: bool
) -> None:
    server, host_keys = start(""), tmp_path / ".ssh" / "known_hosts"
    host_keys.parent.mkdir()
    host_keys.write_text(server.known_hosts)
    if hashed:
        subprocess.run(["ssh-keygen", "-q", "-H", "-f", host_keys], check=True, capture_output=True)
        assert "127.0.0.1" not in host_keys.read_text()
    key = our_key()
    monkeypatch.setenv("HOME", str(tmp_path))
    put(server, tmp_path, file, sftp_known_hosts="", sftp_private_key=key)


def test_missing_known_hosts_is_reported_with_the_fingerprint(
    start: Start, tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, key = start(""), our_key()
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(NotStored, match=r"is unknown: ssh-ed25519 SHA256:\S{43}\. Compare it with the server's own"):
        put(server, tmp_path, file, sftp_known_hosts="", sftp_private_key=key)


def test_user_who_may_not_write_is_reported(start: Start, tmp_path: Path, file: Path) -> None:
    (tmp_path / "kept").mkdir()
    with pytest.raises(NotStored, match="Permission denied. Allow the user to write to the directory") as caught:
        put(start("ForceCommand internal-sftp -R"), tmp_path, file, sftp_private_key=our_key())
    assert "\n" not in str(caught.value)
    assert file.read_bytes() == CONTENT


@pytest.mark.parametrize("more", ["", "MaxSessions 1"], ids=["with a second session", "without"])
def test_large_file_is_synced_in_the_background_if_the_server_allows_it(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str
) -> None:
    monkeypatch.setattr(sftp_sync, "STEP_BYTES", 1 << 20)
    syncs, real = list[paramiko.SFTPFile](), sftp_sync._sync

    def sync(file: paramiko.SFTPFile) -> None:
        with monkeypatch.context() as strict:
            strict.setattr(sftp_sync, "_ERRORS", ())
            real(file)
        syncs.append(file)

    monkeypatch.setattr(sftp_sync, "_sync", sync)
    server, large = start(more), tmp_path / "heap.bin"
    large.write_bytes(os.urandom(20 << 20))
    settings = store_settings(
        store=f"sftp://{server.address}{tmp_path}/kept",
        sftp_known_hosts=server.known_hosts,
        sftp_private_key=our_key(),
    )
    open_store(settings).put("heap.bin", large, sha256_of(large))
    assert (tmp_path / "kept" / "heap.bin").read_bytes() == large.read_bytes()
    assert bool(syncs) is not bool(more)


def test_wrong_password_is_refused_and_not_shown(start: Start, tmp_path: Path, file: Path) -> None:
    with pytest.raises(NotStored, match=f"rejects the user {USER}.*Check the user, key and password") as caught:
        put(start("AuthenticationMethods password"), tmp_path, file, sftp_password="battery staple")
    assert "battery" not in str(caught.value)


def test_key_and_password_if_the_server_requires_both(start: Start, tmp_path: Path, file: Path) -> None:
    server = start("AuthenticationMethods publickey,password")
    put(server, tmp_path, file, sftp_private_key=our_key(), sftp_password=PASSWORD)


def test_key_alone_is_reported_if_the_server_requires_both(start: Start, tmp_path: Path, file: Path) -> None:
    with pytest.raises(NotStored, match="it requires another authentication method"):
        put(start("AuthenticationMethods publickey,password"), tmp_path, file, sftp_private_key=our_key())


def test_key_of_the_agent(start: Start, tmp_path: Path, file: Path, agent: Callable[[Path], None]) -> None:
    _strange_key(tmp_path / "strange", agent)
    agent(sftp_endpoint().private_key_file)
    put(start(""), tmp_path, file)


def test_agent_without_the_key_is_reported(
    start: Start, tmp_path: Path, file: Path, agent: Callable[[Path], None]
) -> None:
    _strange_key(tmp_path / "strange", agent)
    with pytest.raises(NotStored, match="no accepted key in an SSH agent"):
        put(start(""), tmp_path, file)


def test_server_that_disconnects_before_all_keys_are_tried_is_reported(
    start: Start, tmp_path: Path, file: Path, agent: Callable[[Path], None]
) -> None:
    for number in range(4):
        _strange_key(tmp_path / f"strange{number}", agent)
    with pytest.raises(NotStored, match=r"disconnects after \d of the 4 keys of the SSH agent"):
        put(start("MaxAuthTries 2"), tmp_path, file)


def _strange_key(path: Path, agent: Callable[[Path], None]) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    agent(path)


def through(jump: Sshd, server: Sshd) -> dict[str, str]:
    host_keys = jump.known_hosts + server.known_hosts
    return {"sftp_jump": jump.address, "sftp_private_key": our_key(), "sftp_known_hosts": host_keys}


def test_jump_host(start: Start, tmp_path: Path, file: Path) -> None:
    server, jump = start(""), start("ForceCommand /bin/false")
    put(server, tmp_path, file, **through(jump, server))


def test_nothing_is_sent_to_an_unknown_jump_host(start: Start, tmp_path: Path, file: Path) -> None:
    server, jump = start(""), start("")
    changed = {**through(jump, server), "sftp_known_hosts": server.known_hosts}
    with pytest.raises(NotStored, match=f"the host key of .*{jump.address.rpartition(':')[2]} is unknown"):
        put(server, tmp_path, file, **changed)


def test_jump_host_that_forwards_nothing_is_reported(start: Start, tmp_path: Path, file: Path) -> None:
    server, jump = start(""), start("AllowTcpForwarding no")
    with pytest.raises(NotStored, match="the jump host .* does not connect to 127.0.0.1.*AllowTcpForwarding"):
        put(server, tmp_path, file, **through(jump, server))


def test_unreachable_server_behind_the_jump_host_is_reported(start: Start, tmp_path: Path, file: Path) -> None:
    jump = start("")
    nobody = Sshd(f"{USER}@127.0.0.1:9", jump.known_hosts)
    with pytest.raises(NotStored, match="the jump host .* does not connect to 127.0.0.1:9: Connect"):
        put(nobody, tmp_path, file, **through(jump, nobody))
