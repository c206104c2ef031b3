"""incident_target.py: the target of an incident, for later steps."""

from __future__ import annotations

import pytest

from debugcapture.errors import (
    BadInput,
)
from debugcapture.model import Json
from debugcapture.runtime.context import RunContext
from debugcapture.settings.declare import read
from debugcapture.steps.incident_target import IncidentTargetStep, find_target
from tests.unit.steps.support import INCIDENT


def test_the_target_of_the_incident_is_reported_and_passed_on(
    alerted: list[Json], run_context: RunContext, log_lines: list[str]
) -> None:
    step = read(IncidentTargetStep, INCIDENT)
    assert alerted
    assert find_target(step, run_context).data["pod"] == "checkout-7d9f-abcde"
    assert "from an alert of Alertmanager" in log_lines[-1]


@pytest.mark.parametrize("settings", [{}, {"incident_id": "Q1ABCDEF"}])
def test_looking_for_a_target_needs_an_incident_and_a_key(settings: dict[str, str], run_context: RunContext) -> None:
    with pytest.raises(BadInput):
        find_target(read(IncidentTargetStep, settings), run_context)
