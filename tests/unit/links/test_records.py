"""records.py: which links a spool knows, and when they expire."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from debugcapture.errors import BadInput
from debugcapture.links.records import FOLDER, LinkRecord, LinkRecords
from debugcapture.manifest import Receipt, Stored
from tests.unit.builders import CAPTURE_ID, NOON

ACCOUNT = "https://api.example"
LATER = NOON + timedelta(days=7)


def receipt(*, expires: bool = True) -> Receipt:
    return Receipt("s3://b", (Stored("k/index.html", "", "https://x", LATER if expires else None, 1, ""),))


def test_a_capture_is_due_before_its_links_expire(tmp_path: Path) -> None:
    records = LinkRecords(tmp_path)
    records.add(CAPTURE_ID, receipt(), f"{ACCOUNT}/", ["Q1"])
    assert records.find(CAPTURE_ID) == LinkRecord(CAPTURE_ID, "s3://b", LATER, ACCOUNT, ("Q1",))
    assert records.due(LATER) == []
    assert records.due(LATER + timedelta(seconds=1)) == [CAPTURE_ID]


def test_incidents_are_added_to_those_that_are_known(tmp_path: Path) -> None:
    records = LinkRecords(tmp_path)
    for incidents in (["Q1"], ["Q2", "Q1"]):
        records.add(CAPTURE_ID, receipt(), ACCOUNT, incidents)
    record = records.find(CAPTURE_ID)
    assert record
    assert record.incidents == ("Q1", "Q2")


def test_links_that_do_not_expire_are_not_recorded(tmp_path: Path) -> None:
    records = LinkRecords(tmp_path)
    records.add(CAPTURE_ID, receipt(expires=False), ACCOUNT, ["Q1"])
    assert records.find(CAPTURE_ID) is None
    assert records.due(LATER + timedelta(days=999)) == []


def test_a_renewed_capture_is_due_later_and_one_without_an_end_never(tmp_path: Path) -> None:
    records = LinkRecords(tmp_path)
    records.add(CAPTURE_ID, receipt(), ACCOUNT, ["Q1"])
    records.renew(CAPTURE_ID, LATER + timedelta(days=7))
    assert records.due(LATER + timedelta(days=7)) == []
    assert records.due(LATER + timedelta(days=8)) == [CAPTURE_ID]
    records.renew(CAPTURE_ID, None)
    assert records.find(CAPTURE_ID) is None


def test_the_renewal_of_an_unrecorded_capture_records_nothing(tmp_path: Path) -> None:
    records = LinkRecords(tmp_path)
    records.renew(CAPTURE_ID, LATER)
    assert records.find(CAPTURE_ID) is None


def test_a_damaged_record_is_due_and_reported(tmp_path: Path) -> None:
    records = LinkRecords(tmp_path)
    records.add(CAPTURE_ID, receipt(), ACCOUNT, ["Q1"])
    (tmp_path / FOLDER / f"{CAPTURE_ID}.json").write_text("{")
    assert records.due(NOON) == [CAPTURE_ID]
    with pytest.raises(BadInput, match=f"cannot read .*{CAPTURE_ID}.json"):
        records.find(CAPTURE_ID)
