"""azure.py on the lab's Azurite: whole blobs, checked block by block, resumed and not sent twice."""

from __future__ import annotations

import hashlib
import os
import secrets
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from azure.storage.blob import BlobClient, BlobServiceClient, ContainerSasPermissions, generate_container_sas

from debugcapture.errors import BadInput, NotStored
from debugcapture.settings import StoreSettings
from debugcapture.stores import azure as module
from debugcapture.stores.azure import AzureStore
from debugcapture.stores.store import open_store
from lab.stores import AZURE, azure_endpoint

CONTENT = os.urandom(2_500_001)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
KEY = "shop/checkout/capture/threads.txt"


@pytest.fixture(scope="module", autouse=True)
def server() -> None:
    assert AZURE.status() == "up", "needs: python -m lab up azure"


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK_BYTES", 1 << 20)


@pytest.fixture
def prefix() -> Iterator[str]:
    name, where = f"test-{secrets.token_hex(4)}", azure_endpoint()
    yield name
    with BlobServiceClient.from_connection_string(where.connection_string) as service:
        container = service.get_container_client(where.container)
        for one in container.list_blobs(name_starts_with=f"{name}/"):
            container.delete_blob(one.name)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "threads.txt"
    made.write_bytes(CONTENT)
    return made


def store(prefix: str, container: str = "", **changed: str) -> AzureStore:
    where = azure_endpoint()
    url = f"azblob://{where.account}/{container or where.container}/{prefix}"
    fields = {"store": url, "azure_endpoint": where.url, "azure_key": where.key, **changed}
    opened = open_store(StoreSettings(**fields))  # type: ignore[arg-type]
    assert isinstance(opened, AzureStore)
    return opened


def blob(prefix: str) -> BlobClient:
    where = azure_endpoint()
    service = BlobServiceClient.from_connection_string(where.connection_string)
    return service.get_blob_client(where.container, f"{prefix}/{KEY}")


class Counting:
    """The blocks that are sent, of which only the first few may be."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, allowed: int = 99) -> None:
        self.names: list[str] = []
        real = BlobClient.stage_block

        def stage(client: BlobClient, name: str, *rest: object, **fields: object) -> object:
            if len(self.names) == allowed:
                raise OSError("the machine goes down")
            self.names.append(name)
            return real(client, name, *rest, **fields)

        monkeypatch.setattr(BlobClient, "stage_block", stage)


def test_blob_is_whole_and_its_link_shows_it(prefix: str, file: Path) -> None:
    stored = store(prefix).put(KEY, file, SHA256)
    found = blob(prefix).get_blob_properties()
    assert (found.size, found.metadata) == (len(CONTENT), {"sha256": SHA256})
    assert found.content_settings.content_type == "text/plain; charset=utf-8"
    assert stored.expires
    assert azure_endpoint().key not in stored.link
    with urllib.request.urlopen(stored.link, timeout=10) as answer:
        assert answer.read() == CONTENT


@pytest.mark.parametrize("wrong", [lambda link: link.partition("?")[0], lambda link: link[:-4] + "AAA="])
def test_wrong_link_shows_nothing(prefix: str, tmp_path: Path, wrong: object) -> None:
    (tmp_path / "x").write_bytes(b"x")
    link = store(prefix).put("x", tmp_path / "x", hashlib.sha256(b"x").hexdigest()).link
    assert callable(wrong)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(wrong(link), timeout=10)
    refused.value.close()
    assert refused.value.code in (401, 403, 404)


def test_empty_file(prefix: str, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert store(prefix).put(KEY, tmp_path / "empty", hashlib.sha256().hexdigest()).bytes == 0
    assert blob(prefix).get_blob_properties().size == 0


def test_second_upload_sends_nothing(prefix: str, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store(prefix).put(KEY, file, SHA256)
    before = blob(prefix).get_blob_properties().etag
    sent = Counting(monkeypatch)
    store(prefix).put(KEY, file, SHA256)
    assert sent.names == []
    assert blob(prefix).get_blob_properties().etag == before


@pytest.mark.parametrize("arrived", [0, 1, 2, 3])
def test_blocks_of_an_earlier_try_are_not_sent_again(
    prefix: str, file: Path, monkeypatch: pytest.MonkeyPatch, arrived: int
) -> None:
    monkeypatch.setattr(module, "_AT_A_TIME", 1)
    with monkeypatch.context() as first:
        sent = Counting(first, allowed=arrived)
        if arrived < 3:
            with pytest.raises(NotStored, match="the machine goes down"):
                store(prefix).put(KEY, file, SHA256)
        else:
            store(prefix).put(KEY, file, SHA256)
    again = Counting(monkeypatch)
    store(prefix).put(KEY, file, SHA256)
    assert len(sent.names) == arrived
    assert len(again.names) == 3 - arrived
    assert not set(sent.names) & set(again.names)
    assert blob(prefix).download_blob().readall() == CONTENT


def test_changed_source_is_not_stored(prefix: str, file: Path) -> None:
    with pytest.raises(NotStored, match="differs from what was captured"):
        store(prefix).put(KEY, file, "00" * 32)
    assert not blob(prefix).exists()


def test_sas_token_is_enough_and_is_in_no_link(prefix: str, file: Path) -> None:
    where = azure_endpoint()
    token = generate_container_sas(
        where.account,
        where.container,
        account_key=where.key,
        permission=ContainerSasPermissions(read=True, write=True, create=True),
        expiry=datetime.now(timezone.utc) + timedelta(hours=1),
    )
    stored = store(prefix, azure_key="", azure_sas=f"?{token}").put(KEY, file, SHA256)
    assert "?" not in stored.link
    assert stored.expires is None
    assert blob(prefix).download_blob().readall() == CONTENT


def test_expired_token_is_told(prefix: str, file: Path) -> None:
    where = azure_endpoint()
    token = generate_container_sas(
        where.account,
        where.container,
        account_key=where.key,
        permission=ContainerSasPermissions(read=True, write=True, create=True),
        expiry=datetime.now(timezone.utc) - timedelta(hours=1),
    )
    with pytest.raises(NotStored, match="Check azure_key or azure_sas, this machine's clock"):
        store(prefix, azure_key="", azure_sas=token).put(KEY, file, SHA256)


def test_wrong_key_is_told_and_not_shown(prefix: str, file: Path) -> None:
    wrong = "d3Jvbmcga2V5"
    with pytest.raises(NotStored, match="Check azure_key") as caught:
        store(prefix, azure_key=wrong).put(KEY, file, SHA256)
    assert wrong not in str(caught.value)


def test_key_that_is_no_key_is_told(prefix: str, file: Path) -> None:
    with pytest.raises((NotStored, BadInput), match="azblob://"):
        store(prefix, azure_key="no base64!").put(KEY, file, SHA256)


def test_missing_container_is_told(prefix: str, file: Path) -> None:
    with pytest.raises(NotStored, match="ContainerNotFound.*Create the container"):
        store(prefix, container="missing").put(KEY, file, SHA256)
