"""The links that notes contain: a file per capture in the spool, so that they can be renewed before they expire."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Final

from ..bundle.serialize import value_from
from ..errors import BadInput
from ..files import locked, own_part, replace_text
from ..manifest import Receipt

FOLDER: Final = ".links"


@dataclass(frozen=True, slots=True)
class LinkRecord:
    """The links of one capture, and the notes that contain them."""

    capture_id: str
    store: str
    """The URL of the store."""
    ends: datetime
    """When the first link expires."""
    account: str
    """The URL of PagerDuty's API."""
    incidents: tuple[str, ...]


class LinkRecords:
    """The records of one spool. Several processes may use it at the same time."""

    def __init__(self, spool: Path) -> None:
        """Keep records in ``spool``."""
        self._folder = spool / FOLDER

    def add(self, capture_id: str, receipt: Receipt, account: str, incidents: Iterable[str]) -> None:
        """Record that the notes of ``incidents`` contain the links of ``receipt``, unless they do not expire.

        Raises OSError if the spool cannot be written.
        """
        if receipt.links_end is None:
            return
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(self._folder):
            earlier = self.find(capture_id)
            names = dict.fromkeys((*(earlier.incidents if earlier else ()), *incidents))
            self._save(LinkRecord(capture_id, receipt.store, receipt.links_end, account.rstrip("/"), tuple(names)))

    def find(self, capture_id: str) -> LinkRecord | None:
        """Return the record of a capture, or None. Raises BadInput if it is damaged."""
        return _read(self._folder / f"{capture_id}.json")

    def due(self, before: datetime) -> list[str]:
        """Return the IDs of the captures whose links expire ``before``, the oldest capture first.

        Damaged records are due too, so that the caller reports them.
        """
        return [file.stem for file in sorted(self._folder.glob("*.json")) if _ends(file) < before]

    def renew(self, capture_id: str, ends: datetime | None) -> None:
        """Record when the new links of a capture expire. Without an end, there is nothing left to renew."""
        if self.find(capture_id) is None:
            return
        with locked(self._folder):
            record = self.find(capture_id)
            if record and ends:
                self._save(replace(record, ends=ends))
            elif record:
                self.remove(capture_id)

    def remove(self, capture_id: str) -> None:
        """Remove the record of a capture."""
        (self._folder / f"{capture_id}.json").unlink(missing_ok=True)

    def _save(self, record: LinkRecord) -> None:
        file = self._folder / f"{record.capture_id}.json"
        fields = {name: getattr(record, name) for name in ("capture_id", "store", "account", "incidents")}
        replace_text(file, json.dumps({**fields, "ends": record.ends.isoformat()}), own_part(file))


def _read(file: Path) -> LinkRecord | None:
    try:
        return value_from(LinkRecord, json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        raise BadInput(f"cannot read {file}", str(error), "Delete it, and renew the links of its incident.") from error


def _ends(file: Path) -> datetime:
    try:
        record = _read(file)
    except BadInput:
        record = None
    return record.ends if record else datetime.min.replace(tzinfo=timezone.utc)
