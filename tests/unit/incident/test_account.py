"""account.py: which settings are enough to read an incident or to write its note."""

from __future__ import annotations

import pytest

from debugcapture.errors import BadInput
from debugcapture.incident.account import check_incident, takes_notes
from debugcapture.settings.incident import IncidentSettings

NO_KEY = IncidentSettings(incident_id="Q1ABCDEF")
EVENTS_ONLY = IncidentSettings(incident_id="Q1ABCDEF", pagerduty_integration_key="k")
COMPLETE = IncidentSettings(incident_id="Q1ABCDEF", pagerduty_token="t")


def test_an_incident_without_a_key_is_reported() -> None:
    with pytest.raises(BadInput, match="cannot add a note to incident Q1ABCDEF: pagerduty_token is missing"):
        check_incident(NO_KEY)


def test_an_integration_key_is_enough_for_events_and_not_for_reading() -> None:
    check_incident(EVENTS_ONLY)
    with pytest.raises(BadInput, match="cannot read incident"):
        check_incident(EVENTS_ONLY, reads=True)


@pytest.mark.parametrize(
    ("settings", "takes"), [(IncidentSettings(), False), (NO_KEY, False), (EVENTS_ONLY, False), (COMPLETE, True)]
)
def test_a_note_needs_an_incident_and_a_token(settings: IncidentSettings, takes: bool) -> None:
    assert takes_notes(settings) is takes


@pytest.mark.parametrize("settings", [IncidentSettings(), COMPLETE])
def test_complete_settings_and_no_incident_are_valid(settings: IncidentSettings) -> None:
    check_incident(settings, reads=True)
