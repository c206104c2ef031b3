"""project_ids.py: jobs name each other by UUIDs, which differ in each project."""

from __future__ import annotations

from typing import Any

import pytest

from tools.cloud_jobs import CLOUD, cloud_uuid
from tools.project_archive import JOBS, jobs
from tools.project_ids import DEFAULT_PROJECT, id_in, job_in


def named_jobs(job: dict[str, Any]) -> set[str]:
    """Return the UUIDs of the jobs that the steps of ``job`` name."""
    steps = job["sequence"]["commands"]
    settings = {step["configuration"].get("open_job", "") for step in steps if "configuration" in step}
    lines = [line for step in steps for line in step.get("script", "").splitlines()]
    exported = {line.partition("=")[2] for line in lines if line.startswith("export DEBUG_CAPTURE_OPEN_JOB=")}
    return (settings | exported) - {""}


@pytest.mark.parametrize("cloud", [False, True], ids=["plugin", "cloud"])
@pytest.mark.parametrize("project", [DEFAULT_PROJECT, "ops"])
def test_captures_name_the_job_of_their_project_that_opens_them(project: str, cloud: bool) -> None:  # noqa: FBT001
    source = {job["name"]: job["uuid"] for job in jobs(JOBS)}["Open a capture"]
    opens = id_in(project, cloud_uuid(source) if cloud else source)
    in_project = [job_in(project, job) for job in jobs(CLOUD if cloud else JOBS)]
    assert opens in {job["uuid"] for job in in_project}
    naming = {job["name"] for job in in_project if named_jobs(job) == {opens}}
    assert naming == {job["name"] for job in in_project if named_jobs(job)}
    assert {"Capture debug state of a pod", "Capture from an incident", "Thread dump"} <= naming
