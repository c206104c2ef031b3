"""Sign fresh links for a stored capture. It reads its manifest or, if that is encrypted, its entry in the index."""

import hashlib
import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ..bundle.bundle import MANIFEST, SIGNATURE
from ..bundle.serialize import manifest_from
from ..errors import CaptureGone, UnexpectedAnswer
from ..manifest import PAGE, Artifact, Manifest, Receipt, Stored
from ..stores.base import ReadableStore
from .address import file_key_of
from .index import StoredCapture, find_capture

LINK: Final = re.compile(r'(?<= href=")[^"]*(?=")')
"""A link of a report page. The page escapes all other text, so that no quotation mark is in it."""


@dataclass(frozen=True, slots=True)
class SignedCapture:
    """A capture in a store, with links that were just signed."""

    key: str
    """Its key below the prefix of the store: NAMESPACE/WORKLOAD/CAPTURE_ID."""
    manifest: Manifest | None
    """None if it is encrypted."""
    receipt: Receipt
    page: str
    """The report page as it is in the store, with its old links."""

    @property
    def pod_keys(self) -> list[str]:
        """Return the keys of the captures of single pods, if this is a capture of many pods in the cluster."""
        artifacts = self.manifest.artifacts if self.manifest else ()
        return [artifact.file.removesuffix(f"/{PAGE}") for artifact in artifacts if _is_pod_page(artifact)]


def sign_links(store: ReadableStore, url: str, capture: str) -> SignedCapture:
    """Return ``capture`` of ``store`` (at ``url``) with fresh links. Its ID is enough; its key works without the index.

    Nothing outside of the capture gets a link, except the report pages of its pods. Raises CaptureGone if the store
    does not have the capture, UnexpectedAnswer if its manifest is damaged, and NotStored if the store cannot be read.
    """
    key = capture if "/" in capture else _entry(store, url, capture).key
    page, content = store.read(f"{key}/{PAGE}"), store.read(f"{key}/{MANIFEST}")
    if page is None:
        raise _gone_error(capture, url)
    text = page.decode(errors="replace")
    manifest = parse_manifest(content, f"{url}/{key}") if content is not None else None
    files = (
        _signed_artifacts(store, key, manifest)
        if manifest
        else _signed_encrypted(store, _entry(store, url, key.rpartition("/")[2]))
    )
    signed_page = store.locate(f"{key}/{PAGE}", len(page), hashlib.sha256(page).hexdigest())
    return SignedCapture(key, manifest, Receipt(url, (*files, signed_page)), text)


def parse_manifest(content: bytes, place: str) -> Manifest:
    """Return the manifest of the capture at ``place``. Raises UnexpectedAnswer if it is damaged."""
    try:
        return manifest_from(json.loads(content))
    except (ValueError, RecursionError) as error:
        remedy = "Open the files of the capture in the store itself."
        raise UnexpectedAnswer(f"cannot read {place}/{MANIFEST}", f"it is not valid ({error})", remedy) from error


def _signed_artifacts(store: ReadableStore, key: str, manifest: Manifest) -> Iterator[Stored]:
    """Yield the artifacts of ``manifest``. Its keys are not trusted, because other users may write to the store."""
    for artifact in manifest.artifacts:
        if _is_pod_page(artifact):
            yield store.locate(artifact.file, 0, artifact.sha256)
        elif artifact.file and not artifact.is_capture:
            yield store.locate(f"{key}/{artifact.file}", artifact.bytes, artifact.sha256)
    yield store.locate(f"{key}/{MANIFEST}", 0, "")
    signature = store.read(f"{key}/{SIGNATURE}")
    if signature is not None:
        yield store.locate(f"{key}/{SIGNATURE}", len(signature), hashlib.sha256(signature).hexdigest())


def _is_pod_page(artifact: Artifact) -> bool:
    return artifact.is_capture and file_key_of(artifact.file)[1] == PAGE


def _signed_encrypted(store: ReadableStore, entry: StoredCapture) -> Iterator[Stored]:
    """Yield the files of the index ``entry`` of an encrypted capture, except its report page."""
    for file in entry.files[:-1]:
        yield store.locate(file.key, file.bytes, file.sha256)


def _entry(store: ReadableStore, url: str, capture_id: str) -> StoredCapture:
    """Return the entry of a capture in the index of ``store``. Raises CaptureGone or NotStored."""
    entry = find_capture(store, capture_id)
    if entry is None:
        raise _gone_error(capture_id, url)
    return entry


def _gone_error(capture: str, url: str) -> CaptureGone:
    remedy = "Check the capture's ID. Its retention time may have ended."
    return CaptureGone(f"cannot open the capture {capture}", f"{url} does not contain it", remedy)


def links_of(page: str) -> list[str]:
    """Return the links of a report ``page``, in their order."""
    return [html.unescape(link) for link in LINK.findall(page)]
