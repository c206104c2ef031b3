"""process.py: where the spool is."""

from __future__ import annotations

from pathlib import Path

import pytest

from debugcapture.runtime import process


@pytest.mark.parametrize(
    ("environment", "spool"),
    [
        ({"RD_RUNDECK_BASE": "/r", "XDG_STATE_HOME": "/s"}, "/r/var/debug-captures"),
        ({"XDG_STATE_HOME": "/s"}, "/s/debug-captures"),
        ({}, f"{Path.home()}/.local/state/debug-captures"),
    ],
    ids=["Rundeck", "XDG", "home"],
)
def test_the_default_spool_is_that_of_rundeck_or_of_the_user(environment: dict[str, str], spool: str) -> None:
    assert str(process.default_spool(environment)) == spool
