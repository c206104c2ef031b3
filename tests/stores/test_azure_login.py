"""azure/account.py on the Azure server of the lab: keys, SAS tokens and connection strings, and those that fail."""

from __future__ import annotations

import urllib.error
import urllib.request
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from azure.storage.blob import ContainerSasPermissions, generate_container_sas

from debugcapture.errors import BadInput, NotStored
from lab.stores import azure_endpoint
from tests.stores.azure_lab import (
    CONTENT,
    KEY,
    SHA256,
    blob,
    file,
    prefix,
    server,
    small_blocks_and_no_waits,
    store,
)

__all__ = ["file", "prefix", "server", "small_blocks_and_no_waits"]  # fixtures
pytestmark = pytest.mark.usefixtures("server", "small_blocks_and_no_waits")


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


def test_token_that_may_not_write_is_reported(prefix: str, file: Path) -> None:
    where = azure_endpoint()
    token = generate_container_sas(
        where.account,
        where.container,
        account_key=where.key,
        permission=ContainerSasPermissions(read=True),
        expiry=datetime.now(timezone.utc) + timedelta(hours=1),
    )
    with pytest.raises(NotStored, match="AuthorizationPermissionMismatch.*A permission is missing"):
        store(prefix, azure_key="", azure_sas=token).put(KEY, file, SHA256)
    assert not blob(prefix).exists()


def test_expired_token_is_reported(prefix: str, file: Path) -> None:
    where = azure_endpoint()
    token = generate_container_sas(
        where.account,
        where.container,
        account_key=where.key,
        permission=ContainerSasPermissions(read=True, write=True, create=True),
        expiry=datetime.now(timezone.utc) - timedelta(hours=1),
    )
    with pytest.raises(NotStored, match="Check azure_key or azure_sas, the clock of this machine"):
        store(prefix, azure_key="", azure_sas=token).put(KEY, file, SHA256)


def test_wrong_key_is_reported_and_not_shown(prefix: str, file: Path) -> None:
    wrong = "d3Jvbmcga2V5"
    with pytest.raises(NotStored, match="Check azure_key") as caught:
        store(prefix, azure_key=wrong).put(KEY, file, SHA256)
    assert wrong not in str(caught.value)


def test_malformed_key_is_reported(prefix: str, file: Path) -> None:
    with pytest.raises((NotStored, BadInput), match="azblob://"):
        store(prefix, azure_key="no base64!").put(KEY, file, SHA256)


def test_missing_container_is_reported(prefix: str, file: Path) -> None:
    with pytest.raises(NotStored, match="ContainerNotFound.*Create the container"):
        store(prefix, container="missing").put(KEY, file, SHA256)


def test_connection_string_is_enough(prefix: str, file: Path) -> None:
    text = azure_endpoint().connection_string
    stored = store(prefix, azure_endpoint="", azure_key="", azure_connection_string=text).put(KEY, file, SHA256)
    with urllib.request.urlopen(stored.link, timeout=10) as answer:
        assert answer.read() == CONTENT


@pytest.mark.parametrize(
    "text",
    ["AccountName=another;AccountKey=c2VjcmV0", f"AccountName={azure_endpoint().account}", "secret"],
    ids=["another account", "no key", "no connection string"],
)
def test_unusable_connection_string_is_bad_input(prefix: str, text: str) -> None:
    with pytest.raises(BadInput, match="cannot use azure_connection_string") as caught:
        store(prefix, azure_connection_string=text)
    assert "c2VjcmV0" not in str(caught.value)
