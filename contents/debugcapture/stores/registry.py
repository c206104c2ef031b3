"""Open the store that a URL names."""

import re
from urllib.parse import urlsplit

from ..errors import BadInput
from ..settings.azure import AzureSettings
from ..settings.encryption import EncryptionSettings
from ..settings.s3 import S3Settings
from ..settings.sftp import SftpSettings
from ..settings.signing import SigningSettings
from ..settings.store import FORM, SHOWN, StoreSettings
from .base import KnowsRetention, ReadableStore, Retention, Store
from .encrypted import EncryptedStore
from .links import with_links
from .signature import load_signing_key


def open_readable(settings: StoreSettings) -> ReadableStore:
    """Return the store that ``settings`` name, with its links but without encryption. Raises BadInput."""
    return with_links(_open(settings), settings)


def required_url(settings: StoreSettings, action: str) -> str:
    """Return the URL of the store. Raises BadInput if the settings name none; ``action`` is what needs the store."""
    if not settings.store:
        raise BadInput(f"cannot {action}", "store is missing", "Set the store's URL.")
    return settings.store


def open_store(settings: StoreSettings) -> Store:
    """Return the store that ``settings`` name, with its links. Sends nothing. Raises BadInput, also for the keys."""
    store = open_readable(settings)
    if signing_key := settings.of(SigningSettings).sign_with:
        load_signing_key(signing_key)
    recipients = [line.strip() for line in settings.of(EncryptionSettings).encrypt_to.splitlines() if line.strip()]
    if not recipients:
        return store
    return EncryptedStore(store, recipients)


def known_retention(settings: StoreSettings) -> Retention | None:
    """Return how long the store that ``settings`` name keeps files; None if this is unknown. Raises NotStored."""
    store = _open(settings)
    return store.retention() if isinstance(store, KnowsRetention) else None


def _open(settings: StoreSettings) -> ReadableStore:
    """Return the store itself. Imports its package only now, because boto3 alone takes a third of a second."""
    url, link_valid_s = urlsplit(settings.store), settings.link_valid_s
    match url.scheme if re.fullmatch(FORM, settings.store) else "":
        case "s3":
            from .s3.store import S3Store

            return S3Store(url, settings.of(S3Settings), link_valid_s)
        case "azblob":
            from .azure.store import AzureStore

            return AzureStore(url, settings.of(AzureSettings), link_valid_s)
        case "sftp":
            from .sftp.store import SftpStore

            return SftpStore(url, settings.of(SftpSettings))
        case "file":
            from .file import FileStore

            return FileStore(url)
    raise BadInput(f"unknown store {settings.store!r}", "", f"Use {SHOWN}.")
