"""Other links than the store's own: the AWS console's, or below a URL of the user's, where a login stands before it.

Source: Amazon S3 User Guide, "Viewing object properties" (the console's address of an object).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, urlsplit

from ..errors import BadInput
from ..model import Stored
from ..settings.s3 import S3Settings
from ..settings.store import StoreSettings
from .base import FollowsFiles, GrowingUpload, Progress, ReadableStore, unseen
from .presigned import DirectUpload, Original, SignedRequest, TakesDirectly

Link = Callable[[Stored], str]


def with_links(store: ReadableStore, settings: StoreSettings) -> ReadableStore:
    """Return ``store`` so that what it keeps has the links that ``settings`` ask for. Raises BadInput."""
    link = _link(settings)
    if link is None:
        return store
    return _LinkedDirectly(store, link) if isinstance(store, TakesDirectly) else _Linked(store, link)


def below(base: str) -> Link:
    """Return links below ``base``: the key in the store follows."""
    return lambda stored: f"{base.rstrip('/')}/{quote(stored.key)}"


def in_console(bucket: str, region: str) -> Link:
    """Return links that open an object of ``bucket`` in the AWS console, for who is logged in there."""
    host = f"{region}.console.aws.amazon.com" if region else "s3.console.aws.amazon.com"
    query = f"region={region}&" if region else ""

    def link(stored: Stored) -> str:
        name = urlsplit(stored.url).path.lstrip("/")
        return f"https://{host}/s3/object/{bucket}?{query}prefix={quote(name, safe='')}"

    return link


def _link(settings: StoreSettings) -> Link | None:
    if settings.link_base:
        return below(settings.link_base)
    if settings.link != "console":
        return None
    url, s3 = urlsplit(settings.store), settings.of(S3Settings)
    if url.scheme != "s3" or s3.s3_endpoint:
        raise BadInput("cannot create console links", "only AWS S3 has a supported console", "Set link_base instead.")
    return in_console(url.netloc, s3.s3_region)


class _Linked:
    """A store whose links are others."""

    def __init__(self, store: ReadableStore, link: Link) -> None:
        self._store, self._link = store, link

    def put(self, key: str, file: Path, sha256: str, progress: Progress = unseen) -> Stored:
        return self._linked(self._store.put(key, file, sha256, progress))

    def follow(self, key: str, file: Path, progress: Progress = unseen) -> GrowingUpload | None:
        return self._store.follow(key, file, progress) if isinstance(self._store, FollowsFiles) else None

    def read(self, key: str) -> bytes | None:
        return self._store.read(key)

    def locate(self, key: str, size: int, sha256: str) -> Stored:
        return self._linked(self._store.locate(key, size, sha256))

    def _linked(self, stored: Stored) -> Stored:
        return replace(stored, link=self._link(stored), expires=None)


class _LinkedDirectly(_Linked):
    """The same for a store that takes files from pods."""

    def __init__(self, store: ReadableStore, link: Link) -> None:
        super().__init__(store, link)
        assert isinstance(store, TakesDirectly)  # noqa: S101 - see with_links
        self._takes, self.wants_md5 = store, store.wants_md5

    def direct(self, key: str, original: Original, valid_s: int) -> DirectUpload:
        return _LinkedUpload(self._takes.direct(key, original, valid_s), self._linked)


class _LinkedUpload:
    def __init__(self, upload: DirectUpload, linked: Callable[[Stored], Stored]) -> None:
        self._upload, self._linked = upload, linked

    @property
    def requests(self) -> Sequence[SignedRequest]:
        return self._upload.requests

    def complete(self, tags: Sequence[str]) -> Stored:
        return self._linked(self._upload.complete(tags))

    def abandon(self) -> None:
        self._upload.abandon()
