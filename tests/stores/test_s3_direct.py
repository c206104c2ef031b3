"""stores/s3/presigned.py on the lab's S3 server: what a pod uploads, and what a thief of its signature can do."""

from __future__ import annotations

import base64
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from debugcapture.stores.presigned import Original, Piece
from tests.stores.s3_lab import KEY, SMALL, content, prefix, server, sha256, small, store

__all__ = ["prefix", "server", "small"]  # fixtures
pytestmark = pytest.mark.usefixtures("server")

DUMP = "shop/web/20260102T120000Z-web-1a2b/heap.hprof"


def original() -> Original:
    """SMALL as one piece, as the pod describes it."""
    checksum = sha256(SMALL)
    return Original(len(SMALL), checksum, (Piece(len(SMALL), base64.b64encode(bytes.fromhex(checksum)).decode(), ""),))


def put(url: str, content: bytes, headers: dict[str, str]) -> tuple[int, str]:
    """Return the HTTP status and the ETag of a PUT request."""
    request = urllib.request.Request(url, content, headers, method="PUT")
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.headers["ETag"]
    except urllib.error.HTTPError as error:
        error.close()
        return error.code, ""


def test_a_signature_is_valid_for_its_part_only(prefix: str, small: Path) -> None:
    store(prefix).put(KEY, small, sha256(SMALL))
    upload = store(prefix).direct(DUMP, original(), 60)
    (request,) = upload.requests
    assert request.headers.keys() == {"x-amz-checksum-sha256"}
    other = base64.b64encode(bytes(32)).decode()
    for url, headers in (
        (request.url, request.headers),
        (request.url, {"x-amz-checksum-sha256": other}),
        (request.url.replace(DUMP, KEY), request.headers),
        (request.url.replace("partNumber=1", "partNumber=2"), request.headers),
    ):
        assert put(url, b"forged", headers)[0] in (400, 403, 404), url
    status, tag = put(request.url, SMALL, request.headers)
    assert status == 200
    upload.complete([tag])
    assert put(request.url, SMALL, request.headers)[0] in (403, 404)
    assert content(prefix, DUMP) == content(prefix) == SMALL
