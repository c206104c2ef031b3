"""Send a bundle to a store: its artifacts, its manifest, and the page that the incident's link opens."""

from collections.abc import Callable

from .bundle import MANIFEST, Bundle
from .checksum import sha256_of
from .errors import NotStored
from .model import Manifest, Receipt, Stored
from .report import INDEX, PREVIEW_BYTES, index_page
from .sending import Sending
from .stores.encrypted import EncryptedStore
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
        receipt = Receipt(url, tuple(_send(bundle, store, url, say)))
    except NotStored as error:
        raise NotStored(error.what, error.why, f"{error.do} Kept in the spool: {bundle.folder}") from error
    except OSError as error:
        raise NotStored(f"cannot read or write {bundle.folder}", error.strerror or str(error)) from error
    bundle.save_receipt(receipt)
    bundle.discard_artifacts()
    say(f"stored in {url}: {receipt.link(INDEX)}")
    return receipt


def _send(bundle: Bundle, store: Store, url: str, say: Callable[[str], None]) -> list[Stored]:
    """Send the artifacts side by side, then what tells of them: who finds the page finds all that it links."""
    manifest = bundle.manifest()
    artifacts = [one for one in manifest.artifacts if one.file]
    stored = Sending(bundle, store, url, say).all(artifacts, manifest.key)
    links = {one.file_key.removeprefix(f"{manifest.key}/"): one.link for one in stored}
    # The page stays readable, so that the link tells everybody what there is; it shows nothing of it then.
    for_page = store.plain if isinstance(store, EncryptedStore) else store
    _write_index(bundle, manifest, links, encrypted=for_page is not store)
    for file, where in ((MANIFEST, store), (INDEX, for_page)):
        path = bundle.folder / file
        stored.append(where.put(f"{manifest.key}/{file}", path, sha256_of(path)))
    return stored


def _write_index(bundle: Bundle, manifest: Manifest, links: dict[str, str], *, encrypted: bool) -> None:
    previews = {}
    for artifact in manifest.artifacts:
        if artifact.file.endswith(_TEXT) and not artifact.direct and not encrypted:
            with (bundle.folder / artifact.file).open("rb") as file:
                previews[artifact.file] = file.read(PREVIEW_BYTES)
    (bundle.folder / INDEX).write_text(index_page(manifest, links, previews, encrypted=encrypted), encoding="utf-8")
