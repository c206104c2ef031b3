"""The contract of a store, and the way from a URL to one."""

import pkgutil
import re
from collections.abc import Callable
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from ..errors import BadInput
from ..model import Stored
from ..settings import StoreSettings
from ..store_kinds import KINDS, SHOWN

# Is told how many more bytes of a file the store has, by whichever thread sent them; 0: a try failed, another follows.
Progress = Callable[[int], None]


def unseen(_more: int) -> None:
    """Show no progress."""


class Store(Protocol):
    """A place that keeps files for good.

    A store retries by itself what its service calls temporary. Every failure that is left is NotStored.
    """

    def put(self, key: str, file: Path, sha256: str, progress: Progress = unseen) -> Stored:
        """Keep ``file`` as ``key``, and return where, once the store itself confirms its size and content.

        Doing it twice is harmless, and several threads may do it at once with different keys. ``sha256`` is the file's
        checksum in hex. An exception of ``progress`` ends the upload, and is passed on. Raises NotStored.
        """
        ...


def open_store(settings: StoreSettings) -> Store:
    """Return the store that ``settings`` name, with its links. Nothing is sent yet. Raises BadInput."""
    from .links import with_links

    store = with_links(_open(settings), settings)
    recipients = [line.strip() for line in settings.encrypt_to.splitlines() if line.strip()]
    if not recipients:
        return store
    from .encrypted import EncryptedStore

    return EncryptedStore(store, recipients)


def _open(settings: StoreSettings) -> Store:
    for kind in KINDS:
        if re.match(kind.form, settings.store):
            store: Store = pkgutil.resolve_name(kind.store)(urlsplit(settings.store), settings)
            return store
    raise BadInput(f"no store for {settings.store!r}", "", f"Give {SHOWN}.")
