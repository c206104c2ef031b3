"""Azure Blob Storage.

Source: azure-storage-blob documentation; Azure Storage REST API, "Put Block", "Put Block List", "Get Block List".
"""

import base64
import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote

from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError
from azure.core.exceptions import ClientAuthenticationError as Refused
from azure.storage.blob import (
    BlobBlock,
    BlobClient,
    BlobSasPermissions,
    BlobServiceClient,
    ContentSettings,
    ExponentialRetry,
    generate_blob_sas,
)

from ..errors import BadInput, NotStored
from ..model import Stored
from ..settings import StoreSettings
from .azure_direct import AzureDirectUpload
from .content import content_type
from .direct import Original
from .store import Progress, unseen

BLOCK_BYTES, MOST_BLOCKS = 8 << 20, 50_000
_AT_A_TIME = 4
_REMEDIES = {
    "AuthenticationFailed": "Check azure_key or azure_sas, and this machine's clock.",
    "AuthorizationFailure": "Check azure_key or azure_sas, this machine's clock, and the account's firewall.",
    "AuthorizationPermissionMismatch": "Give the identity the role Storage Blob Data Contributor on the container.",
    "ContainerNotFound": "Create the container, or correct the store URL.",
}


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a file; its name has the content's checksum, so that one that is there need not be sent again."""

    name: str
    offset: int
    length: int


class AzureStore:
    """Block blobs below a prefix of one container; see `store.Store`."""

    def __init__(self, account: str, path: str, settings: StoreSettings) -> None:
        """Use ``path``, CONTAINER/PREFIX, of ``account``. Raises BadInput for credentials of the wrong form."""
        self._account, self._settings = account, settings
        self._container, _, self._prefix = path.partition("/")
        endpoint = settings.azure_endpoint.rstrip("/") or f"https://{account}.blob.core.windows.net"
        retries = ExponentialRetry(initial_backoff=1, increment_base=2, retry_total=6, random_jitter_range=1)
        try:
            self._client = BlobServiceClient(
                endpoint, self._credential(), retry_policy=retries, connection_timeout=10, read_timeout=60
            )
        except ValueError as error:
            raise BadInput(f"cannot use the store azblob://{account}", str(error), "Check its settings.") from error

    def put(self, key: str, file: Path, sha256: str, progress: Progress = unseen) -> Stored:
        """Upload in blocks, each checked by the server on arrival; blocks of an earlier try are not sent again."""
        name = f"{self._prefix}/{key}".lstrip("/")
        url = f"azblob://{self._account}/{self._container}/{name}"
        with _reported(f"cannot store {url}"):
            size, whole, blocks = _blocks(file)
            if whole != sha256:
                do = "Look at the spool's disk."
                raise NotStored(f"cannot store {url}", "what was read differs from what was captured", do)
            blob = self._client.get_blob_client(self._container, name)
            if not _there(blob, blocks, size, sha256):
                self._upload(blob, file, blocks, sha256, progress)
                if not _there(blob, blocks, size, sha256):
                    do = "The bundle stays in the spool; send it again."
                    raise NotStored(f"cannot store {url}", "what the store has differs from what was sent", do)
            link, expires = self._link(blob, name)
        return Stored(key, url, link, expires, size, sha256)

    def _upload(self, blob: BlobClient, file: Path, blocks: list[Block], sha256: str, progress: Progress) -> None:
        waiting = _waiting(blob)

        def send(block: Block) -> None:
            with file.open("rb") as reader:
                reader.seek(block.offset)
                blob.stage_block(block.name, reader.read(block.length), block.length, validate_content=True)
            progress(block.length)

        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            try:
                list(pool.map(send, [block for block in blocks if waiting.get(block.name) != block.length]))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        self._commit(blob, file, [block.name for block in blocks], sha256)

    def _commit(self, blob: BlobClient, file: Path, names: list[str], sha256: str) -> None:
        tier = self._settings.azure_tier
        extra: dict[str, Any] = {} if tier == "default" else {"standard_blob_tier": tier}
        blob.commit_block_list(
            [BlobBlock(name) for name in names],
            content_settings=ContentSettings(content_type=content_type(file)),
            metadata={"sha256": sha256},
            **extra,
        )

    def direct(self, key: str, original: Original, valid_s: int) -> AzureDirectUpload:
        """Begin an upload that a pod carries out; see `direct.TakesDirectly`."""
        name = f"{self._prefix}/{key}".lstrip("/")
        url = f"azblob://{self._account}/{self._container}/{name}"
        if self._settings.azure_sas:
            do = "Set azure_key, or use an identity."
            raise NotStored(f"cannot have a pod store {url}", "azure_sas opens more than one blob", do)
        blob = self._client.get_blob_client(self._container, name)

        def commit(names: list[str]) -> str:
            with _reported(f"cannot store {url}"):
                self._commit(blob, Path(key), names, original.sha256)
                found = blob.get_blob_properties()
            return "" if found.size == original.size else f"the store has {found.size} bytes of {original.size}"

        with _reported(f"cannot store {url}"):
            write = BlobSasPermissions(create=True, write=True)
            token = self._signed(name, write, datetime.now(timezone.utc) + timedelta(seconds=valid_s))
            link, expires = self._link(blob, name)
        stored = Stored(key, url, link, expires, original.size, original.sha256)
        return AzureDirectUpload(blob.url, original, stored, token, commit)

    def _link(self, blob: BlobClient, name: str) -> tuple[str, datetime | None]:
        """Return a link that expires, or with a SAS token the bare URL: the token itself may write."""
        bare = blob.url.partition("?")[0]
        if self._settings.azure_sas:
            return bare, None
        expires = datetime.now(timezone.utc) + timedelta(seconds=self._settings.link_valid_s)
        return f"{bare}?{self._signed(name, BlobSasPermissions(read=True), expires)}", expires

    def _signed(self, name: str, permission: BlobSasPermissions, expires: datetime) -> str:
        """Return the query of a SAS for one blob."""
        now, key = datetime.now(timezone.utc), self._settings.azure_key or None
        signer: Any = None if key else self._client.get_user_delegation_key(now - timedelta(minutes=5), expires)
        token = generate_blob_sas(
            self._account,
            self._container,
            name,
            account_key=key,
            user_delegation_key=signer,
            permission=permission,
            expiry=expires,
        )
        return quote(token, safe="=&%")

    def _credential(self) -> Any:
        if self._settings.azure_key:
            return {"account_name": self._account, "account_key": self._settings.azure_key}
        if self._settings.azure_sas:
            return self._settings.azure_sas.lstrip("?")
        from azure.identity import DefaultAzureCredential  # a third of a second that only this way needs

        return DefaultAzureCredential()


