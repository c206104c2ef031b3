"""Upload the artifacts of a bundle: several in parallel, and finished ones while others are still being captured.

Each upload that the store confirms is recorded in the bundle at once, so that no later process repeats it.
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
from ..manifest import Artifact, Receipt, Stored
from ..model import Report
from ..settings.store import StoreSettings
from ..stores.base import FollowsFiles, GrowingUpload, Store
from ..stores.registry import open_store
from ..text import size

CONCURRENCY = 3
_REPORT_INTERVAL_S = 10
# A link that expires sooner is replaced by a new one.
_MIN_LINK_VALIDITY = timedelta(hours=1)


class _Stopped(Exception):  # noqa: N818 - see errors.py
    """The step is stopping."""


class Uploader:
    """Uploads the artifacts of one bundle to one store."""

    def __init__(self, bundle: Bundle, store: Store, url: str, report: Report) -> None:
        """Upload to ``store`` at ``url``. ``report`` gets lines about the progress of artifacts that take long."""
        self._bundle, self._store = bundle, store
        self._url, self._report = url, report
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._drain = threading.Event()
        self._growing = list[GrowingUpload]()
        earlier = bundle.sent()
        is_same_store = earlier and earlier.store == url
        self._confirmed = {stored.file_key: stored for stored in earlier.stored} if earlier and is_same_store else {}

    def upload_all(self, artifacts: Sequence[Artifact], folder: str) -> list[Stored]:
        """Upload ``artifacts`` below the key ``folder``. Return the results in order. Raises NotStored or OSError."""
        with ThreadPoolExecutor(CONCURRENCY, thread_name_prefix="send") as pool:
            try:
                return list(pool.map(lambda artifact: self.upload(artifact, folder), artifacts))
            except BaseException:
                self.stop()  # also stops the uploads that are still running
                raise

    def upload(self, artifact: Artifact, folder: str) -> Stored:
        """Upload ``artifact`` unless the store has it. Raises NotStored or OSError."""
        if artifact.direct:
            return artifact.direct
        key, file = f"{folder}/{artifact.file}", self._bundle.folder / artifact.file
        confirmed = self._confirmed.get(key)
        if confirmed and _is_current(confirmed, artifact):
            return confirmed
        started = time.monotonic()
        stored = self._store.put(key, file, artifact.sha256, self._progress_callback(artifact))
        with self._lock:
            self._confirmed[key] = stored
            with suppress(OSError):  # on a full disk, the next process asks the store again
                self._bundle.save_sent(Receipt(self._url, tuple(self._confirmed.values())))
        if time.monotonic() - started >= _REPORT_INTERVAL_S:
            self._report(f"stored {artifact.file}, {size(artifact.bytes)}{_duration(started)}")
        return stored

    def follow(self, file: Path, growing: Path, folder: str) -> GrowingUpload | None:
        """Start to upload ``file`` of the bundle while it is still written as ``growing``.

        Return None if the store cannot upload growing files.
        """
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

    def stop(self) -> None:
        """Make all running uploads give up at their next step."""
        self._stop.set()

    def drain(self) -> None:
        """Make uploads give up that make no progress. Others may finish."""
        self._drain.set()

    def _check_stopped(self, sent_bytes: int) -> None:
        if self._stop.is_set() or (self._drain.is_set() and not sent_bytes):
            raise _Stopped

    def _progress_callback(self, artifact: Artifact) -> Callable[[int], None]:
        """Return a function that a store calls with the number of bytes it has sent since the last call."""
        started = reported = time.monotonic()
        total_bytes, lock = 0, threading.Lock()

        def progress(sent_bytes: int) -> None:
            nonlocal total_bytes, reported
            self._check_stopped(sent_bytes)
            with lock:
                total_bytes += sent_bytes
                is_due = time.monotonic() - reported >= _REPORT_INTERVAL_S
                if is_due and total_bytes < artifact.bytes:
                    reported = time.monotonic()
                    amount = f"{size(total_bytes)} of {size(artifact.bytes)}"
                    self._report(f"sending {artifact.file}: {amount}{_duration(started)}")

        return progress


def _ignore_artifact(_artifact: Artifact) -> None:
    """Upload nothing: there is no store."""


def _ignore_file(_file: Path, _growing: Path) -> None:
    """Follow no file: there is no store."""


@dataclass(frozen=True, slots=True)
class BackgroundUpload:
    """Uploads artifacts while others are still being captured.

    ``send`` takes a finished artifact. ``follow`` takes the path of an artifact that is still being written, and the
    path under which it grows.
    """

    send: Callable[[Artifact], None] = _ignore_artifact
    follow: Callable[[Path, Path], Follower | None] = _ignore_file


@contextmanager
def background_upload(
    bundle: Bundle, settings: StoreSettings, folder: str, report: Report
) -> Iterator[BackgroundUpload]:
    """Yield an upload to the key ``folder`` in the background: finished artifacts one by one, large ones in parts.

    It stops at the first failure and at the end of the context. `publish_bundle` uploads the rest. If ``settings`` name
    no store, nothing is uploaded.
    """
    if not settings.store:
        yield BackgroundUpload()
        return
    uploader = Uploader(bundle, open_store(settings), settings.store, report)
    queue = _UploadQueue(uploader, folder, report)
    with queue.pool:
        try:
            yield BackgroundUpload(queue.add, queue.follow)
        except BaseException:
            uploader.stop()
            raise
        finally:
            # The capture does not wait for an upload without progress. `publish_bundle` repeats it.
            uploader.drain()
            queue.cancel()
    uploader.close()
    queue.raise_failures()


class _UploadQueue:
    """The finished artifacts of a capture, which one thread uploads in their order."""

    def __init__(self, uploader: Uploader, folder: str, report: Report) -> None:
        self.pool = ThreadPoolExecutor(1, thread_name_prefix="ahead")
        self._uploader, self._folder, self._report = uploader, folder, report
        self._uploads: list[Future[None]] = []

    def add(self, artifact: Artifact) -> None:
        if artifact.file:
            self._uploads.append(self.pool.submit(self._upload, artifact))

    def follow(self, file: Path, growing: Path) -> Follower | None:
        return self._uploader.follow(file, growing, self._folder)

    def cancel(self) -> None:
        """Drop the uploads that have not started."""
        for upload in self._uploads:
            upload.cancel()

    def raise_failures(self) -> None:
        """Raise what an upload raised, except for failures of the store, which are reported when they occur."""
        for upload in self._uploads:
            if not upload.cancelled() and not isinstance(upload.exception(), _Stopped):
                upload.result()

    def _upload(self, artifact: Artifact) -> None:
        try:
            self._uploader.upload(artifact, self._folder)
        except (NotStored, OSError) as error:
            self._uploader.stop()
            self._report(f"{error} It is uploaded again at the end of the capture.")


def _is_current(stored: Stored, artifact: Artifact) -> bool:
    """Return whether ``stored`` has the content of ``artifact`` and its link remains valid for a while."""
    has_content = (stored.plain_sha256 or stored.sha256) == artifact.sha256
    return has_content and (not stored.expires or stored.expires - datetime.now(timezone.utc) > _MIN_LINK_VALIDITY)


def _duration(started: float) -> str:
    duration_s = time.monotonic() - started
    return f" in {duration_s:.0f} s" if duration_s >= 1 else ""
