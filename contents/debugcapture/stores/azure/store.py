"""Azure Blob Storage.

Source: azure-storage-blob documentation; Azure Storage REST API, "Put Block", "Put Block List", "Get Block List".
"""

import base64
import hashlib
import itertools
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
from azure.core.exceptions import ClientAuthenticationError as Refused
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
from ...model import Stored
from ...settings.azure import AzureSettings
from .. import clock
from ..base import Progress, unseen
from ..content_type import content_type
from ..presigned import Original
from .account import identify, link, open_service, read_account, signed
from .presigned import AzureDirectUpload

if TYPE_CHECKING:
    from hashlib import _Hash

BLOCK_BYTES, MOST_BLOCKS = 8 << 20, 50_000
_AT_A_TIME = 4
_IN_TROUBLE = (500, 503, 504)
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
    """Block blobs below a prefix of one container; see `store.Store`."""

    wants_md5 = True  # the only checksum of a block, but for a CRC, that it knows

    def __init__(self, url: SplitResult, settings: AzureSettings, link_valid_s: int) -> None:
        """Use the place of ``url`` (azblob://ACCOUNT/CONTAINER/PREFIX). Raises BadInput for credentials of no use."""
        self._account, self._settings = read_account(url.netloc, settings), settings
        self._link_valid_s = link_valid_s
        self._container, _, self._prefix = unquote(url.path.strip("/")).partition("/")
        self._client = open_service(self._account)
        self._large = threading.Lock()  # one large file at a time: its blocks go side by side, and are held in memory

    def put(self, key: str, file: Path, sha256: str, progress: Progress = unseen) -> Stored:
        """Upload in blocks, each checked by the server on arrival; blocks of an earlier try are not sent again."""
        blob, url = self._place(key)
        doing = f"cannot store {url}"
        with _reported(doing):
            size = file.stat().st_size
            with self._large if size > BLOCK_BYTES else nullcontext():
                self._bring(blob, file, sha256, progress, doing)
            address, expires = link(self._account, self._client, blob, self._link_valid_s)
        return Stored(key, url, address, expires, size, sha256)

    def _bring(self, blob: BlobClient, file: Path, sha256: str, progress: Progress, doing: str) -> None:
        """Have the store confirm that it has ``file``, and send it where it has not."""
        identify(self._account, self._client, doing)
        size = file.stat().st_size
        found = _found(blob, size, sha256)
        if not found or _committed(blob) != [_block_name(*block) for block in _read(file, hashlib.sha256())]:
            names = self._upload(blob, file, sha256, progress, doing)
            found = _found(blob, size, sha256)
            if not found or _committed(blob) != names:
                do = "The bundle stays in the spool. Upload it again."
                raise NotStored(doing, "the stored data differs from the data sent", do)
        self._protect(blob, found)

    def read(self, key: str) -> bytes | None:
        """Return the whole content of ``key``; see `store.ReadableStore`."""
        blob, url = self._place(key)
        doing = f"cannot read {url}"
        with _reported(doing):
            identify(self._account, self._client, doing)
            try:
                return bytes(blob.download_blob().readall())
            except ResourceNotFoundError as error:
                if error.error_code == "ContainerNotFound":
                    raise
                return None

    def locate(self, key: str, size: int, sha256: str) -> Stored:
        """Return where ``key`` is; see `store.ReadableStore`."""
        blob, url = self._place(key)
        with _reported(f"cannot link {url}"):
            address, expires = link(self._account, self._client, blob, self._link_valid_s)
        return Stored(key, url, address, expires, size, sha256)

    def direct(self, key: str, original: Original, valid_s: int) -> AzureDirectUpload:
        """Begin an upload that a pod carries out; see `direct.TakesDirectly`."""
        blob, url = self._place(key)
        doing = f"cannot store {url}"
        if self._account.sas and not self._account.key:
            do = "Set azure_key, or use an identity."
            raise NotStored(f"cannot let a pod store {url}", "azure_sas grants access to more than one blob", do)

        def commit(names: list[str]) -> str:
            with _reported(doing):
                self._commit(blob, names, original.sha256)
                found = blob.get_blob_properties()
                self._protect(blob, found)
            return "" if found.size == original.size else f"the store has {found.size} of {original.size} bytes"

        with _reported(doing):
            identify(self._account, self._client, doing)
            write = BlobSasPermissions(create=True, write=True)
            until = datetime.now(timezone.utc) + timedelta(seconds=valid_s)
            token = signed(self._account, self._client, blob, write, until)
            address, expires = link(self._account, self._client, blob, self._link_valid_s)
        stored = Stored(key, url, address, expires, original.size, original.sha256)
        return AzureDirectUpload(blob.url, original, stored, token, commit)

    def _place(self, key: str) -> tuple[BlobClient, str]:
        name = f"{self._prefix}/{key}".lstrip("/")
        url = f"azblob://{self._account.name}/{self._container}/{name}"
        return self._client.get_blob_client(self._container, name), url

    def _upload(self, blob: BlobClient, file: Path, sha256: str, progress: Progress, doing: str) -> list[str]:
        """Send what is not there, put it together, and return the names of the blocks."""
        whole, waiting = hashlib.sha256(), _uncommitted(blob)

        def send(number: int, content: bytes) -> str:
            name = _block_name(number, content)
            if waiting.get(name) != len(content):
                blob.stage_block(name, content, len(content), validate_content=True)
            progress(len(content))
            return name

        names = list(_side_by_side(send, _read(file, whole)))
        if whole.hexdigest() != sha256:
            raise NotStored(doing, "the data read differs from the data captured", "Check the disk of the spool.")
        self._commit(blob, names, sha256)
        return names

    def _commit(self, blob: BlobClient, names: list[str], sha256: str) -> None:
        blob.commit_block_list(
            [BlobBlock(name) for name in names],
            content_settings=ContentSettings(content_type=content_type(blob.blob_name)),
            metadata={"sha256": sha256},
            **self._wishes(),
        )

    def _wishes(self) -> dict[str, Any]:
        """Return what the settings ask for each blob beyond its content."""
        wishes: dict[str, Any] = {}
        if self._settings.azure_tier != "default":
            wishes["standard_blob_tier"] = StandardBlobTier(self._settings.azure_tier)
        if self._settings.azure_tags:
            pairs = (tag.partition("=") for tag in self._settings.azure_tags.split(","))
            wishes["tags"] = {key.strip(): value.strip() for key, _, value in pairs}
        if self._settings.azure_immutable_days:
            wishes["immutability_policy"] = self._policy()
        return wishes

    def _protect(self, blob: BlobClient, found: BlobProperties) -> None:
        """Give the blob the policy that it should have, where it was there before or the server did not heed ours."""
        if self._settings.azure_immutable_days and not found.immutability_policy.expiry_time:
            blob.set_immutability_policy(self._policy())

    def _policy(self) -> ImmutabilityPolicy:
        until = datetime.now(timezone.utc) + timedelta(days=self._settings.azure_immutable_days)
        return ImmutabilityPolicy(expiry_time=until, policy_mode="Unlocked")


