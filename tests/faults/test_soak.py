"""Captures with random faults, in one process: no resource grows or remains."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from tests.faults.soak import SoakLength, soak

# It runs first, because it takes longer than most tests. The full length is several minutes.
pytestmark = pytest.mark.xdist_group("soak")


@pytest.mark.parametrize(
    "length",
    [
        pytest.param(SoakLength(), id="24 captures"),
        pytest.param(SoakLength(10), id="10 minutes", marks=pytest.mark.full),
    ],
)
def test_nothing_leaks(length: SoakLength, tmp_path: Path) -> None:
    seed = secrets.randbelow(10**6)
    print(f"seed {seed}")
    report = soak(length, seed, tmp_path, print)
    assert not report.failures
    assert not report.leftovers
    assert not report.leaks(), report.uses
    assert report.captures >= length.captures
