"""The lab part `rundeck`: it has no daemon, and `up` builds the engine."""

from __future__ import annotations

import shutil
from pathlib import Path

from lab.paths import part_dir
from lab.progress import Progress
from lab.rundeck import build


class RundeckEngine:
    """Rundeck's engine, ready to run jobs."""

    name = "rundeck"
    needs: tuple[str, ...] = ()

    def up(self, progress: Progress) -> None:
        """Build the engine unless the current sources have been built."""
        if not build.is_built():
            with progress.stage(self.name, "building Rundeck's engine with Maven"):
                build.build()

    def down(self) -> None:
        """Do nothing: there is no daemon."""

    def status(self) -> str:
        """Return whether jobs can run."""
        return "up" if build.is_built() else "down"

    def logs(self) -> list[Path]:
        """Return no logs: a run returns its log."""
        return []

    def reset(self) -> None:
        """Delete what jobs stored on their host. Each run has its own base directory."""
        shutil.rmtree(part_dir(self.name))


PART = RundeckEngine()
