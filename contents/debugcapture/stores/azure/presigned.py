"""An upload to Azure Blob Storage that a pod performs.

Source: Azure Storage REST API, "Put Block", "Put Block List"; "Create a service SAS".
"""

import base64
from collections.abc import Callable, Sequence
from urllib.parse import quote

from ...errors import NotStored
from ...model import Stored
from ..presigned import Original, SignedRequest, offsets


class AzureDirectUpload:
    """See `DirectUpload`."""

    def __init__(
        self, url: str, original: Original, stored: Stored, token: str, commit: Callable[[list[str]], str]
    ) -> None:
        """Sign the requests. ``token`` is a SAS that allows writing the blob at ``url`` only.

        ``commit`` creates the blob from the blocks with the given names. It returns how the blob differs, or "".
        """
        self._stored, self._commit = stored, commit
        # The service requires names of equal length. Each contains the checksum of its block.
        self._names = [
            f"{index:05}-{base64.b64decode(piece.sha256).hex()[:40]}" for index, piece in enumerate(original.pieces)
        ]
        blob_url = url.partition("?")[0]
        self.requests = [
            SignedRequest(
                f"{blob_url}?comp=block&blockid={_block_id(name)}&{token}",
                _checksum_header(piece.md5),
                offset,
                piece.length,
            )
            for name, piece, offset in zip(self._names, original.pieces, offsets(original), strict=True)
        ]

    def complete(self, tags: Sequence[str]) -> Stored:  # noqa: ARG002 - the names of the blocks are known
        """Create the blob from its blocks, and compare its size with that of the file in the pod."""
        problem = self._commit(self._names)
        if problem:
            raise NotStored(f"cannot store {self._stored.url}", problem, "The dump is streamed instead.")
        return self._stored

    def abandon(self) -> None:
        """Do nothing: the service deletes unused blocks after a week."""


def _checksum_header(md5: str) -> dict[str, str]:
    """Return the header that the service uses to check a block on arrival."""
    return {"Content-MD5": md5}


def _block_id(name: str) -> str:
    return quote(base64.b64encode(name.encode()).decode(), safe="")
