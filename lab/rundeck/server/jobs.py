"""The import of jobs: Rundeck's validators check each job, and a UUID is unique on a server."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lab.rundeck.engine import check_jobs
from lab.rundeck.server.state import Project, State

Job = dict[str, Any]


@dataclass(frozen=True)
class Saved:
    """A job of an import, and why it was rejected ("" if it was not)."""

    index: int
    job: Job
    error: str = ""
    skipped: bool = False


@dataclass(frozen=True)
class Duplicates:
    """How an import treats the UUIDs of a file, and existing jobs."""

    keep_uuid: bool = True
    option: str = "update"
    """`update`, `skip` or `create`."""


def save_jobs(state: State, project: Project, jobs: Sequence[Job], duplicates: Duplicates) -> list[Saved]:
    """Save the valid ``jobs``. Invalid jobs change nothing."""
    invalid = _invalid_steps(state, jobs)
    return [
        _save(state, project, Saved(index, job, invalid.get(index, "")), duplicates)
        for index, job in enumerate(jobs, start=1)
    ]


def _invalid_steps(state: State, jobs: Sequence[Job]) -> dict[int, str]:
    """Return the errors of Rundeck's validators, by the index of the job."""
    numbered = [{**job, "uuid": str(index)} for index, job in enumerate(jobs, start=1)]
    if not numbered:
        return {}
    problems: dict[int, list[str]] = {}
    for step in check_jobs([state.written("import.yaml", numbered)], state.plugins):
        problems.setdefault(int(step.uuid), []).append(f"{step.number}: []")
    start = "Validation failed. Workflow has one or more invalid steps"
    return {index: f"{start}: [{', '.join(steps)}]" for index, steps in problems.items()}


def _save(state: State, project: Project, saved: Saved, duplicates: Duplicates) -> Saved:
    if saved.error:
        return saved
    own_uuid = str(saved.job.get("uuid") or saved.job.get("id") or "") if duplicates.keep_uuid else ""
    holder = state.project_of(own_uuid)
    if holder is not None and holder is not project:
        return Saved(saved.index, saved.job, f"A Job already exists with this UUID: {own_uuid}")
    existing = own_uuid if holder is project else "" if own_uuid else _same_name(project, saved.job)
    if existing and duplicates.option == "skip":
        return Saved(saved.index, project.jobs[existing], skipped=True)
    if existing and duplicates.option == "create" and own_uuid:
        return Saved(saved.index, saved.job, f"A Job already exists with this UUID: {own_uuid}")
    identity = own_uuid or (existing if duplicates.option == "update" else "") or str(uuid.uuid4())
    project.jobs[identity] = {**saved.job, "uuid": identity, "id": identity}
    return Saved(saved.index, project.jobs[identity])


def _same_name(project: Project, job: Job) -> str:
    name = (job.get("group"), job["name"])
    return next((identity for identity, job in project.jobs.items() if (job.get("group"), job["name"]) == name), "")
