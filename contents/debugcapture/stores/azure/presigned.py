"""An upload to Azure Blob Storage that a pod carries out.

Source: Azure Storage REST API, "Put Block", "Put Block List"; "Create a service SAS".
"""

import base64
from collections.abc import Callable, Sequence
from urllib.parse import quote

from ...errors import NotStored
from ...model import Stored
from ..presigned import Original, SignedRequest, offsets


class AzureDirectUpload:
    """See `direct.DirectUpload`."""

    def __init__(
        self, url: str, original: Original, stored: Stored, token: str, commit: Callable[[list[str]], str]
    ) -> None:
        """Begin; ``token`` is a SAS that may write the blob at ``url`` and nothing else.

        ``commit`` makes the blob of the blocks with these names, and returns how it differs, or "".
        """
        self._stored, self._commit = stored, commit
        # All of one length, as the service wants them, each with what the block has in it.
        self._names = [
            f"{index:05}-{base64.b64decode(piece.sha256).hex()[:40]}" for index, piece in enumerate(original.pieces)
        ]
        bare = url.partition("?")[0]
        self.requests = [
            SignedRequest(f"{bare}?comp=block&blockid={_id(name)}&{token}", _checked(piece.md5), begin, piece.length)
            for name, piece, begin in zip(self._names, original.pieces, offsets(original), strict=True)
        ]

    def complete(self, tags: Sequence[str]) -> Stored:  # noqa: ARG002 - blocks go by the names that we gave
        """Make the blob of its blocks, and compare it with what the pod has."""
        problem = self._commit(self._names)
        if problem:
            raise NotStored(f"cannot store {self._stored.url}", problem, "The dump is streamed instead.")
        return self._stored

    def abandon(self) -> None:
        """Leave it to the service, which forgets blocks that are not used within a week."""


def _checked(md5: str) -> dict[str, str]:
    """Return the header by which the service checks a block on arrival."""
    return {"Content-MD5": md5}


def _id(name: str) -> str:
    return quote(base64.b64encode(name.encode()).decode(), safe="")
