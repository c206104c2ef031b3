"""Send a bundle to a store: its artifacts, its manifest, and the page that the incident's link opens."""

from collections.abc import Callable

from .bundle import MANIFEST, Bundle
from .checksum import sha256_of
from .errors import NotStored
from .model import Manifest, Receipt, Stored
from .report import INDEX, PREVIEW_BYTES, index_page, size
from .stores.store import Store

_TEXT = (".txt", ".log", ".yaml")


def keep(bundle: Bundle, store: Store, url: str, say: Callable[[str], None]) -> Receipt:
    """Send ``bundle`` to ``store`` (at ``url``) and return the receipt; what is confirmed leaves the spool.

    A bundle that has a receipt is not sent again. Raises NotStored that names the bundle's place: nothing is removed
    before everything is stored.
    """
    receipt = bundle.receipt()
    if receipt:
        say(f"{bundle.folder.name} is in the store already")
        return receipt
    try:
        receipt = Receipt(url, tuple(_send(bundle, store, say)))
    except NotStored as error:
        raise NotStored(error.what, error.why, f"{error.do} Kept in the spool: {bundle.folder}") from error
    except OSError as error:
        raise NotStored(f"cannot read or write {bundle.folder}", error.strerror or str(error)) from error
    bundle.save_receipt(receipt)
    bundle.discard_artifacts()
    say(f"stored in {url}: {receipt.link(INDEX)}")
    return receipt


def _send(bundle: Bundle, store: Store, say: Callable[[str], None]) -> list[Stored]:
    manifest = bundle.manifest()
    folder = store_folder(manifest)
    stored = list(bundle.sent())
    there = {one.key for one in stored}
    for artifact in manifest.artifacts:
        if artifact.file and f"{folder}/{artifact.file}" not in there:
            stored.append(store.put(f"{folder}/{artifact.file}", bundle.folder / artifact.file, artifact.sha256))
            say(f"stored {artifact.file}, {size(artifact.bytes)}")
    _write_index(bundle, manifest, {one.key.removeprefix(f"{folder}/"): one.link for one in stored})
    for file in (MANIFEST, INDEX):
        path = bundle.folder / file
        stored.append(store.put(f"{folder}/{file}", path, sha256_of(path)))
    return stored


def store_folder(manifest: Manifest) -> str:
    """Return where in the store the bundle of ``manifest`` lies."""
    return f"{manifest.target.namespace}/{manifest.target.workload}/{manifest.capture_id}"


def _write_index(bundle: Bundle, manifest: Manifest, links: dict[str, str]) -> None:
    previews = {}
    for artifact in manifest.artifacts:
        if artifact.file.endswith(_TEXT) and not artifact.direct:
            with (bundle.folder / artifact.file).open("rb") as file:
                previews[artifact.file] = file.read(PREVIEW_BYTES)
    (bundle.folder / INDEX).write_text(index_page(manifest, links, previews), encoding="utf-8")
