"""The SFTP store on servers that lack something, as commercial ones do. paramiko's server stands in for them."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import paramiko
import pytest
from paramiko.sftp import SFTP_FAILURE, SFTP_OP_UNSUPPORTED, SFTP_PERMISSION_DENIED

from debugcapture.errors import NotStored
from debugcapture.stores.base import Store
from debugcapture.stores.registry import open_store
from tests.stores.other_sftp import Lacks, other_server
from tests.unit.builders import store_settings

CONTENT = os.urandom(3_000_001)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
KEY = "shop/checkout/capture/heap.bin"
SERVER_MODES = {"sftp_file_mode": "server", "sftp_folder_mode": "server"}
# AWS Transfer has no such operation. OpenSSH with -P, and SFTPGo without the permission, deny it. Others fail.
ANSWERS = pytest.mark.parametrize(
    "answer", [SFTP_OP_UNSUPPORTED, SFTP_PERMISSION_DENIED, SFTP_FAILURE], ids=["unsupported", "denied", "failure"]
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "served"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    heap = tmp_path / "heap.bin"
    heap.write_bytes(CONTENT)
    return heap


@pytest.fixture(scope="module")
def private_key(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("key") / "id"
    paramiko.RSAKey.generate(2048).write_private_key_file(str(file))
    return file.read_text()


def store(root: Path, private_key: str, server: tuple[int, str], **changed: str) -> Store:
    port, host_keys = server
    fields = {
        "store": f"sftp://someone@127.0.0.1:{port}{root}",
        "sftp_private_key": private_key,
        "sftp_known_hosts": host_keys,
        **changed,
    }
    return open_store(store_settings(**fields))


def names(root: Path) -> list[str]:
    return [str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()]


def test_server_that_stores_fewer_bytes_than_it_got_is_reported(root: Path, file: Path, private_key: str) -> None:
    """The only extension of this server is the rename, and it reports success for everything."""
    with other_server(root, Lacks(end_of_write=1)) as server:
        with pytest.raises(NotStored, match=f"the store has {len(CONTENT) - 1} of {len(CONTENT)} bytes"):
            store(root, private_key, server).put(KEY, file, SHA256)
        assert names(root) == []
    with other_server(root, Lacks()) as server:
        store(root, private_key, server).put(KEY, file, SHA256)
    assert (root / KEY).read_bytes() == CONTENT


@ANSWERS
def test_a_server_without_modes_is_reported_with_the_settings_that_help(
    root: Path, file: Path, private_key: str, answer: int
) -> None:
    with other_server(root, Lacks(modes=True, answer=answer)) as server:
        with pytest.raises(NotStored, match="does not set the modes of files.*Set sftp_file_mode and sftp_folder_mode"):
            store(root, private_key, server).put(KEY, file, SHA256)
        store(root, private_key, server, **SERVER_MODES).put(KEY, file, SHA256)
    assert (root / KEY).read_bytes() == CONTENT


@ANSWERS
@pytest.mark.parametrize("before", [None, b"another content"], ids=["new", "replaced"])
def test_server_without_the_rename_of_openssh(
    root: Path, file: Path, private_key: str, before: bytes | None, answer: int
) -> None:
    root.mkdir()
    if before is not None:
        (root / "heap.bin").write_bytes(before)
    with other_server(root, Lacks(posix_rename=True, answer=answer)) as server:
        store(root, private_key, server).put("heap.bin", file, SHA256)
    assert names(root) == ["heap.bin"]
    assert (root / "heap.bin").read_bytes() == CONTENT


@ANSWERS
def test_server_that_cannot_open_a_file_for_reading_and_writing_gets_it_again(
    root: Path, file: Path, private_key: str, answer: int
) -> None:
    require_new_file(root, file, private_key, Lacks(reading_and_writing=True, answer=answer))


def test_server_that_cannot_truncate_a_file_gets_it_again(root: Path, file: Path, private_key: str) -> None:
    require_new_file(root, file, private_key, Lacks(modes=True))


def require_new_file(root: Path, file: Path, private_key: str, lacks: Lacks) -> None:
    """Assert that an upload succeeds although the beginning of another one is there, which cannot be changed."""
    root.mkdir()
    (root / ".heap.bin.part").write_bytes(b"another beginning" * 9999)
    with other_server(root, lacks) as server:
        store(root, private_key, server, **SERVER_MODES).put("heap.bin", file, SHA256)
    assert names(root) == ["heap.bin"]
    assert (root / "heap.bin").read_bytes() == CONTENT
