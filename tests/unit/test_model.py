"""model.py: which containers run."""

from __future__ import annotations

import pytest

from debugcapture.model import ContainerState, Phase
from tests.unit.builders import target


@pytest.mark.parametrize(("phase", "runs"), [("running", True), ("waiting", False), ("terminated", False)])
def test_only_a_running_container_runs_commands(phase: Phase, runs: bool) -> None:
    assert target(state=ContainerState(phase)).is_running is runs
