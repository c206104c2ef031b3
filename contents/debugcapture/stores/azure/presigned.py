"""An upload to Azure Blob Storage that a pod performs.

A signature of Azure covers a blob, not a block with a checksum. The pod therefore writes to a separate blob, the
staging blob. The service copies it block by block to the blob of the bundle, compares each block with the checksum from
the pod, and the staging blob is deleted. The pod can never write to the blob of the bundle.

Source: Azure Storage REST API, "Put Block", "Put Block List", "Put Block From URL"; "Create a service SAS".
"""

import base64
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import quote

from azure.core.exceptions import AzureError
from azure.storage.blob import BlobBlock, BlobClient

from ...errors import NotStored
from ...manifest import Stored
from ..presigned import Original, SignedRequest, offsets

STAGING_SUFFIX = ".part"
_CONCURRENCY = 4


@dataclass(frozen=True, slots=True)
class Staging:
    """The blob that the pod writes."""

    blob: BlobClient
    write_token: str
    """SAS that allows writing this blob only."""
    sign_read: Callable[[], str]
    """Returns a SAS that allows reading this blob, for the copy."""


class AzureDirectUpload:
    """See `DirectUpload`."""

    def __init__(
        self, staging: Staging, original: Original, stored: Stored, finish: Callable[["AzureDirectUpload"], str]
    ) -> None:
        """Sign the requests, which write to ``staging``.

        ``finish`` creates the blob of the bundle with `copy_blocks`. It returns how the blob differs, or "".
        """
        self._staging, self._original, self._stored, self._finish = staging, original, stored, finish
        # The service requires names of equal length. Each contains the checksum of its block.
        self.names = [
            f"{index:05}-{base64.b64decode(piece.sha256).hex()[:40]}" for index, piece in enumerate(original.pieces)
        ]
        blob_url = staging.blob.url.partition("?")[0]
        self.requests = [
            SignedRequest(
                f"{blob_url}?comp=block&blockid={_block_id(name)}&{staging.write_token}",
                _checksum_header(piece.md5),
                offset,
                piece.length,
            )
            for name, piece, offset in zip(self.names, original.pieces, offsets(original), strict=True)
        ]

    def complete(self, tags: Sequence[str]) -> Stored:  # noqa: ARG002 - the names of the blocks are known
        """Create the blob from its blocks, and compare it with the file in the pod."""
        problem = self._finish(self)
        if problem:
            raise NotStored(f"cannot store {self._stored.url}", problem, "The dump is streamed instead.")
        self.abandon()
        return self._stored

    def copy_blocks(self, blob: BlobClient) -> None:
        """Have the service copy each block from the staging blob to ``blob``, and compare it with its checksum.

        A copy reads a committed blob. If the pod replaces a block in the meantime, its checksum differs.
        """
        self._staging.blob.commit_block_list([BlobBlock(name) for name in self.names])
        source = f"{self._staging.blob.url.partition('?')[0]}?{self._staging.sign_read()}"
        pieces = zip(self.names, self._original.pieces, offsets(self._original), strict=True)
        with ThreadPoolExecutor(_CONCURRENCY) as pool:
            copies = [
                pool.submit(
                    blob.stage_block_from_url,
                    name,
                    source,
                    source_offset=offset,
                    source_length=piece.length,
                    source_content_md5=bytearray(base64.b64decode(piece.md5)),
                )
                for name, piece, offset in pieces
            ]
            for copy in copies:
                copy.result()

    def abandon(self) -> None:
        """Delete the staging blob. The service deletes blocks that no blob uses after a week."""
        with suppress(AzureError):  # see DirectUpload
            self._staging.blob.delete_blob()


def _checksum_header(md5: str) -> dict[str, str]:
    """Return the header that the service uses to check a block on arrival."""
    return {"Content-MD5": md5}


def _block_id(name: str) -> str:
    return quote(base64.b64encode(name.encode()).decode(), safe="")
