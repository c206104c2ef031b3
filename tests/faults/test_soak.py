"""Two minutes of captures with random faults, in one process: nothing grows, nothing stays."""

from __future__ import annotations

import secrets
from pathlib import Path

from tests.faults.soak import soak

MINUTES = 2


def test_nothing_leaks(tmp_path: Path) -> None:
    seed = secrets.randbelow(10**6)
    print(f"seed {seed}")
    day = soak(MINUTES, seed, tmp_path, print)
    assert not day.wrong
    assert not day.left
    assert not day.leaks(), day.uses
    assert day.captures > 12
