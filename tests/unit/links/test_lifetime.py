"""lifetime.py: links that end with temporary credentials are reported."""

from __future__ import annotations

from datetime import timedelta

from debugcapture.links.lifetime import short_life
from debugcapture.settings.store import StoreSettings
from tests.unit.builders import NOON, store_settings

WEEK = StoreSettings()


def test_links_with_the_requested_lifetime_are_not_reported() -> None:
    assert short_life(NOON + timedelta(days=7), WEEK, NOON) is None
    assert short_life(NOON + timedelta(days=7), WEEK, NOON + timedelta(minutes=4)) is None
    assert short_life(NOON + timedelta(minutes=10), store_settings(link_valid_s=600), NOON) is None
    assert short_life(None, WEEK, NOON) is None


def test_links_that_end_with_the_credentials_of_a_role_are_reported() -> None:
    problem = short_life(NOON + timedelta(hours=1), WEEK, NOON)
    assert problem
    assert str(problem).startswith(
        "links open only until 2026-01-02 13:00 UTC, because the credentials that sign them expire then. For a "
    )
    assert "set link to server" in problem.remedy


def test_session_token_ends_at_an_unknown_time() -> None:
    settings = store_settings(s3_session_token="t")
    problem = short_life(NOON + timedelta(days=7), settings, NOON)
    assert problem
    assert "it does not show when" in problem.reason
    assert short_life(None, settings, NOON) is None
