"""The outbox: each note is a file in the spool until the incident has it.

If PagerDuty does not accept a note for now, the file stays and the next run sends it. The file contains no key.
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
_RETRY_REMEDY = "The evidence is safe. Run the note step again later."


@dataclass(frozen=True, slots=True)
class Note:
    """A note for an incident. A later note with the same marker replaces it. ``url`` is that of the account's API."""

    url: str
    incident: str
    marker: str
    content: str


class Outbox:
    """The notes of one spool."""

    def __init__(self, spool: Path, account: PagerDuty, report: Callable[[str], None]) -> None:
        """Keep notes in ``spool`` and send them to ``account``. ``report`` gets a line about the result of each."""
        self._folder, self._account, self._report = spool / FOLDER, account, report

    def send(self, note: Note, tries: int = TRIES) -> None:
        """Send ``note``, and then the waiting ones. Raises NoteNotSent; after a temporary failure the note waits."""
        file = self._folder / f"{hashlib.sha256(f'{note.incident} {note.marker}'.encode()).hexdigest()[:32]}.json"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            self._report(f"cannot save the note in {self._folder} ({error}): it is sent once, without retries")
            self._deliver(file, note, tries)
            return
        # Processes that send their own note share the lock. Waiting notes are sent under an exclusive lock, so that no
        # other process sends an older version of a note at the same time.
        with locked(self._folder, shared=True):
            self._save(file, note)
            self._deliver(file, note, tries)
        with locked(self._folder, within_s=0) as is_exclusive:
            if is_exclusive:
                self._send_waiting(note.url)

    def _save(self, file: Path, note: Note) -> None:
        try:
            replace_text(file, json.dumps(asdict(note)), own_part(file))
        except OSError as error:  # the disk may be full, which is what the incident has to hear about
            self._report(f"cannot save the note in {file} ({error}): it is sent once, without retries")

    def _send_waiting(self, url: str) -> None:
        """Send the notes of earlier runs. Stop at the first temporary failure, which does not fail this run."""
        for file in sorted(self._folder.glob("*.json")):
            try:
                note = _read_note(file)
                if note.url == url:
                    self._deliver(file, note, tries=1)
            except NoteNotSent as error:
                self._report(str(error))
                if error.waits:
                    return
            except (OSError, ValueError) as error:
                self._report(f"{file} is not a valid note ({error}): delete it")

    def _deliver(self, file: Path, note: Note, tries: int) -> None:
        try:
            result = self._account.annotate(note.incident, note.marker, note.content, tries)
        except NoteNotSent as error:
            if not error.waits:
                _remove(file)
                raise
            remedy = f"The note is saved in {file}; the next run sends it." if file.exists() else _RETRY_REMEDY
            raise error.advising(f"{error.remedy} {remedy}".lstrip()) from error
        _remove(file)
        self._report(f"incident {note.incident}: note {result}")


def _read_note(file: Path) -> Note:
    """Return the note in ``file``. Raises ValueError if the file contains something else."""
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
