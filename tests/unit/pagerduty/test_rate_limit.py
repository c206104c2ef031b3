"""rate_limit.py: however many processes ask, no minute has more requests than PagerDuty allows."""

from __future__ import annotations

from pathlib import Path

import pytest

from debugcapture.pagerduty.rate_limit import SharedRateLimit
from tests.unit.clock import Clock


def test_no_minute_has_more_than_960_requests_of_several_processes(tmp_path: Path) -> None:
    clock, sent = Clock(1_000_000.0), list[float]()
    processes = [SharedRateLimit(tmp_path / "notes" / "pace", clock.sleep, clock) for _ in range(3)]
    for number in range(3000):
        processes[number % 3]()
        sent.append(clock.now)
    assert round(sent[59] - sent[0], 3) == 0, "the first ones do not wait"
    most = max(sum(start <= time_s < start + 60 for time_s in sent) for start in sent[::50])
    assert 900 <= most <= 960


@pytest.mark.parametrize("content", [b"", b"x", b"nan", b"inf", b"99999999999999999999", b"\xff" * 200])
def test_a_damaged_file_delays_nothing(content: bytes, tmp_path: Path) -> None:
    clock = Clock(1_000_000.0)
    (tmp_path / "pace").write_bytes(content)
    SharedRateLimit(tmp_path / "pace", clock.sleep, clock)()
    assert clock.now == 1_000_000.0


def test_without_a_spool_there_is_no_wait(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    SharedRateLimit(tmp_path / "file" / "pace")()