def _read(file: Path, whole: "_Hash") -> Iterator[tuple[int, bytes]]:
    """Yield number and content of each block of ``file``, and add it to ``whole``. Long files have longer blocks."""
    length = max(BLOCK_BYTES, -(-file.stat().st_size // MOST_BLOCKS))
    with file.open("rb") as reader:
        for number in itertools.count():
            content = reader.read(length)
            if not content:
                return
            whole.update(content)
            yield number, content


def _block_name(number: int, content: bytes) -> str:
    """Return a name that has the content's checksum, so that a block that is there need not be sent again."""
    return f"{number:05}-{hashlib.sha256(content).hexdigest()[:40]}"


def _side_by_side(send: Callable[[int, bytes], str], blocks: Iterable[tuple[int, bytes]]) -> Iterator[str]:
    """Yield what ``send`` returns for each of ``blocks``, in their order; only a few of them are held at a time."""
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        sending: deque[Future[str]] = deque()
        for block in blocks:
            sending.append(pool.submit(send, *block))
            if len(sending) == _AT_A_TIME:
                yield sending.popleft().result()
        for one in sending:
            yield one.result()


def _found(blob: BlobClient, size: int, sha256: str) -> BlobProperties | None:
    """Return what the store tells of the blob, if its size and the checksum in its metadata are those of the file."""
    try:
        found = blob.get_blob_properties()
    except ResourceNotFoundError as error:
        if error.error_code == "ContainerNotFound":
            raise
        return None
    return found if found.size == size and found.metadata.get("sha256") == sha256 else None


def _committed(blob: BlobClient) -> list[str]:
    """Return the names of the blocks that the blob is made of."""
    committed, _ = blob.get_block_list("committed")
    return [_name(one) for one in committed]


def _uncommitted(blob: BlobClient) -> dict[str, int]:
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


def _remedy(code: str, error: HttpResponseError) -> str:
    if code in _REMEDIES:
        return _REMEDIES[code]
    if isinstance(error, Refused):
        return _REMEDIES["AuthenticationFailed"]
    if error.status_code in _IN_TROUBLE:
        return (
            "The service is overloaded or has a problem. Upload again later; the blocks that have arrived are reused."
        )
    return "Check the store settings."


@contextmanager
def _reported(doing: str) -> Iterator[None]:
    try:
        yield
    except HttpResponseError as error:
        code, ahead = _code(error), clock.ahead_s(error.response.headers.get("Date") if error.response else None)
        why, do = f"{code}: {(error.reason or error.message or '').splitlines()[0]}", _remedy(code, error)
        if error.status_code == HTTPStatus.FORBIDDEN and abs(ahead) > clock.TAKEN_S:
            why, do = f"{why.rstrip('.')}{clock.told(ahead)}", "Correct the clock of this machine."
        raise NotStored(doing, why, do) from error
    except (AzureError, OSError) as error:
        if isinstance(error, OSError) and error.filename:
            why = f"cannot read {error.filename}: {error.strerror}"
            raise NotStored(doing, why, "Check the disk of the spool.") from error
        raise NotStored(doing, str(error), "Check the URL, endpoint and keys of the store, and the network.") from error
