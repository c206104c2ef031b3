"""stores/azure/presigned.py: the pod writes to a staging blob only, without a server."""

from __future__ import annotations

import base64
import hashlib
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import pytest
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobClient

from debugcapture.settings.azure import AzureSettings
from debugcapture.stores.azure.presigned import AzureDirectUpload, Staging
from debugcapture.stores.azure.store import AzureStore
from debugcapture.stores.presigned import Original, Piece

CONTENT = b"evidence"
PIECE = Piece(
    len(CONTENT),
    base64.b64encode(hashlib.sha256(CONTENT).digest()).decode(),
    base64.b64encode(hashlib.md5(CONTENT, usedforsecurity=False).digest()).decode(),
)
ORIGINAL = Original(2 * len(CONTENT), "ab" * 32, (PIECE, PIECE))
KEY = "shop/web/20260102T120000Z-web-1a2b/heap.hprof"


def test_a_pod_gets_no_signature_for_the_blob_of_the_bundle() -> None:
    url = urlsplit("azblob://acct/captures/team")
    store = AzureStore(url, AzureSettings(azure_key="aHVudGVyMg=="), 3600)
    upload = store.direct(KEY, ORIGINAL, 900)
    paths = {urlsplit(request.url).path for request in upload.requests}
    (path,) = paths
    assert path.startswith(f"/captures/team/{KEY}.")
    assert path != f"/captures/team/{KEY}"
    (permission,) = {parse_qs(urlsplit(request.url).query)["sp"][0] for request in upload.requests}
    assert permission == "cw"
    assert parse_qs(urlsplit(upload.requests[0].url).query)["spr"] == ["https"]
    assert upload._stored.url == f"azblob://acct/captures/team/{KEY}"


class Blob:
    """A client that records its calls."""

    def __init__(self, name: str) -> None:
        self.url, self.calls = f"https://acct.example/captures/{name}?old", list[tuple[str, Any]]()

    def commit_block_list(self, blocks: list[Any]) -> None:
        self.calls.append(("commit", [block.id for block in blocks]))

    def stage_block_from_url(self, name: str, source: str, **fields: Any) -> None:
        self.calls.append(("copy", (name, source, fields)))

    def delete_blob(self) -> None:
        self.calls.append(("delete", None))
        raise ResourceNotFoundError("it is gone")


@pytest.fixture
def staging_blob() -> Blob:
    return Blob("heap.hprof.1.part")


def uploaded(staging_blob: Blob, target: Blob) -> AzureDirectUpload:
    def finish(upload: AzureDirectUpload) -> str:
        upload.copy_blocks(cast("BlobClient", target))
        return ""

    staging = Staging(cast("BlobClient", staging_blob), "w=1", lambda: "r=1")
    return AzureDirectUpload(staging, ORIGINAL, cast("Any", None), finish)


def test_the_service_compares_each_block_that_it_copies(staging_blob: Blob) -> None:
    target = Blob("heap.hprof")
    upload = uploaded(staging_blob, target)
    upload.complete([])
    copies = sorted((call for kind, call in target.calls if kind == "copy"), key=lambda call: call[0])
    assert [name for name, _, _ in copies] == upload.names
    assert {source for _, source, _ in copies} == {"https://acct.example/captures/heap.hprof.1.part?r=1"}
    assert [fields["source_offset"] for _, _, fields in copies] == [0, len(CONTENT)]
    md5 = hashlib.md5(CONTENT, usedforsecurity=False).digest()
    assert {bytes(fields["source_content_md5"]) for _, _, fields in copies} == {md5}
    assert [kind for kind, _ in staging_blob.calls] == ["commit", "delete"]
