"""docs/security.md: every test that it names exists."""

from __future__ import annotations

import re

import pytest

from lab.paths import REPO

NAMED = sorted(set(re.findall(r"`(test_\w+)`", (REPO / "docs" / "security.md").read_text())))
TESTS = {
    name
    for file in (REPO / "tests").rglob("test_*.py")
    for name in re.findall(r"^def (test_\w+)", file.read_text(), re.M)
}


def test_claims_name_tests() -> None:
    assert len(NAMED) > 15


@pytest.mark.parametrize("name", NAMED)
def test_each_named_test_exists(name: str) -> None:
    assert name in TESTS
