"""Captures with random faults, in one process: no resource grows or remains."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from tests.faults.soak import Length, soak

# It runs first, because it takes longer than most tests. The full length is several minutes.
pytestmark = pytest.mark.xdist_group("soak")


@pytest.mark.parametrize(
    "length",
    [pytest.param(Length(), id="24 captures"), pytest.param(Length(10), id="10 minutes", marks=pytest.mark.full)],
)
def test_nothing_leaks(length: Length, tmp_path: Path) -> None:
    seed = secrets.randbelow(10**6)
    print(f"seed {seed}")
    day = soak(length, seed, tmp_path, print)
    assert not day.wrong
    assert not day.left
    assert not day.leaks(), day.uses
    assert day.captures >= length.captures
