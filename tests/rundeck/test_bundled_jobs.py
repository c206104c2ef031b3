"""The exported jobs with the bundled zip, on a Python without any package: the tests of the slim one again."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

import pytest

from lab.project import Project, lab_project
from tests.rundeck.every_job import *  # noqa: F403 - the tests, and the fixtures that they ask for

# The one that the tests' environment was made from.
BARE_PYTHON = str(Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}")


@pytest.fixture
def project(bundled_zip: Path, tmp_path: Path) -> Project:
    """The lab's project with the bundled zip, with a spool and a store prefix of this test's own."""
    own = lab_project(bundled_zip, BARE_PYTHON)
    return own.changed(spool=str(tmp_path / "spool"), store=f"{own.settings['store']}/{secrets.token_hex(4)}")
