"""Renew the links of captures, and edit the notes that contain them."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from ..errors import CaptureError, CaptureGone, NotStored, Unreachable
from ..links.records import LinkRecords
from ..links.renew_page import renew_page
from ..links.sign import SignedCapture, sign_links
from ..manifest import Receipt
from ..model import Report
from ..pagerduty.api import PagerDuty
from ..pagerduty.note_text import marker, renewed_note
from ..settings.declare import CAPTURE_ID
from ..stores.base import ReadableStore

_MARKER: Final = re.compile(re.escape(marker("@")).replace("@", f"({CAPTURE_ID})"))


@dataclass(frozen=True, slots=True)
class Place:
    """Where captures and their notes are."""

    store: ReadableStore
    url: str
    """The URL of the store."""
    account: PagerDuty
    records: LinkRecords


@dataclass(slots=True)
class Renewal:
    """What was renewed."""

    renewed: list[str] = field(default_factory=list)
    """IDs of captures."""
    missing: list[str] = field(default_factory=list)
    """IDs of captures that the store no longer contains."""
    failures: list[CaptureError] = field(default_factory=list)

    @property
    def summary(self) -> str:
        """Return one line with the numbers."""
        line = f"links renewed for {len(self.renewed)} captures, {len(self.missing)} no longer in the store"
        return f"{line}, {len(self.failures)} failed"


def captures_of(account: PagerDuty, incident: str) -> list[str]:
    """Return the IDs of the captures that notes of ``incident`` are about, each once. Raises NoteNotSent."""
    texts = account.note_texts(incident)
    return list(dict.fromkeys(capture_id for text in texts for capture_id in _MARKER.findall(text)))


def renew_links(place: Place, captures: Sequence[str], incidents: Iterable[str], report: Report) -> Renewal:
    """Renew the links of ``captures`` (IDs or keys) one by one. A failure does not stop the others.

    The notes of ``incidents`` are edited, and those in which a record of the spool knows the links.
    """
    renewal, named = Renewal(), tuple(incidents)
    for capture in captures:
        capture_id = capture.rpartition("/")[2]
        try:
            ends = _renew(place, capture, named, report)
        except CaptureGone as error:
            report(str(error))
            place.records.remove(capture_id)
            renewal.missing.append(capture_id)
        except CaptureError as error:
            report(str(error))
            renewal.failures.append(error)
        else:
            place.records.renew(capture_id, ends)
            renewal.renewed.append(capture_id)
    return renewal


def _renew(place: Place, capture: str, incidents: Sequence[str], report: Report) -> datetime | None:
    """Renew the links of one capture and return when the new links expire. Raises CaptureError."""
    capture_id = capture.rpartition("/")[2]
    record = place.records.find(capture_id)
    if record and record.store != place.url:
        remedy = "Run the job with the settings of that store."
        raise Unreachable(f"cannot renew the links of {capture_id}", f"it is in {record.store}", remedy)
    signed = _sign(place, capture)
    receipt = signed.receipt
    recorded = record.incidents if record and record.account == place.account.client.url else ()
    for incident in dict.fromkeys((*incidents, *recorded)):
        result = place.account.edit_note(incident, marker(capture_id), _change(receipt))
        report(f"incident {incident}: note {result}" if result else f"incident {incident}: no note about {capture_id}")
    ends = f"{receipt.links_end:%Y-%m-%d %H:%M} UTC" if receipt.links_end else ""
    report(f"{capture_id}: links open until {ends}" if ends else f"{capture_id}: its links do not expire")
    return receipt.links_end


def _sign(place: Place, capture: str) -> SignedCapture:
    """Return ``capture`` with fresh links, after its report page has them. Raises CaptureError."""
    try:
        signed = sign_links(place.store, place.url, capture)
        renew_page(place.store, signed)
    except NotStored as error:
        # The capture is in the store already: the exit code is that of a server that cannot be reached.
        raise Unreachable(error.action, error.reason, error.remedy) from error
    return signed


def _change(receipt: Receipt) -> Callable[[str], str]:
    """Return a function that puts the links of ``receipt`` into a note."""

    def change(text: str) -> str:
        return renewed_note(text, receipt)

    return change
