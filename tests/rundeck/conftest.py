"""The plugin zips, and the lab's Rundeck project with them."""

from __future__ import annotations

import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from debugcapture import __version__
from lab.paths import REPO
from lab.project import Project, lab_project
from tools import package


@pytest.fixture(scope="session")
def slim_zip() -> Path:
    return _built(f"kubernetes-debug-capture-{__version__}.zip")


@pytest.fixture(scope="session")
def bundled_zip() -> Path:
    return _built(f"kubernetes-debug-capture-bundled-{__version__}.zip")


@pytest.fixture(scope="session")
def wheel() -> Path:
    return package.wheel()


@pytest.fixture
def project(slim_zip: Path, tmp_path: Path) -> Project:
    """The lab's project, with a spool and a store prefix of this test's own."""
    own = lab_project(slim_zip, sys.executable)
    return own.changed(spool=str(tmp_path / "spool"), store=f"{own.settings['store']}/{secrets.token_hex(4)}")


def _built(name: str) -> Path:
    """Build the zips, once a session: the bundled one for the Python that runs the tests."""
    goal = REPO / "dist" / name
    if name not in _built_names:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        subprocess.run([REPO / "build.sh", "package", "--python", version], check=True, stdout=subprocess.DEVNULL)
        _built_names.update(file.name for file in goal.parent.glob("*.zip"))
    return goal


_built_names: set[str] = set()
