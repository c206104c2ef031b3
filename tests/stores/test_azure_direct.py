"""stores/azure/presigned.py on the lab's Azurite: what a pod uploads, and what a thief of its signature can do."""

from __future__ import annotations

import base64
import hashlib
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobServiceClient

from debugcapture.errors import NotStored
from debugcapture.stores.presigned import Original, Piece, SignedRequest
from lab.stores import azure_endpoint
from tests.stores.azure_lab import CONTENT, KEY, SHA256, file, prefix, server, small_blocks_and_no_waits, store

__all__ = ["file", "prefix", "server", "small_blocks_and_no_waits"]  # fixtures
pytestmark = pytest.mark.usefixtures("server", "small_blocks_and_no_waits")

DUMP = "shop/web/20260102T120000Z-web-1a2b/heap.hprof"


def original() -> Original:
    """CONTENT as one piece, as the pod describes it."""
    md5 = base64.b64encode(hashlib.md5(CONTENT, usedforsecurity=False).digest()).decode()
    piece = Piece(len(CONTENT), base64.b64encode(hashlib.sha256(CONTENT).digest()).decode(), md5)
    return Original(len(CONTENT), SHA256, (piece,))


def send(request: SignedRequest, content: bytes) -> None:
    """What a pod does with a signed request. It need not send the checksum."""
    put = urllib.request.Request(request.url, content, {"Content-Type": "application/octet-stream"}, method="PUT")
    with urllib.request.urlopen(put, timeout=10) as answer:
        assert answer.status == 201


def test_a_file_that_a_pod_uploads_is_copied_where_the_pod_cannot_change_it(prefix: str) -> None:
    upload = store(prefix).direct(DUMP, original(), 60)
    (request,) = upload.requests
    send(request, CONTENT)
    stored = upload.complete([])
    with urllib.request.urlopen(stored.link, timeout=10) as answer:
        assert answer.read() == CONTENT
        assert answer.headers["Content-Disposition"] == "attachment"
    where = azure_endpoint()
    container = BlobServiceClient.from_connection_string(where.connection_string).get_container_client(where.container)
    assert [blob_item.name for blob_item in container.list_blobs(name_starts_with=f"{prefix}/")] == [f"{prefix}/{DUMP}"]
    send(request, b"forged")
    with urllib.request.urlopen(stored.link, timeout=10) as answer:
        assert answer.read() == CONTENT


def test_other_content_than_the_checksums_of_the_pod_is_not_stored(prefix: str) -> None:
    upload = store(prefix).direct(DUMP, original(), 60)
    send(upload.requests[0], bytes(len(CONTENT)))
    with pytest.raises(NotStored, match="Md5Mismatch"):
        upload.complete([])
    upload.abandon()
    service = BlobServiceClient.from_connection_string(azure_endpoint().connection_string)
    stored = service.get_blob_client(azure_endpoint().container, f"{prefix}/{DUMP}")
    with pytest.raises(ResourceNotFoundError):
        stored.get_blob_properties()


def status_of(method: str, url: str, content: bytes | None = None, **headers: str) -> int:
    """Return the HTTP status of a request that a thief of the signature sends."""
    request = urllib.request.Request(url, content, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            status: int = response.status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
    return status


def test_a_stolen_signature_only_gives_access_to_the_staging_blob(prefix: str, file: Path) -> None:
    """The thief has the token, but no permission to read, list or delete, and none for any other blob."""
    evidence = store(prefix).put(KEY, file, SHA256)
    upload = store(prefix).direct(DUMP, original(), 60)
    (request,) = upload.requests
    send(request, CONTENT)
    stored = upload.complete([])
    staging_url, _, query = request.url.partition("?")
    token = "&".join(field for field in query.split("&") if not field.startswith(("comp=", "blockid=")))
    root = staging_url[: staging_url.index(f"/{prefix}/")]
    for name in (f"{prefix}/{DUMP}", f"{prefix}/{KEY}", f"{prefix}/{DUMP}.other.part", f"{prefix}/new"):
        forged = f"{root}/{name}?{token}"
        assert status_of("PUT", forged, b"forged", **{"x-ms-blob-type": "BlockBlob"}) == 403, name
        assert status_of("PUT", f"{forged}&comp=block&blockid=AAAA", b"forged") == 403, name
        assert status_of("PUT", f"{forged}&comp=blocklist", b"<BlockList></BlockList>") == 403, name
        assert status_of("GET", forged) == 403, name
        assert status_of("DELETE", forged) == 403, name
    assert status_of("GET", f"{root}?restype=container&comp=list&{token}") == 403
    staging = f"{staging_url}?{token}"
    assert status_of("PUT", staging, b"forged", **{"x-ms-blob-type": "BlockBlob"}) == 201
    assert status_of("GET", staging) == 403
    assert status_of("DELETE", staging) == 403
    for link in (stored.link, evidence.link):
        with urllib.request.urlopen(link, timeout=10) as response:
            assert response.read() == CONTENT
