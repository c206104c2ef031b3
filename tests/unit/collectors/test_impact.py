"""impact.py: what a dump would cost its target, and how often one may be taken."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from debugcapture.collectors.impact import Budget, disk_limit_bytes, probe_budget_s, too_heavy, too_soon
from debugcapture.model import Json, Process, Tool, User
from tests.unit.builders import collector, container

NOON = datetime(2026, 1, 2, 12, tzinfo=timezone.utc)
DUMP = collector(invasive="heavy", in_image=(), from_debug=(Tool(("jattach", "{pid}"), output="/tmp/{id}"),))
GIB = [Process(1, User(1, 1), "java", 1 << 30, ())]


@pytest.mark.parametrize(
    ("budget", "why"),
    [
        (Budget(), ""),
        (Budget(probe_s=60, disk_bytes=2 << 30), ""),
        (
            Budget(probe_s=10),
            "1,024 MiB of memory would stop the process for about 12 s, but the liveness probe restarts the",
        ),
        (Budget(disk_bytes=500 << 20), "does not fit into the 500 MiB of disk"),
    ],
    ids=["no limits", "enough", "probe", "disk"],
)
def test_dump_is_weighed_against_what_the_target_can_bear(budget: Budget, why: str) -> None:
    told = too_heavy(DUMP, GIB, budget)
    assert (why in told) if why else told == ""


def test_what_is_not_heavy_is_not_weighed() -> None:
    assert too_heavy(collector(), GIB, Budget(probe_s=0, disk_bytes=0)) == ""


@pytest.mark.parametrize(
    ("probe", "seconds"),
    [
        (None, None),
        ({}, None),
        ({"periodSeconds": 10, "failureThreshold": 3, "timeoutSeconds": 5}, 25.0),
        ({"httpGet": {}}, 21.0),
    ],
)
def test_liveness_probe_gives_the_time_that_a_pause_may_take(probe: Json | None, seconds: float | None) -> None:
    assert probe_budget_s(container(livenessProbe=probe)) == seconds


def test_container_without_limits_has_none() -> None:
    assert disk_limit_bytes(container()) is None


def ago(*seconds: int) -> list[datetime]:
    return [NOON - timedelta(seconds=one) for one in seconds]


@pytest.mark.parametrize(
    ("dumped", "why"),
    [
        ([], ""),
        (ago(700), ""),
        (ago(90_000, 599), "heavy collectors ran on its workload 599 s ago; the cooldown is 600 s"),
        (ago(3600, 7200, 10_800), "heavy collectors ran on its workload 3 times in the last 24 hours; the limit is 3"),
        (ago(3600, 7200, 90_000), ""),
    ],
    ids=["never", "long ago", "just now", "too often", "not today"],
)
def test_flapping_alert_does_not_dump_all_night(dumped: list[datetime], why: str) -> None:
    assert too_soon(dumped, NOON, 600, 3) == why
