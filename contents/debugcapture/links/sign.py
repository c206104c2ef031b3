"""Sign fresh links for a stored capture. It reads the capture's manifest or, if that is encrypted, its report page."""

import hashlib
import html
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ..bundle.bundle import MANIFEST
from ..bundle.serialize import manifest_from
from ..errors import CaptureGone, UnexpectedAnswer
from ..model import PAGE, Artifact, Manifest, Receipt, Stored
from ..stores.base import ReadableStore
from ..stores.encrypted import SUFFIX
from .address import file_key_of

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


def sign_links(store: ReadableStore, url: str, key: str) -> SignedCapture:
    """Return the capture ``key`` of ``store`` (at ``url``) with fresh links.

    Nothing outside of the capture gets a link, except the report pages of its pods. Raises CaptureGone if the store
    does not have the capture, UnexpectedAnswer if its manifest is damaged, and NotStored if the store cannot be read.
    """
    page, content = store.read(f"{key}/{PAGE}"), store.read(f"{key}/{MANIFEST}")
    if page is None:
        remedy = "Check the capture's ID. Its retention time may have ended."
        raise CaptureGone(f"cannot open the capture {key}", f"{url} does not contain it", remedy)
    text = page.decode(errors="replace")
    manifest = _parse_manifest(content, f"{url}/{key}/{MANIFEST}") if content is not None else None
    files = _signed_artifacts(store, key, manifest) if manifest else _signed_encrypted(store, key, text)
    signed_page = store.locate(f"{key}/{PAGE}", len(page), hashlib.sha256(page).hexdigest())
    return SignedCapture(key, manifest, Receipt(url, (*files, signed_page)), text)


def _parse_manifest(content: bytes, url: str) -> Manifest:
    try:
        return manifest_from(json.loads(content))
    except (ValueError, RecursionError) as error:
        remedy = "Open the files of the capture in the store itself."
        raise UnexpectedAnswer(f"cannot read {url}", f"it is not valid ({error})", remedy) from error


def _signed_artifacts(store: ReadableStore, key: str, manifest: Manifest) -> Iterator[Stored]:
    """Yield the artifacts of ``manifest``. Its keys are not trusted, because other users may write to the store."""
    for artifact in manifest.artifacts:
        if _is_pod_page(artifact):
            yield store.locate(artifact.file, 0, artifact.sha256)
        elif artifact.file and not artifact.is_capture:
            yield store.locate(f"{key}/{artifact.file}", artifact.bytes, artifact.sha256)
    yield store.locate(f"{key}/{MANIFEST}", 0, "")


def _is_pod_page(artifact: Artifact) -> bool:
    return artifact.is_capture and file_key_of(artifact.file)[1] == PAGE


def _signed_encrypted(store: ReadableStore, key: str, page: str) -> Iterator[Stored]:
    """Yield the encrypted files that the report ``page`` links. Their sizes and checksums are not known."""
    names = dict.fromkeys(file for owner, file in map(file_key_of, links_of(page)) if owner == key)
    for name in names:
        if name.endswith(SUFFIX) and ".." not in name.split("/"):
            yield store.locate(f"{key}/{name}", 0, "")


def links_of(page: str) -> list[str]:
    """Return the links of a report ``page``, in their order."""
    return [html.unescape(link) for link in LINK.findall(page)]
