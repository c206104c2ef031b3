"""The Azure server of the lab: a store, a file to upload, and a count of the blocks that are sent."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from azure.storage.blob import BlobClient, BlobServiceClient

from debugcapture.stores.azure import account as azure_account
from debugcapture.stores.azure import store as module
from debugcapture.stores.azure.store import AzureStore
from debugcapture.stores.registry import open_store
from lab.stores import AZURE, azure_endpoint
from tests.unit.builders import store_settings

CONTENT = os.urandom(2_500_001)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
SMALL = 200 << 10
KEY = "shop/checkout/capture/threads.txt"


@pytest.fixture(scope="module")
def server() -> None:
    assert AZURE.status() == "up", "needs: python -m lab up azure"


@pytest.fixture
def small_blocks_and_no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK_BYTES", 1 << 20)
    no_waits = {"retry_total": 4, "initial_backoff": 0, "increment_base": 0, "random_jitter_range": 0}
    monkeypatch.setattr(azure_account, "_RETRIES", no_waits)


@pytest.fixture
def prefix() -> Iterator[str]:
    name, where = f"test-{secrets.token_hex(4)}", azure_endpoint()
    yield name
    with BlobServiceClient.from_connection_string(where.connection_string) as service:
        container = service.get_container_client(where.container)
        for blob_item in container.list_blobs(name_starts_with=f"{name}/"):
            container.delete_blob(blob_item.name)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    threads = tmp_path / "threads.txt"
    threads.write_bytes(CONTENT)
    return threads


def store(prefix: str, container: str = "", **changed: str | int) -> AzureStore:
    where = azure_endpoint()
    url = f"azblob://{where.account}/{container or where.container}/{prefix}"
    fields = {"store": url, "azure_endpoint": where.url, "azure_key": where.key, **changed}
    opened = open_store(store_settings(**fields))
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
