"""The way from a URL to a store."""

import pkgutil
import re
from urllib.parse import urlsplit

from ..errors import BadInput
from ..settings.store_kinds import EncryptionSettings
from ..settings.store_urls import KINDS, SHOWN, StoreSettings
from .base import ReadableStore, Store
from .encrypted import EncryptedStore
from .links import with_links


def open_readable(settings: StoreSettings) -> ReadableStore:
    """Return the store that ``settings`` name, with its links, as it is without encryption. Raises BadInput."""
    return with_links(_open(settings), settings)


def open_store(settings: StoreSettings) -> Store:
    """Return the store that ``settings`` name, with its links. Nothing is sent yet. Raises BadInput."""
    store = open_readable(settings)
    recipients = [line.strip() for line in settings.of(EncryptionSettings).encrypt_to.splitlines() if line.strip()]
    if not recipients:
        return store
    return EncryptedStore(store, recipients)


def _open(settings: StoreSettings) -> ReadableStore:
    for kind in KINDS:
        if re.match(kind.form, settings.store):
            url, own = urlsplit(settings.store), settings.of(kind.settings)
            store: ReadableStore = pkgutil.resolve_name(kind.store)(url, own, settings.link_valid_s)
            return store
    raise BadInput(f"no store for {settings.store!r}", "", f"Give {SHOWN}.")
