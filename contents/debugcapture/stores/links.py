"""Links that replace those of the store: to the AWS console, or to a server of the user that asks for a login.

Source: Amazon S3 User Guide, "Viewing object properties" (the console's address of an object).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, urlsplit

from ..errors import BadInput
from ..manifest import PAGE, Stored
from ..settings.s3 import S3Settings
from ..settings.store import StoreSettings
from .base import FollowsFiles, GrowingUpload, Progress, ReadableStore, ignore_progress
from .presigned import DirectUpload, Original, SignedRequest, TakesDirectly

Link = Callable[[Stored], str]


def with_links(store: ReadableStore, settings: StoreSettings) -> ReadableStore:
    """Return ``store`` with the kind of links that ``settings`` request. Raises BadInput."""
    link = _link(settings)
    if link is None:
        return store
    return _LinkedDirectStore(store, link) if isinstance(store, TakesDirectly) else _LinkedStore(store, link)


def links_below(base: str) -> Link:
    """Return links of the form BASE/KEY."""
    return lambda stored: f"{base.rstrip('/')}/{quote(stored.key)}"


def console_links(bucket: str, region: str) -> Link:
    """Return links that open an object of ``bucket`` in the AWS console, which asks for a login."""
    host = f"{region}.console.aws.amazon.com" if region else "s3.console.aws.amazon.com"
    query = f"region={region}&" if region else ""

    def link(stored: Stored) -> str:
        name = urlsplit(stored.url).path.lstrip("/")
        return f"https://{host}/s3/object/{bucket}?{query}prefix={quote(name, safe='')}"

    return link


def evidence_server_links(base: str) -> Link:
    """Return links to the evidence server at ``base``: BASE/c/CAPTURE_ID to a report page, and BASE/c/CAPTURE_ID/NAME.

    The server serves files of captures only. The link of any other file is its URL in the store.
    """

    def link(stored: Stored) -> str:
        namespace, _, rest = stored.key.partition("/")
        _workload, _, file = rest.partition("/")
        capture_id, _, name = file.partition("/")
        if namespace.startswith("_") or not name:
            return stored.url
        page = f"{base.rstrip('/')}/c/{quote(capture_id)}"
        return page if name == PAGE else f"{page}/{quote(name)}"

    return link


def _link(settings: StoreSettings) -> Link | None:
    if settings.link == "server":
        if not settings.link_server:
            raise BadInput("cannot create links", "link_server is missing", "Set it, or set link to signed.")
        return evidence_server_links(settings.link_server)
    if settings.link_base:
        return links_below(settings.link_base)
    if settings.link != "console":
        return None
    url, s3 = urlsplit(settings.store), settings.of(S3Settings)
    if url.scheme != "s3" or s3.s3_endpoint:
        raise BadInput("cannot create console links", "only AWS S3 has a supported console", "Set link_base instead.")
    return console_links(url.netloc, s3.s3_region)


class _LinkedStore:
    """A store with other links."""

    def __init__(self, store: ReadableStore, link: Link) -> None:
        self._store, self._link = store, link

    def put(self, key: str, file: Path, sha256: str, progress: Progress = ignore_progress) -> Stored:
        return self._replace_link(self._store.put(key, file, sha256, progress))

    def follow(self, key: str, file: Path, progress: Progress = ignore_progress) -> GrowingUpload | None:
        return self._store.follow(key, file, progress) if isinstance(self._store, FollowsFiles) else None

    def read(self, key: str) -> bytes | None:
        return self._store.read(key)

    def locate(self, key: str, size: int, sha256: str) -> Stored:
        return self._replace_link(self._store.locate(key, size, sha256))

    def _replace_link(self, stored: Stored) -> Stored:
        return replace(stored, link=self._link(stored), expires=None)


class _LinkedDirectStore(_LinkedStore):
    """A store with other links that accepts uploads from pods."""

    def __init__(self, store: ReadableStore, link: Link) -> None:
        super().__init__(store, link)
        assert isinstance(store, TakesDirectly)  # noqa: S101 - see with_links
        self._direct_store, self.wants_md5 = store, store.wants_md5

    def direct(self, key: str, original: Original, valid_s: int) -> DirectUpload:
        return _LinkedUpload(self._direct_store.direct(key, original, valid_s), self._replace_link)


class _LinkedUpload:
    def __init__(self, upload: DirectUpload, add_link: Callable[[Stored], Stored]) -> None:
        self._upload, self._replace_link = upload, add_link

    @property
    def requests(self) -> Sequence[SignedRequest]:
        return self._upload.requests

    def complete(self, tags: Sequence[str]) -> Stored:
        return self._replace_link(self._upload.complete(tags))

    def abandon(self) -> None:
        self._upload.abandon()