def _blocks(file: Path) -> tuple[int, str, list[Block]]:
    """Return size, checksum in hex and blocks of ``file``; a file too long for the usual blocks has longer ones."""
    size = file.stat().st_size
    length = max(BLOCK_BYTES, -(-size // MOST_BLOCKS))
    whole, blocks = hashlib.sha256(), []
    with file.open("rb") as reader:
        for offset in range(0, size, length):
            one, left = hashlib.sha256(), min(length, size - offset)
            while left and (piece := reader.read(min(left, 1 << 20))):
                one.update(piece)
                whole.update(piece)
                left -= len(piece)
            blocks.append(Block(f"{offset // length:05}-{one.hexdigest()[:40]}", offset, min(length, size - offset)))
    return size, whole.hexdigest(), blocks


def _there(blob: BlobClient, blocks: list[Block], size: int, sha256: str) -> bool:
    """Tell whether the store has the whole file: its size, its metadata, and the names of its blocks."""
    try:
        found = blob.get_blob_properties()
    except ResourceNotFoundError as error:
        if error.error_code == "ContainerNotFound":
            raise
        return False
    committed, _ = blob.get_block_list("committed")
    names = [_name(one) for one in committed]
    ours = [block.name for block in blocks]
    return found.size == size and found.metadata.get("sha256") == sha256 and names == ours


def _waiting(blob: BlobClient) -> dict[str, int]:
    """Return name and length of the blocks that an earlier try has sent."""
    try:
        _, uncommitted = blob.get_block_list("uncommitted")
    except ResourceNotFoundError:
        return {}
    return {_name(one): one.size for one in uncommitted}


def _name(block: BlobBlock) -> str:
    """Return the name that we gave; the SDK hands back some of them as they travel, in base64."""
    return block.id if "-" in block.id else base64.b64decode(block.id).decode()


def _code(error: HttpResponseError) -> str:
    """Return the service's own word for ``error``, else the HTTP status; the SDK has an enumeration of the words."""
    word = getattr(error, "error_code", None)  # absent where the answer was none of the service
    return str(getattr(word, "value", word) or error.status_code)


@contextmanager
def _reported(doing: str) -> Iterator[None]:
    try:
        yield
    except HttpResponseError as error:
        code = _code(error)
        remedy = _REMEDIES.get(code, _REMEDIES["AuthenticationFailed"] if isinstance(error, Refused) else "")
        why = f"{code}: {(error.reason or error.message or '').splitlines()[0]}"
        raise NotStored(doing, why, remedy or "Check the store settings.") from error
    except (AzureError, OSError) as error:
        raise NotStored(doing, str(error), "Check the store's URL, endpoint and keys, and the network.") from error
