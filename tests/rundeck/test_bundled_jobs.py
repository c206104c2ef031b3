"""The exported jobs again, as Rundeck imports them from the archive, run as an engineer with the archive's policies.

With the bundled zip, on a Python without any package.
"""

from __future__ import annotations

import dataclasses
import secrets
import sys
from pathlib import Path

import pytest

from lab.project import Project, lab_project
from lab.rundeck.model import Access
from lab.rundeck.project_import import imported, job_of
from tests.rundeck.every_job import *  # noqa: F403 - the tests, and the fixtures that they ask for
from tests.rundeck.installed import ENGINEER, archive_of, write_jobs

# The Python from which the environment of the tests was created.
BARE_PYTHON = str(Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return archive_of("lab", tmp_path_factory.mktemp("archive"))


@pytest.fixture(scope="module")
def imported_jobs(archive: Path) -> Path:
    """A folder of the archive's jobs, by the names that their files have in jobs/."""
    write_jobs(map(job_of, imported(archive, "job").values()), archive.parent)
    return archive.parent


@pytest.fixture
def project(bundled_zip: Path, archive: Path, imported_jobs: Path, tmp_path: Path) -> Project:
    """The lab's project with the bundled zip, with a spool and a store prefix of this test."""
    access = Access(ENGINEER.name, ENGINEER.groups, project_policies=imported(archive, "policy"))
    own = dataclasses.replace(lab_project(bundled_zip, BARE_PYTHON), jobs=imported_jobs, access=access)
    return own.changed(spool=str(tmp_path / "spool"), store=f"{own.settings['store']}/{secrets.token_hex(4)}")
