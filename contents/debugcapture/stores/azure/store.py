"""Azure Blob Storage.

Source: azure-storage-blob documentation; Azure Storage REST API, "Put Block", "Put Block List", "Get Block List".
"""

import base64
import hashlib
import itertools
import secrets
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from datetime import datetime, timedelta, timezone
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, unquote

from azure.core.exceptions import AzureError, HttpResponseError, ResourceNotFoundError
from azure.core.exceptions import ClientAuthenticationError as AuthenticationRefused
from azure.storage.blob import (
    BlobBlock,
    BlobClient,
    BlobProperties,
    BlobSasPermissions,
    ContentSettings,
    ImmutabilityPolicy,
    StandardBlobTier,
)

from ...errors import NotStored
from ...manifest import Stored
from ...settings.azure import AzureSettings
from .. import clock
from ..base import Progress, ignore_progress
from ..content_type import presentation_of
from ..presigned import Original
from .account import check_identity, create_link, create_sas, open_service, read_account
from .presigned import STAGING_SUFFIX, AzureDirectUpload, Staging

if TYPE_CHECKING:
    from hashlib import _Hash

BLOCK_BYTES = 8 << 20
MAX_BLOCKS = 50_000
_CONCURRENCY = 4
# The longest time for the copy of an upload from a pod.
_COPY_S = 3600
_OVERLOADED = (500, 503, 504)
_REMEDIES = {
    "AuthenticationFailed": "Check azure_key or azure_sas, and the clock of this machine.",
    "AuthorizationFailure": "Check azure_key or azure_sas, the clock of this machine, and the firewall of the account.",
    "AuthorizationPermissionMismatch": (
        "A permission is missing: give the identity the role Storage Blob Data Contributor (Owner for tags and "
        "immutability), or the SAS token the permissions r, c and w (t, i)."
    ),
    "ContainerNotFound": "Create the container, or correct the store URL.",
}


