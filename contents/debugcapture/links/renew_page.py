"""Replace the links of a report page in the store by fresh ones, and their end in the index of the store."""

import hashlib
import html
import re
import tempfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from ..manifest import Receipt, Stored
from ..report.page import format_time
from ..stores.base import ReadableStore
from .address import file_key_of
from .index import entry_key, entry_text
from .sign import LINK, SignedCapture, sign_links

_LINKS_END: Final = re.compile(r"(?<=<dt>Links open until</dt><dd>)[^<]*(?=</dd>)")


def renew_page(store: ReadableStore, capture: SignedCapture) -> None:
    """Write the report page of ``capture``, and those of its pods, with fresh links to ``store``.

    Links that do not expire stay as they are. Raises CaptureGone, NotStored, or OSError without space for a
    temporary file.
    """
    for key in capture.pod_keys:
        renew_page(store, sign_links(store, capture.receipt.store, key))
    ends = capture.receipt.links_end
    if ends is None:
        return
    links = {stored.key: stored.link for stored in capture.receipt.stored}
    *files, page = capture.receipt.stored
    renewed = _put_text(store, page.key, with_fresh_links(capture.page, links, ends))
    entry = entry_text(capture.key, Receipt(capture.receipt.store, (*files, renewed)))
    _put_text(store, entry_key(capture.key.rpartition("/")[2]), entry)


def _put_text(store: ReadableStore, key: str, text: str) -> Stored:
    content = text.encode()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "text")
        file.write_bytes(content)
        return store.put(key, file, hashlib.sha256(content).hexdigest())


def with_fresh_links(page: str, links: Mapping[str, str], ends: datetime) -> str:
    """Return ``page`` with the link of each key of ``links``, and with ``ends`` as the time until which they open."""

    def fresh_link(old: re.Match[str]) -> str:
        link = links.get("/".join(file_key_of(html.unescape(old[0]))), "")
        return html.escape(link) if link else old[0]

    return _LINKS_END.sub(format_time(ends), LINK.sub(fresh_link, page), count=1)
