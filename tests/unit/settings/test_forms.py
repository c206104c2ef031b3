"""forms.py: decisions that depend on several settings of a capture."""

from __future__ import annotations

import pytest

from debugcapture.settings.declare import read
from debugcapture.settings.forms import CaptureStep
from debugcapture.settings.target import Sampling


def capture_step(**settings: str) -> CaptureStep:
    return read(CaptureStep, settings)


def test_a_sample_has_the_sizes_of_the_settings() -> None:
    assert capture_step(sample_above="7", per_workload="2").sampling == Sampling(7, 2)


def test_no_sample_is_taken_if_sample_is_off() -> None:
    assert capture_step(sample="false", sample_above="1").sampling is None


@pytest.mark.parametrize(
    ("settings", "by_incident"),
    [
        ({"incident_id": "Q1ABCDEF"}, True),
        ({"incident_id": "Q1ABCDEF", "pod": "web-1"}, False),
        ({"incident_id": "Q1ABCDEF", "workload": "web"}, False),
        ({"incident_id": "Q1ABCDEF", "selector": "app=web"}, False),
        ({}, False),
    ],
)
def test_the_incident_decides_only_if_the_job_names_no_target(settings: dict[str, str], by_incident: bool) -> None:
    assert capture_step(**settings).by_incident is by_incident


def test_a_capture_by_incident_joins_another_within_the_deduplication_window() -> None:
    assert capture_step(incident_id="Q1ABCDEF").joins
    assert not capture_step(incident_id="Q1ABCDEF", dedup_window_s="0").joins
    assert not capture_step(incident_id="Q1ABCDEF", pod="web-1").joins