class AzureStore:
    """Block blobs below a prefix of one container; see `Store`."""

    # The only cryptographic checksum of a block that the service checks.
    wants_md5 = True

    def __init__(self, url: SplitResult, settings: AzureSettings, link_valid_s: int) -> None:
        """Open the store at ``url`` (azblob://ACCOUNT/CONTAINER/PREFIX). Raises BadInput."""
        self._account, self._settings = read_account(url.netloc, settings), settings
        self._link_valid_s = link_valid_s
        self._container, _, self._prefix = unquote(url.path.strip("/")).partition("/")
        self._client = open_service(self._account)
        # One large file at a time, because several of its blocks are in memory.
        self._large_files = threading.Lock()

    def put(self, key: str, file: Path, sha256: str, progress: Progress = ignore_progress) -> Stored:
        """Upload ``file`` in blocks, which the server checks. Blocks of earlier attempts are not sent again."""
        blob, url = self._locate(key)
        action = f"cannot store {url}"
        with _raise_not_stored(action):
            size = file.stat().st_size
            with self._large_files if size > BLOCK_BYTES else nullcontext():
                self._ensure_stored(blob, file, sha256, progress, action)
            address, expires = create_link(self._account, self._client, blob, self._link_valid_s)
        return Stored(key, url, address, expires, size, sha256)

    def _ensure_stored(self, blob: BlobClient, file: Path, sha256: str, progress: Progress, action: str) -> None:
        """Upload ``file`` unless the store has it, and verify what is stored."""
        check_identity(self._account, self._client, action)
        size = file.stat().st_size
        properties = _find_properties(blob, size, sha256)
        if not properties or _list_committed(blob) != [_block_name(*block) for block in _read(file, hashlib.sha256())]:
            names = self._upload(blob, file, sha256, progress, action)
            properties = _find_properties(blob, size, sha256)
            if not properties or _list_committed(blob) != names:
                remedy = "The bundle stays in the spool. Upload it again."
                raise NotStored(action, "the stored data differs from the data sent", remedy)
        self._protect(blob, properties)

    def read(self, key: str) -> bytes | None:
        """Return the content of ``key``; see `ReadableStore`."""
        blob, url = self._locate(key)
        action = f"cannot read {url}"
        with _raise_not_stored(action):
            check_identity(self._account, self._client, action)
            try:
                return bytes(blob.download_blob().readall())
            except ResourceNotFoundError as error:
                if error.error_code == "ContainerNotFound":
                    raise
                return None

    def locate(self, key: str, size: int, sha256: str) -> Stored:
        """Return the location of ``key``; see `ReadableStore`."""
        blob, url = self._locate(key)
        with _raise_not_stored(f"cannot link {url}"):
            address, expires = create_link(self._account, self._client, blob, self._link_valid_s)
        return Stored(key, url, address, expires, size, sha256)

    def direct(self, key: str, original: Original, valid_s: int) -> AzureDirectUpload:
        """Start an upload that a pod performs; see `TakesDirectly`."""
        blob, url = self._locate(key)
        staging_blob, _ = self._locate(f"{key}.{secrets.token_hex(8)}{STAGING_SUFFIX}")
        action = f"cannot store {url}"
        if self._account.sas and not self._account.key:
            remedy = "Set azure_key, or use an identity."
            raise NotStored(f"cannot let a pod store {url}", "azure_sas grants access to more than one blob", remedy)

        def finish(upload: AzureDirectUpload) -> str:
            with _raise_not_stored(action):
                upload.copy_blocks(blob)
                self._commit(blob, upload.names, original.sha256)
                properties = blob.get_blob_properties()
                self._protect(blob, properties)
            return (
                "" if properties.size == original.size else f"the store has {properties.size} of {original.size} bytes"
            )

        with _raise_not_stored(action):
            check_identity(self._account, self._client, action)
            write_token = self._sign(staging_blob, BlobSasPermissions(create=True, write=True), valid_s)
            address, expires = create_link(self._account, self._client, blob, self._link_valid_s)
        stored = Stored(key, url, address, expires, original.size, original.sha256)
        staging = Staging(
            staging_blob, write_token, lambda: self._sign(staging_blob, BlobSasPermissions(read=True), _COPY_S)
        )
        return AzureDirectUpload(staging, original, stored, finish)

    def _sign(self, blob: BlobClient, permission: BlobSasPermissions, valid_s: int) -> str:
        expires = datetime.now(timezone.utc) + timedelta(seconds=valid_s)
        return create_sas(self._account, self._client, blob, permission, expires)

    def _locate(self, key: str) -> tuple[BlobClient, str]:
        name = f"{self._prefix}/{key}".lstrip("/")
        url = f"azblob://{self._account.name}/{self._container}/{name}"
        return self._client.get_blob_client(self._container, name), url

    def _upload(self, blob: BlobClient, file: Path, sha256: str, progress: Progress, action: str) -> list[str]:
        """Upload the missing blocks, create the blob from all blocks, and return their names."""
        digest, uncommitted = hashlib.sha256(), _list_uncommitted(blob)

        def send(number: int, content: bytes) -> str:
            name = _block_name(number, content)
            if uncommitted.get(name) != len(content):
                blob.stage_block(name, content, len(content), validate_content=True)
            progress(len(content))
            return name

        names = list(_upload_parallel(send, _read(file, digest)))
        if digest.hexdigest() != sha256:
            raise NotStored(action, "the data read differs from the data captured", "Check the disk of the spool.")
        self._commit(blob, names, sha256)
        return names

    def _commit(self, blob: BlobClient, names: list[str], sha256: str) -> None:
        presentation = presentation_of(blob.blob_name)
        blob.commit_block_list(
            [BlobBlock(name) for name in names],
            content_settings=ContentSettings(
                content_type=presentation.content_type, content_disposition=presentation.disposition or None
            ),
            metadata={"sha256": sha256},
            **self._upload_options(),
        )

    def _upload_options(self) -> dict[str, Any]:
        """Return the options of each blob: its tier, tags and immutability policy."""
        options: dict[str, Any] = {}
        if self._settings.azure_tier != "default":
            options["standard_blob_tier"] = StandardBlobTier(self._settings.azure_tier)
        if self._settings.azure_tags:
            pairs = (tag.partition("=") for tag in self._settings.azure_tags.split(","))
            options["tags"] = {key.strip(): value.strip() for key, _, value in pairs}
        if self._settings.azure_immutable_days:
            options["immutability_policy"] = self._policy()
        return options

    def _protect(self, blob: BlobClient, properties: BlobProperties) -> None:
        """Set the immutability policy if it is missing: the blob existed before, or the server ignored the option."""
        if self._settings.azure_immutable_days and not properties.immutability_policy.expiry_time:
            blob.set_immutability_policy(self._policy())

    def _policy(self) -> ImmutabilityPolicy:
        expires = datetime.now(timezone.utc) + timedelta(days=self._settings.azure_immutable_days)
        return ImmutabilityPolicy(expiry_time=expires, policy_mode="Unlocked")


