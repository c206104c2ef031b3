"""Publish a bundle: upload its artifacts, the manifest and the report page, and release it from the spool."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from ..bundle.bundle import MANIFEST, SIGNATURE, Bundle
from ..errors import BadInput, NotStored
from ..files import sha256_of
from ..links.index import entry_key, entry_text
from ..manifest import PAGE, Manifest, Receipt
from ..model import Report
from ..picture import Pictures
from ..settings.encryption import EncryptionSettings
from ..settings.signing import SigningSettings
from ..settings.store import StoreSettings
from ..stores.base import Store
from ..stores.encrypted import EncryptedStore
from ..stores.registry import open_store
from ..stores.signature import load_signing_key, sign
from ..text import size
from .uploader import Uploader

_TEXT_SUFFIXES = (".txt", ".log", ".yaml")


def publish_to_store(bundle: Bundle, settings: StoreSettings, report: Report) -> Receipt:
    """Open the store that ``settings`` name and publish ``bundle`` to it; see `publish_bundle`. Raises BadInput too.

    If the settings require encryption, the manifest records it first. The note then knows it, even if the upload fails
    and another step, without these settings, writes the note.
    """
    if settings.of(EncryptionSettings).encrypt_to:
        _record_encryption(bundle)
    signing_key = settings.of(SigningSettings).sign_with
    return publish_bundle(bundle, open_store(settings), settings.store, report, signing_key=signing_key)


def publish_bundle(
    bundle: Bundle, store: Store, url: str, report: Callable[[str], None], *, signing_key: str = ""
) -> Receipt:
    """Upload ``bundle`` to ``store`` (at ``url``), delete its artifacts from the spool, and return the receipt.

    With ``signing_key``, an SSH private key, the manifest gets a signature (`stores/signature.py`).
    A bundle that has a receipt is not uploaded again. Raises NotStored that names the path of the bundle. Nothing is
    deleted until everything is stored.
    """
    receipt = bundle.receipt()
    if receipt:
        bundle.discard_artifacts()  # the process may have been killed after it saved the receipt
        report(f"{bundle.folder.name} is already in the store")
        return receipt
    try:
        receipt = _upload(bundle, store, url, report, signing_key)
        _release(bundle, receipt)
    except NotStored as error:
        raise NotStored(
            error.action, error.reason, f"{error.remedy} The bundle is in the spool: {bundle.folder}"
        ) from error
    except OSError as error:
        raise _spool_failed(bundle, error) from error
    total = sum(stored.bytes for stored in receipt.stored)
    report(f"stored in {url}: {len(receipt.stored)} files, {size(total)}")
    return receipt


def _record_encryption(bundle: Bundle) -> None:
    manifest = bundle.manifest()
    if manifest.encrypted:
        return
    try:
        bundle.save(replace(manifest, encrypted=True))
    except OSError as error:
        raise _spool_failed(bundle, error) from error


def _spool_failed(bundle: Bundle, error: OSError) -> NotStored:
    remedy = "Check the disk of the spool. The next run uploads what is in it."
    return NotStored(f"cannot read or write {bundle.folder}", error.strerror or str(error), remedy)


def _upload(bundle: Bundle, store: Store, url: str, report: Callable[[str], None], signing_key: str) -> Receipt:
    """Upload the artifacts, then the manifest and the page, so that all links of a page that is visible work.

    The entry in the index of the store comes last. It is not in the receipt.
    """
    manifest = bundle.manifest()
    artifacts = [artifact for artifact in manifest.artifacts if artifact.file]
    stored = Uploader(bundle, store, url, report).upload_all(artifacts, manifest.key)
    # The page of an encrypted bundle is not encrypted, so that everyone can see what was captured. It then contains no
    # captured text.
    page_store = store.plain if isinstance(store, EncryptedStore) else store
    receipt = Receipt(url, tuple(stored))
    is_encrypted = page_store is not store
    pictures = Pictures() if is_encrypted else _pictures(bundle, report)
    page = _render_page(bundle, manifest, receipt, pictures, encrypted=is_encrypted)
    if signing_key:
        file = bundle.save_signature(sign((bundle.folder / MANIFEST).read_bytes(), load_signing_key(signing_key)))
        stored.append(store.put(f"{manifest.key}/{SIGNATURE}", file, sha256_of(file)))
    with _page_file(bundle, page) as file:
        for name, path, target in ((MANIFEST, bundle.folder / MANIFEST, store), (PAGE, file, page_store)):
            stored.append(target.put(f"{manifest.key}/{name}", path, sha256_of(path)))
    receipt = Receipt(url, tuple(stored))
    with _memory_file(entry_text(manifest.key, receipt)) as file:
        page_store.put(entry_key(manifest.capture_id), file, sha256_of(file))
    return receipt


def _release(bundle: Bundle, receipt: Receipt) -> None:
    """Save the receipt and delete the artifacts. On a full disk, delete first to make room for the receipt."""
    try:
        bundle.save_receipt(receipt)
    except OSError:
        bundle.discard_artifacts()
        bundle.save_receipt(receipt)
    bundle.discard_artifacts()


@contextmanager
def _page_file(bundle: Bundle, page: str) -> Iterator[Path]:
    """Yield a file with ``page``: in the bundle, or in memory if the disk is full, so that there is always a link."""
    with ExitStack() as stack:
        try:
            file = bundle.save_page(page)
        except OSError:
            file = stack.enter_context(_memory_file(page))
        yield file


@contextmanager
def _memory_file(text: str) -> Iterator[Path]:
    with os.fdopen(os.memfd_create(PAGE), "wb") as file:
        file.write(text.encode())
        file.flush()
        yield Path(f"/proc/self/fd/{file.fileno()}")


def _pictures(bundle: Bundle, report: Callable[[str], None]) -> Pictures:
    """Return what the pictures of the page show; nothing if they cannot be read, because the page matters more."""
    try:
        return bundle.pictures()
    except BadInput as error:
        report(f"the report has no pictures: {error}")
        return Pictures()


def _render_page(bundle: Bundle, manifest: Manifest, receipt: Receipt, pictures: Pictures, *, encrypted: bool) -> str:
    # Imported here, because it loads Jinja2, which a run without an upload does not need.
    from ..report.page import preview_limit_bytes, report_page

    links = {stored.file_key.removeprefix(f"{manifest.key}/"): stored.link for stored in receipt.stored}
    local_files = [artifact.file for artifact in manifest.artifacts if not artifact.direct]
    texts = [] if encrypted else [file for file in local_files if file.endswith(_TEXT_SUFFIXES)]
    limit_bytes = preview_limit_bytes(len(texts))
    previews = {file: _read_beginning(bundle.folder / file, limit_bytes) for file in texts}
    return report_page(manifest, links, previews, pictures=pictures, links_end=receipt.links_end, encrypted=encrypted)


def _read_beginning(path: Path, limit_bytes: int) -> bytes:
    with path.open("rb") as file:
        return file.read(limit_bytes)
