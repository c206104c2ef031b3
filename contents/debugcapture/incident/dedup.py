"""One capture for many alerts: an incident about what is being captured, or just was, joins that capture.

In the spool, `joins/` tells which capture an incident and a workload have. A bundle's folder `joined/` has a file for
each incident that wants its link, and is locked by the process that captures; `note.txt` is the note about its end,
which every incident gets, whether it came before or after it.
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

FOLDER, JOINED, NOTE = "joins", "joined", "note.txt"
_FORGOTTEN_S = 24 * 60 * 60
Send = Callable[[str, str], None]  # incident, text of its note


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an alert wants captured."""

    incident: str
    incident_key: str  # what tells it from those of other accounts
    workload: str  # with its cluster
    now: datetime


class Joins:
    """Which capture is whose, for all processes with one spool."""

    def __init__(self, spool: Path, within_s: int) -> None:
        """A capture that ended more than ``within_s`` ago is not joined."""
        self._spool, self._folder, self._within_s = spool, spool / FOLDER, within_s

    def current(self, key: str, now: datetime) -> Bundle | None:
        """Return the capture of ``key`` (an incident, or a workload) that runs or has just ended well."""
        try:
            bundle = Bundle(self._spool / self._file(key).read_text(encoding="utf-8"))
        except (FileNotFoundError, UnicodeDecodeError):
            return None
        return bundle if (bundle.folder / MANIFEST).exists() and self._joinable(bundle, now) else None

    def begin(self, wanted: Wanted, make: Callable[[], Bundle], held: ExitStack) -> tuple[Bundle, bool]:
        """Return the bundle to join, or that of ``make`` (with a manifest) and True: it can be joined until ``held``.

        Of two processes that ask at the same time, the second sees what the first has begun.
        """
        with writable(self._spool):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with locked(self._folder):
                self._forget()
                there = self.current(wanted.incident_key, wanted.now) or self.current(wanted.workload, wanted.now)
                bundle = there or make()
                if not there:
                    held.enter_context(_joinable(bundle, wanted.incident))
                    self._assign(wanted.workload, bundle)
                self._assign(wanted.incident_key, bundle)
        return bundle, not there

    def _joinable(self, bundle: Bundle, now: datetime) -> bool:
        if is_locked(bundle.folder / JOINED):
            return True
        try:
            manifest = bundle.manifest()
        except BadInput:
            return False  # it is torn
        if manifest.finished is None or manifest.status == "failed":
            return False  # it was killed, or got nothing: worth another try
        return (now - manifest.finished).total_seconds() < self._within_s

    def _assign(self, key: str, bundle: Bundle) -> None:
        file = self._file(key)
        replace_text(file, bundle.folder.name, own_part(file))

    def _file(self, key: str) -> Path:
        return self._folder / hashlib.sha256(key.encode()).hexdigest()[:32]

    def _forget(self) -> None:
        for file in self._folder.iterdir():
            if time.time() - file.stat().st_mtime > _FORGOTTEN_S:
                file.unlink()


@contextmanager
def _joinable(bundle: Bundle, incident: str) -> Iterator[None]:
    """Hold ``bundle`` as one that is captured, stored and told for ``incident``; the hold goes with the process."""
    folder = bundle.folder / JOINED
    folder.mkdir(mode=0o700, exist_ok=True)
    with locked(folder):
        (folder / incident).touch(mode=0o600)
        yield


def join(bundle: Bundle, incident: str, text: str, send: Send) -> bool:
    """Have ``incident`` told of the end of ``bundle``; now it gets ``text``, or the end where that has come.

    False when it has joined already: its event was delivered twice.
    """
    entry = bundle.folder / JOINED / incident
    with writable(bundle.folder):
        try:
            entry.touch(mode=0o600, exist_ok=False)
        except FileExistsError:
            return False
    with locked(entry):  # no two write the note of an incident at once, an older form over a newer one
        send(incident, _ended(bundle) or text)
    return True


def tell(bundle: Bundle, text: str, send: Send) -> None:
    """Tell the end of ``bundle``, ``text``, to all who joined; those who join later will find it."""
    folder = bundle.folder / JOINED
    if not folder.is_dir():
        return
    with suppress(OSError):  # a full disk: those who have joined have to hear of just that
        note = bundle.folder / NOTE
        replace_text(note, text, own_part(note))  # before the list is read: who is not in the list finds it
    for entry in sorted(folder.iterdir()):
        with locked(entry):
            send(entry.name, text)


def untold(spool: Path) -> list[Bundle]:
    """Return the bundles whose process ended before it could tell the incidents that joined."""
    left = [Bundle(folder.parent) for folder in spool.glob(f"*/{JOINED}") if any(folder.iterdir())]
    return [one for one in left if not _ended(one) and not is_locked(one.folder / JOINED)]


def _ended(bundle: Bundle) -> str:
    try:
        return (bundle.folder / NOTE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""