def _read(file: Path, digest: "_Hash") -> Iterator[tuple[int, bytes]]:
    """Yield the number and content of each block of ``file``, and update ``digest``. Large files have larger blocks."""
    length = max(BLOCK_BYTES, -(-file.stat().st_size // MAX_BLOCKS))
    with file.open("rb") as reader:
        for number in itertools.count():
            content = reader.read(length)
            if not content:
                return
            digest.update(content)
            yield number, content


def _block_name(number: int, content: bytes) -> str:
    """Return a name with the checksum of the content, which shows later whether the block must be sent again."""
    return f"{number:05}-{hashlib.sha256(content).hexdigest()[:40]}"


def _upload_parallel(send: Callable[[int, bytes], str], blocks: Iterable[tuple[int, bytes]]) -> Iterator[str]:
    """Yield the results of ``send`` for ``blocks``, in order. Only a few blocks are in memory at a time."""
    with ThreadPoolExecutor(_CONCURRENCY) as pool:
        uploads: deque[Future[str]] = deque()
        for block in blocks:
            uploads.append(pool.submit(send, *block))
            if len(uploads) == _CONCURRENCY:
                yield uploads.popleft().result()
        for upload in uploads:
            yield upload.result()


def _find_properties(blob: BlobClient, size: int, sha256: str) -> BlobProperties | None:
    """Return the properties of the blob if its size and the checksum in its metadata match those of the file."""
    try:
        properties = blob.get_blob_properties()
    except ResourceNotFoundError as error:
        if error.error_code == "ContainerNotFound":
            raise
        return None
    return properties if properties.size == size and properties.metadata.get("sha256") == sha256 else None


def _list_committed(blob: BlobClient) -> list[str]:
    """Return the names of the blocks of the blob."""
    committed, _ = blob.get_block_list("committed")
    return [_original_name(block) for block in committed]


def _list_uncommitted(blob: BlobClient) -> dict[str, int]:
    """Return the names and lengths of the blocks that an earlier attempt sent."""
    try:
        _, uncommitted = blob.get_block_list("uncommitted")
    except ResourceNotFoundError:
        return {}
    return {_original_name(block): block.size for block in uncommitted}


def _original_name(block: BlobBlock) -> str:
    """Return the original name of the block. The SDK returns some of the names in base64."""
    return block.id if "-" in block.id else base64.b64decode(block.id).decode()


def _code(error: HttpResponseError) -> str:
    """Return the error code of the service, or the HTTP status if there is none."""
    code = getattr(error, "error_code", None)  # missing if something else than the service answered
    return str(getattr(code, "value", code) or error.status_code)


def _remedy(code: str, error: HttpResponseError) -> str:
    if code in _REMEDIES:
        return _REMEDIES[code]
    if isinstance(error, AuthenticationRefused):
        return _REMEDIES["AuthenticationFailed"]
    if error.status_code in _OVERLOADED:
        return (
            "The service is overloaded or has a problem. Upload again later; the blocks that have arrived are reused."
        )
    return "Check the store settings."


@contextmanager
def _raise_not_stored(action: str) -> Iterator[None]:
    try:
        yield
    except HttpResponseError as error:
        code, skew_s = _code(error), clock.skew_s(error.response.headers.get("Date") if error.response else None)
        reason, remedy = f"{code}: {(error.reason or error.message or '').splitlines()[0]}", _remedy(code, error)
        if error.status_code == HTTPStatus.FORBIDDEN and abs(skew_s) > clock.MAX_SKEW_S:
            reason, remedy = f"{reason.rstrip('.')}{clock.describe_skew(skew_s)}", "Correct the clock of this machine."
        raise NotStored(action, reason, remedy) from error
    except (AzureError, OSError) as error:
        if isinstance(error, OSError) and error.filename:
            reason = f"cannot read {error.filename}: {error.strerror}"
            raise NotStored(action, reason, "Check the disk of the spool.") from error
        raise NotStored(
            action, str(error), "Check the URL, endpoint and keys of the store, and the network."
        ) from error
