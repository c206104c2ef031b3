"""lifecycle.py: which rule of a bucket deletes a capture."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from debugcapture.stores.s3.lifecycle import days_until_deletion

NOW = datetime(2026, 1, 2, tzinfo=timezone.utc)
TAG = {"Key": "team", "Value": "shop"}


def rule(days: int = 30, **fields: Any) -> dict[str, Any]:
    return {"Status": "Enabled", "Filter": {"Prefix": "debug/"}, "Expiration": {"Days": days}, **fields}


@pytest.mark.parametrize(
    ("rules", "days"),
    [
        ([], None),
        ([rule()], 30),
        ([rule(Filter={})], 30),
        ([rule(Filter={"Prefix": ""})], 30),
        ([rule(), rule(7), rule(90)], 7),
        ([{"Status": "Enabled", "Prefix": "debug/", "Expiration": {"Days": 5}}], 5),
        ([rule(Status="Disabled")], None),
        ([rule(Filter={"Prefix": "debug/shop/"})], None),
        ([rule(Filter={"Prefix": "other/"})], None),
        ([rule(Filter={"Tag": TAG})], 30),
        ([rule(Filter={"Tag": {"Key": "team", "Value": "other"}})], None),
        ([rule(Filter={"And": {"Prefix": "debug/", "Tags": [TAG]}})], 30),
        ([rule(Filter={"And": {"Prefix": "debug/", "ObjectSizeGreaterThan": 1 << 20}})], None),
        ([rule(Filter={"ObjectSizeLessThan": 1 << 20})], None),
        ([rule(Expiration={"Date": NOW + timedelta(days=9)})], 9),
        ([rule(Expiration={"Date": NOW - timedelta(days=9)})], 0),
        ([rule(Expiration={"ExpiredObjectDeleteMarker": True})], None),
        ([{"Status": "Enabled", "Filter": {}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}}], None),
    ],
)
def test_the_first_rule_for_all_objects_counts(rules: list[dict[str, Any]], days: int | None) -> None:
    assert days_until_deletion(rules, "debug/", {"team": "shop"}, NOW) == days
