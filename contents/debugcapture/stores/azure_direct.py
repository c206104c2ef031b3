"""An upload to Azure Blob Storage that a pod carries out.

Source: Azure Storage REST API, "Put Block", "Put Block List"; "Create a service SAS".
"""

import base64
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import quote

from azure.storage.blob import BlobBlock, BlobClient

from ..errors import NotStored
from ..model import Stored
from .direct import Original, SignedRequest, offsets


class AzureDirectUpload:
    """See `direct.DirectUpload`."""

    def __init__(
        self, blob: BlobClient, original: Original, stored: Stored, token: str, commit: Callable[[list[Any]], str]
    ) -> None:
        """Begin; ``token`` is a SAS that may write this blob, ``commit`` makes the blob and returns what differs."""
        self._stored, self._commit = stored, commit
        # Names of one length, as the service wants them, with what a block has in it.
        self._names = [
            f"{index:05}-{base64.b64decode(piece.sha256).hex()[:40]}" for index, piece in enumerate(original.pieces)
        ]
        bare = blob.url.partition("?")[0]
        self.requests = [
            SignedRequest(
                f"{bare}?comp=block&blockid={_id(name)}&{token}", {"Content-MD5": piece.md5}, begin, piece.length
            )
            for name, piece, begin in zip(self._names, original.pieces, offsets(original), strict=True)
        ]

    def complete(self, tags: Sequence[str]) -> Stored:  # noqa: ARG002 - blocks go by the names that we gave
        """Make the blob of its blocks, and compare it with what the pod has."""
        problem = self._commit([BlobBlock(name) for name in self._names])
        if problem:
            raise NotStored(f"cannot store {self._stored.url}", problem, "It is streamed instead.")
        return self._stored

    def abandon(self) -> None:
        """Leave it to the service, which forgets blocks that are not used within a week."""


def _id(name: str) -> str:
    return quote(base64.b64encode(name.encode()).decode(), safe="")
