"""azure/account.py with an identity of the machine: a token service and a storage account that only this test has.

Azurite's own sign-in by token needs TLS and another way to start it. So a front with TLS verifies the token, and
forwards the request to Azurite with its own SAS token.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient, ContainerSasPermissions, generate_container_sas

from debugcapture.errors import NotStored
from debugcapture.stores.registry import open_store
from lab.stores import AZURE, azure_endpoint
from tests.stores.azure_front import Answer, Request, front, refusal
from tests.stores.certificates import write_certificate
from tests.unit.builders import store_settings

CONTENT = b"Full thread dump\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
TOKEN = secrets.token_hex(8)
DELEGATION_KEY = b"""<?xml version="1.0" encoding="utf-8"?>
<UserDelegationKey><SignedOid>0a</SignedOid><SignedTid>0b</SignedTid><SignedStart>2026-01-01T00:00:00Z</SignedStart>
<SignedExpiry>2026-01-07T00:00:00Z</SignedExpiry><SignedService>b</SignedService>
<SignedVersion>2020-06-12</SignedVersion><Value>c2VjcmV0</Value></UserDelegationKey>"""


@pytest.fixture(scope="module", autouse=True)
def server() -> None:
    assert AZURE.status() == "up", "needs: python -m lab up azure"


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A certificate for the front, which Azure's client trusts like that of a company."""
    path = write_certificate(tmp_path / "front.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(path))
    return path


@contextmanager
def token_service(status: int) -> Iterator[str]:
    """What App Service and Container Apps have beside each app: a token for requests with the correct header."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.headers["X-IDENTITY-HEADER"] == "header"
            token = {
                "access_token": TOKEN,
                "expires_on": str(int(time.time()) + 3600),
                "resource": "https://storage.azure.com",
                "token_type": "Bearer",
            }
            body = json.dumps(token if status == 200 else {"statusCode": status, "message": "no identity"}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/msi/token"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def only_with_token(request: Request) -> Answer | None:
    if request.headers.get("Authorization") != f"Bearer {TOKEN}":
        return refusal(401, "NoAuthenticationInformation")
    if "comp=userdelegationkey" in request.path:
        return Answer(200, DELEGATION_KEY, {"Content-Type": "application/xml"})
    return None


def sas() -> str:
    where = azure_endpoint()
    token: str = generate_container_sas(
        where.account,
        where.container,
        account_key=where.key,
        permission=ContainerSasPermissions(read=True, write=True, create=True),
        expiry=datetime.now(timezone.utc) + timedelta(hours=1),
    )
    return token


def put(endpoint: str, name: str, file: Path) -> str:
    where = azure_endpoint()
    file.write_bytes(CONTENT)
    url = f"azblob://{where.account}/{where.container}/{name}"
    link: str = open_store(store_settings(store=url, azure_endpoint=endpoint)).put("threads.txt", file, SHA256).link
    return link


def test_identity_of_the_machine_stores_and_signs(
    tmp_path: Path, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, where = f"test-{secrets.token_hex(4)}", azure_endpoint()
    monkeypatch.setenv("IDENTITY_HEADER", "header")
    with token_service(200) as tokens, front(only_with_token, certificate=certificate, query=sas()) as url:
        monkeypatch.setenv("IDENTITY_ENDPOINT", tokens)
        link = put(url, name, tmp_path / "threads.txt")
    with BlobServiceClient.from_connection_string(where.connection_string) as service:
        blob = service.get_blob_client(where.container, f"{name}/threads.txt")
        assert blob.download_blob().readall() == CONTENT
        blob.delete_blob()
    assert "skoid=0a" in link  # signed with the key that the identity was given for it
    assert TOKEN not in link


def test_machine_without_an_identity_is_reported(
    tmp_path: Path, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDENTITY_HEADER", "header")
    with token_service(400) as tokens, front(only_with_token, certificate=certificate) as url:
        monkeypatch.setenv("IDENTITY_ENDPOINT", tokens)
        with pytest.raises(
            NotStored, match="cannot get a token: .*Managed.* 400, no identity.* Set azure_key, azure_sas or"
        ):
            put(url, "never", tmp_path / "threads.txt")
