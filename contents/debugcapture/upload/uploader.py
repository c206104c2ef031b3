"""Send the artifacts of a bundle: a few side by side, and those that are finished while others are still captured.

What the store has confirmed is written down in the bundle at once, and not sent again, whichever process comes next.
"""

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

from ..bundle.artifact import Follower
from ..bundle.bundle import Bundle
from ..errors import NotStored
from ..model import Artifact, Receipt, Stored
from ..settings.store import StoreSettings
from ..stores.base import FollowsFiles, GrowingUpload, Store
from ..stores.registry import open_store
from ..text import size

AT_A_TIME = 3
_SAID_EVERY_S = 10
_LINK_LEFT = timedelta(hours=1)  # a link that ends sooner is made anew
Say = Callable[[str], None]


class _Stopped(Exception):  # noqa: N818 - see errors.py
    """The step is being ended."""


class Sending:
    """The way of one bundle's artifacts to one store."""

    def __init__(self, bundle: Bundle, store: Store, url: str, say: Say) -> None:
        """Send to ``store`` at ``url``; artifacts that take long are reported on their way and at the end."""
        self._bundle, self._store, self._url, self._say = bundle, store, url, say
        self._lock, self._stop, self._hurry = threading.Lock(), threading.Event(), threading.Event()
        self._growing = list[GrowingUpload]()
        before = bundle.sent()
        self._sent = {one.file_key: one for one in before.stored} if before and before.store == url else {}

    def all(self, artifacts: Sequence[Artifact], folder: str) -> list[Stored]:
        """Send ``artifacts`` below ``folder`` and return where they are, in order. Raises NotStored or OSError."""
        with ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="send") as pool:
            try:
                return list(pool.map(lambda artifact: self.one(artifact, folder), artifacts))
            except BaseException:
                self.stop()  # those that are on their way too
                raise

    def one(self, artifact: Artifact, folder: str) -> Stored:
        """Send ``artifact`` unless the store has it. Raises NotStored or OSError."""
        if artifact.direct:
            return artifact.direct
        key, file = f"{folder}/{artifact.file}", self._bundle.folder / artifact.file
        sent = self._sent.get(key)
        if sent and (sent.plain_sha256 or sent.sha256) == artifact.sha256 and _opens(sent):
            return sent
        began = time.monotonic()
        stored = self._store.put(key, file, artifact.sha256, self._progress(artifact))
        with self._lock:
            self._sent[key] = stored
            with suppress(OSError):  # a full disk: then the store is asked once more by who comes next
                self._bundle.save_sent(Receipt(self._url, tuple(self._sent.values())))
        if time.monotonic() - began >= _SAID_EVERY_S:
            self._say(f"stored {artifact.file}, {size(artifact.bytes)}{_took(began)}")
        return stored

    def follow(self, file: Path, growing: Path, folder: str) -> GrowingUpload | None:
        """Begin to send ``file`` of the bundle, called ``growing`` while it is written; None where a store cannot."""
        if not isinstance(self._store, FollowsFiles):
            return None
        key = f"{folder}/{file.relative_to(self._bundle.folder)}"
        upload = self._store.follow(key, growing, self._check_stopped)
        if upload:
            self._growing.append(upload)
        return upload

    def close(self) -> None:
        """Stop the uploads of files that were never finished."""
        for upload in self._growing:
            upload.close()

    def _check_stopped(self, more: int) -> None:
        if self._stop.is_set() or (self._hurry.is_set() and not more):
            raise _Stopped

    def stop(self) -> None:
        """Have what is on its way give up at its next step."""
        self._stop.set()

    def hurry(self) -> None:
        """Have what does not get on give up, too."""
        self._hurry.set()

    def _progress(self, artifact: Artifact) -> Callable[[int], None]:
        began = said = time.monotonic()
        sent, lock = 0, threading.Lock()

        def progress(more: int) -> None:
            nonlocal sent, said
            self._check_stopped(more)
            with lock:
                sent += more
                if sent < artifact.bytes and time.monotonic() - said >= _SAID_EVERY_S:
                    said = time.monotonic()
                    self._say(f"sending {artifact.file}: {size(sent)} of {size(artifact.bytes)}{_took(began)}")

        return progress


@dataclass(frozen=True, slots=True)
class Ahead:
    """What is sent while others are still captured."""

    send: Callable[[Artifact], None] = lambda _artifact: None  # an artifact that is finished
    follow: Callable[[Path, Path], Follower | None] = lambda _file, _growing: None  # one that is still being written


@contextmanager
def sending_ahead(bundle: Bundle, settings: StoreSettings, folder: str, say: Say) -> Iterator[Ahead]:
    """Yield what sends artifacts below ``folder`` in the background: finished ones one at a time, large ones in parts.

    It stops at the first failure and at the end of the context; `keep` sends what is left. Nothing is done when
    ``settings`` name no store.
    """
    if not settings.store:
        yield Ahead()
        return
    sending = Sending(bundle, open_store(settings), settings.store, say)
    running: list[Future[None]] = []

    def send(artifact: Artifact) -> None:
        try:
            sending.one(artifact, folder)
        except (NotStored, OSError) as error:
            sending.stop()
            say(f"{error} It is uploaded again at the end of the capture.")

    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as pool:
        try:
            yield Ahead(
                lambda artifact: running.append(pool.submit(send, artifact)) if artifact.file else None,
                lambda file, growing: sending.follow(file, growing, folder),
            )
        except BaseException:
            sending.stop()
            raise
        finally:
            sending.hurry()  # the ordinary upload has the same trouble, and reports it
            for one in running:
                one.cancel()
    sending.close()
    for one in running:
        if not one.cancelled() and not isinstance(one.exception(), _Stopped):
            one.result()


def _opens(stored: Stored) -> bool:
    return not stored.expires or stored.expires - datetime.now(timezone.utc) > _LINK_LEFT


def _took(began: float) -> str:
    took_s = time.monotonic() - began
    return f" in {took_s:.0f} s" if took_s >= 1 else ""
