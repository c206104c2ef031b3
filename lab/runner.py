"""A Runner without the plugin, as in docs/runbook-automation.md: the wheel, a configuration file, and Key Storage."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lab.paths import REPO, cache_dir
from lab.project import JOBS, SECRETS, keys_of
from lab.rundeck import JobRun, run_job
from lab.rundeck.engine import RunOptions

if TYPE_CHECKING:
    from typing_extensions import Unpack

CLOUD_JOBS = JOBS / "cloud"
_LOCK = REPO / "requirements.lock"


@dataclass(frozen=True)
class Runner:
    """Runs the jobs of jobs/cloud, with settings by name and the folder of the programs."""

    settings: dict[str, str]
    programs: Path

    @property
    def jobs(self) -> Path:
        """The folder of the exported jobs."""
        return CLOUD_JOBS

    def changed(self, **settings: str) -> Runner:
        """Return a copy with changed settings."""
        return replace(self, settings={**self.settings, **settings})

    def for_alerts(self) -> Runner:
        """Return this Runner: commands that an alert starts need no other settings."""
        return self

    def run(self, file: str, options: dict[str, str], **run_options: Unpack[RunOptions]) -> JobRun:
        """Run a job of ``jobs/cloud``."""
        with tempfile.NamedTemporaryFile("w", suffix=".yaml") as config:
            json.dump({name: value for name, value in self.settings.items() if name not in SECRETS}, config)
            config.flush()
            return run_job(
                CLOUD_JOBS / file,
                options=options,
                keys=keys_of(self.settings),
                environment={
                    "PATH": f"{self.programs}:{os.environ['PATH']}",
                    "HOME": os.environ["HOME"],
                    "DEBUG_CAPTURE_CONFIG": config.name,
                },
                **run_options,
            )


def installed(wheel: Path) -> Path:
    """Install ``wheel`` and return the folder of its programs. Its packages are installed once per lock file."""
    home = cache_dir() / "runner" / hashlib.sha256(_LOCK.read_bytes() + sys.version.encode()).hexdigest()[:16]
    pip = [str(home / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
    if not (home / "complete").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)
        subprocess.run([*pip, "--require-hashes", "--no-deps", "-r", _LOCK], check=True)
        (home / "complete").touch()
    subprocess.run([*pip, "--no-deps", "--no-index", "--force-reinstall", wheel], check=True)
    return home / "bin"
