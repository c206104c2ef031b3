"""One capture for many alerts: an incident about a workload attaches to a capture that runs or has just ended.

In the spool, `joins/` records the capture of each incident and workload. In a bundle, the folder `joined/` has a file
for each attached incident, and the capturing process holds its lock. `note.txt` is the final note of the capture. Every
attached incident gets it, whether it attached before or after the end.
"""

import hashlib
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ..bundle.bundle import MANIFEST, Bundle, writable
from ..errors import BadInput
from ..files import is_locked, locked, own_part, replace_text

FOLDER = "joins"
ATTACHED = "joined"
FINAL_NOTE = "note.txt"
_INDEX_AGE_S = 24 * 60 * 60
# Sends a note: the ID of the incident, and the text.
SendNote = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class CaptureRequest:
    """A capture that an alert asks for.

    ``incident_key`` is unique over all PagerDuty accounts, ``workload`` over all clusters.
    """

    incident: str
    incident_key: str
    workload: str
    time: datetime


class CaptureIndex:
    """The captures of incidents and workloads, shared by all processes with one spool."""

    def __init__(self, spool: Path, window_s: int) -> None:
        """Open the index. Incidents attach to captures that ended at most ``window_s`` seconds ago."""
        self._spool = spool
        self._folder = spool / FOLDER
        self._window_s = window_s

    def find(self, key: str, time: datetime) -> Bundle | None:
        """Return the capture of ``key`` (an incident or a workload), if it runs or has ended well within the window."""
        try:
            bundle = Bundle(self._spool / self._file(key).read_text(encoding="utf-8"))
        except (FileNotFoundError, UnicodeDecodeError):
            return None
        return bundle if (bundle.folder / MANIFEST).exists() and self._is_joinable(bundle, time) else None

    def find_or_create(
        self, request: CaptureRequest, create: Callable[[], Bundle], running: ExitStack
    ) -> tuple[Bundle, bool]:
        """Return a bundle, and whether it is new.

        An existing bundle is one to attach to. A new one comes from ``create``, which also writes its manifest. Other
        incidents can attach to it until ``running`` closes.
        """
        with writable(self._spool):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # The lock covers both the search and the creation. If two processes arrive at the same time, the second
            # finds the capture of the first.
            with locked(self._folder):
                self._remove_old_entries()
                existing = self.find(request.incident_key, request.time) or self.find(request.workload, request.time)
                bundle = existing or create()
                if not existing:
                    running.enter_context(_open_to_incidents(bundle, request.incident))
                    self._assign(request.workload, bundle)
                self._assign(request.incident_key, bundle)
        return bundle, not existing

    def _is_joinable(self, bundle: Bundle, time: datetime) -> bool:
        if is_locked(bundle.folder / ATTACHED):
            return True
        try:
            manifest = bundle.manifest()
        except BadInput:
            return False  # the manifest is damaged
        # A capture that was killed or captured nothing is worth another attempt.
        if manifest.finished is None or manifest.status == "failed":
            return False
        return (time - manifest.finished).total_seconds() < self._window_s

    def _assign(self, key: str, bundle: Bundle) -> None:
        file = self._file(key)
        replace_text(file, bundle.folder.name, own_part(file))

    def _file(self, key: str) -> Path:
        return self._folder / hashlib.sha256(key.encode()).hexdigest()[:32]

    def _remove_old_entries(self) -> None:
        for file in self._folder.iterdir():
            if time.time() - file.stat().st_mtime > _INDEX_AGE_S:
                file.unlink()


@contextmanager
def _open_to_incidents(bundle: Bundle, incident: str) -> Iterator[None]:
    """Hold the lock that shows that this process captures ``bundle`` for ``incident``. It ends with the process."""
    folder = bundle.folder / ATTACHED
    folder.mkdir(mode=0o700, exist_ok=True)
    with locked(folder):
        (folder / incident).touch(mode=0o600)
        yield


def attach_incident(bundle: Bundle, incident: str, text: str, send: SendNote) -> bool:
    """Attach ``incident`` to ``bundle`` and send it ``text``, or the final note if the capture has ended.

    Return False if the incident was attached before: PagerDuty delivered its event twice.
    """
    entry = bundle.folder / ATTACHED / incident
    with writable(bundle.folder):
        try:
            entry.touch(mode=0o600, exist_ok=False)
        except FileExistsError:
            return False
    # `notify_attached` takes the same lock, so that this note never replaces its newer text.
    with locked(entry):
        send(incident, _final_note(bundle) or text)
    return True


def notify_attached(bundle: Bundle, text: str, send: SendNote) -> None:
    """Send the final note ``text`` to all attached incidents, and save it for those that attach later."""
    folder = bundle.folder / ATTACHED
    if not folder.is_dir():
        return
    with suppress(OSError):  # the disk may be full, which is what the incidents have to hear about
        note = bundle.folder / FINAL_NOTE
        # Save the note before listing the incidents: one that attaches after the listing finds the note.
        replace_text(note, text, own_part(note))
    for entry in sorted(folder.iterdir()):
        with locked(entry):
            send(entry.name, text)


def attached_incidents(bundle: Bundle) -> list[str]:
    """Return the IDs of the incidents that are attached to ``bundle``."""
    folder = bundle.folder / ATTACHED
    return sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []


def find_interrupted(spool: Path) -> list[Bundle]:
    """Return the bundles whose process ended before it notified the attached incidents."""
    bundles = [Bundle(folder.parent) for folder in spool.glob(f"*/{ATTACHED}") if any(folder.iterdir())]
    return [bundle for bundle in bundles if not _final_note(bundle) and not is_locked(bundle.folder / ATTACHED)]


def _final_note(bundle: Bundle) -> str:
    try:
        return (bundle.folder / FINAL_NOTE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
