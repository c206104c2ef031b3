"""Notes on their way: each is in a file beside the bundles until the incident has it.

A note that PagerDuty cannot take now stays there, and the next run sends it. The file has no key in it.
"""

import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from ..errors import NoteNotSent
from ..files import locked, own_part, replace_text
from .api import PagerDuty
from .client import TRIES

FOLDER = "notes"
_LATER = "The evidence is safe. Run the note step again later."


@dataclass(frozen=True, slots=True)
class Note:
    """A note for an incident; a later one with the same marker takes its place."""

    url: str  # of the account's API
    incident: str
    marker: str
    content: str


class Outbox:
    """The notes of one spool."""

    def __init__(self, spool: Path, account: PagerDuty, say: Callable[[str], None]) -> None:
        """Keep notes in ``spool``, send them to ``account``, and tell what became of each by ``say``."""
        self._folder, self._account, self._say = spool / FOLDER, account, say

    def send(self, note: Note, tries: int = TRIES) -> None:
        """Send ``note``, and then those that wait. Raises NoteNotSent; a passing trouble leaves the note waiting."""
        file = self._folder / f"{hashlib.sha256(f'{note.incident} {note.marker}'.encode()).hexdigest()[:32]}.json"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            self._say(f"cannot save the note in {self._folder} ({error}): it is sent once, without retries")
            self._deliver(file, note, tries)
            return
        # Who sends a note of its own shares the lock, so that nobody sends an older form of that note meanwhile.
        with locked(self._folder, shared=True):
            self._keep(file, note)
            self._deliver(file, note, tries)
        with locked(self._folder, within_s=0) as alone:
            if alone:
                self._send_waiting(note.url)

    def _keep(self, file: Path, note: Note) -> None:
        try:
            replace_text(file, json.dumps(asdict(note)), own_part(file))
        except OSError as error:  # a full disk is just what the incident has to hear of
            self._say(f"cannot save the note in {file} ({error}): it is sent once, without retries")

    def _send_waiting(self, url: str) -> None:
        """Send the notes of earlier runs; the first that cannot be sent ends it, for it is no part of this run."""
        for file in sorted(self._folder.glob("*.json")):
            try:
                note = _read(file)
                if note.url == url:
                    self._deliver(file, note, tries=1)
            except NoteNotSent as error:
                self._say(str(error))
                if error.waits:
                    return
            except (OSError, ValueError) as error:
                self._say(f"{file} is not a valid note ({error}): delete it")

    def _deliver(self, file: Path, note: Note, tries: int) -> None:
        try:
            done = self._account.annotate(note.incident, note.marker, note.content, tries)
        except NoteNotSent as error:
            if not error.waits:
                _remove(file)
            else:
                kept = f"The note is saved in {file}; the next run sends it." if file.exists() else _LATER
                raise error.advising(f"{error.do} {kept}".lstrip()) from error
            raise
        _remove(file)
        self._say(f"incident {note.incident}: note {done}")


def _read(file: Path) -> Note:
    """Return the note in ``file``. Raises ValueError when it is none."""
    try:
        note = Note(**json.loads(file.read_text(encoding="utf-8")))
    except (TypeError, RecursionError) as error:
        raise ValueError(str(error)) from error
    if not all(isinstance(text, str) for text in asdict(note).values()):
        raise ValueError("its fields are not strings")
    return note


def _remove(file: Path) -> None:
    with suppress(FileNotFoundError, NotADirectoryError):
        file.unlink()
