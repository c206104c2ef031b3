"""The search for canaries finds one, wherever a step may have written it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.secrecy import canary, left_by_steps
from tests.unit.builders import written


@pytest.mark.parametrize("file", ["spool/2026/manifest.json", "spool/2026/index.html", "spool/notes/a.json", "x.err"])
def test_a_leak_is_reported_with_its_place(file: str, tmp_path: Path) -> None:
    leak = written(tmp_path, file, f"password is {canary('a test of the search')}")
    assert left_by_steps(tmp_path) == [f"{leak} has the secret of a test of the search"]
    leak.unlink()
    assert not left_by_steps(tmp_path)
