"""Send a bundle to a store: its artifacts, its manifest, and the page that the incident's link opens."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ..bundle.bundle import MANIFEST, Bundle
from ..errors import NotStored
from ..files import sha256_of
from ..model import PAGE, Manifest, Receipt
from ..report.page import index_page, shown_bytes
from ..stores.base import Store
from ..stores.encrypted import EncryptedStore
from ..text import size
from .uploader import Sending

_TEXT = (".txt", ".log", ".yaml")


def keep(bundle: Bundle, store: Store, url: str, say: Callable[[str], None]) -> Receipt:
    """Send ``bundle`` to ``store`` (at ``url``) and return the receipt; what is confirmed leaves the spool.

    A bundle that has a receipt is not sent again. Raises NotStored that names the bundle's place: nothing is removed
    before everything is stored.
    """
    receipt = bundle.receipt()
    if receipt:
        bundle.discard_artifacts()  # a kill may have come between
        say(f"{bundle.folder.name} is already in the store")
        return receipt
    try:
        receipt = _send(bundle, store, url, say)
        _settle(bundle, receipt)
    except NotStored as error:
        raise NotStored(error.what, error.why, f"{error.do} The bundle is in the spool: {bundle.folder}") from error
    except OSError as error:
        why, do = error.strerror or str(error), "Check the disk of the spool. The next run uploads what is in it."
        raise NotStored(f"cannot read or write {bundle.folder}", why, do) from error
    files, total = len(receipt.stored), sum(one.bytes for one in receipt.stored)
    say(f"stored in {url}: {files} files, {size(total)}")
    return receipt


def _send(bundle: Bundle, store: Store, url: str, say: Callable[[str], None]) -> Receipt:
    """Send the artifacts side by side, then what tells of them: who finds the page finds all that it links."""
    manifest = bundle.manifest()
    artifacts = [one for one in manifest.artifacts if one.file]
    stored = Sending(bundle, store, url, say).all(artifacts, manifest.key)
    # The page stays readable, so that the link tells everybody what there is; it shows nothing of it then.
    for_page = store.plain if isinstance(store, EncryptedStore) else store
    page = _page(bundle, manifest, Receipt(url, tuple(stored)), encrypted=for_page is not store)
    with _page_file(bundle, page) as file:
        for name, path, where in ((MANIFEST, bundle.folder / MANIFEST, store), (PAGE, file, for_page)):
            stored.append(where.put(f"{manifest.key}/{name}", path, sha256_of(path)))
    return Receipt(url, tuple(stored))


def _settle(bundle: Bundle, receipt: Receipt) -> None:
    """Write down that the store has everything, and let the artifacts go."""
    try:
        bundle.save_receipt(receipt)
    except OSError:  # the disk is full, and they make room
        bundle.discard_artifacts()
        bundle.save_receipt(receipt)
    bundle.discard_artifacts()


@contextmanager
def _page_file(bundle: Bundle, page: str) -> Iterator[Path]:
    """Yield a file with ``page``: in the bundle, or where its disk is full, in memory. The link must not be lost."""
    with ExitStack() as opened:
        try:
            file = bundle.save_page(page)
        except OSError:
            file = opened.enter_context(_in_memory(page))
        yield file


@contextmanager
def _in_memory(text: str) -> Iterator[Path]:
    with os.fdopen(os.memfd_create(PAGE), "wb") as file:
        file.write(text.encode())
        file.flush()
        yield Path(f"/proc/self/fd/{file.fileno()}")


def _page(bundle: Bundle, manifest: Manifest, receipt: Receipt, *, encrypted: bool) -> str:
    links = {one.file_key.removeprefix(f"{manifest.key}/"): one.link for one in receipt.stored}
    kept_here = (one.file for one in manifest.artifacts if not one.direct)
    texts = [] if encrypted else [file for file in kept_here if file.endswith(_TEXT)]
    previews = {file: _beginning(bundle.folder / file, shown_bytes(len(texts))) for file in texts}
    return index_page(manifest, links, previews, links_end=receipt.links_end, encrypted=encrypted)


def _beginning(path: Path, most_bytes: int) -> bytes:
    with path.open("rb") as file:
        return file.read(most_bytes)
