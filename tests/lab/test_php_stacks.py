"""php-stacks: its tests in Go, with memory that no PHP process has."""

from __future__ import annotations

from lab.paths import REPO
from lab.prerequisites import go_binary, run_go


def test_frames_that_a_hostile_process_wrote_have_an_end() -> None:
    run_go(go_binary(), ["test", "-timeout=30s", "./..."], REPO / "deploy" / "toolbox" / "php-stacks")
