"""How jobs get into a project: Rundeck's validators on each, and one UUID on a server is one job."""

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
    """A job of an import, and why it was refused ("" when it was not)."""

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
    """Save the valid ones of ``jobs``; the others change nothing."""
    invalid = _invalid_steps(state, jobs)
    return [
        _saved(state, project, Saved(index, job, invalid.get(index, "")), duplicates)
        for index, job in enumerate(jobs, start=1)
    ]


def _invalid_steps(state: State, jobs: Sequence[Job]) -> dict[int, str]:
    """What Rundeck's validators say, by the index of the job."""
    numbered = [{**job, "uuid": str(index)} for index, job in enumerate(jobs, start=1)]
    if not numbered:
        return {}
    found: dict[int, list[str]] = {}
    for step in check_jobs([state.written("import.yaml", numbered)], state.plugins):
        found.setdefault(int(step.uuid), []).append(f"{step.number}: []")
    start = "Validation failed. Workflow has one or more invalid steps"
    return {index: f"{start}: [{', '.join(steps)}]" for index, steps in found.items()}


def _saved(state: State, project: Project, saved: Saved, duplicates: Duplicates) -> Saved:
    if saved.error:
        return saved
    wanted = str(saved.job.get("uuid") or saved.job.get("id") or "") if duplicates.keep_uuid else ""
    holder = state.project_of(wanted)
    if holder is not None and holder is not project:
        return Saved(saved.index, saved.job, f"A Job already exists with this UUID: {wanted}")
    existing = wanted if holder is project else "" if wanted else _same_name(project, saved.job)
    if existing and duplicates.option == "skip":
        return Saved(saved.index, project.jobs[existing], skipped=True)
    if existing and duplicates.option == "create" and wanted:
        return Saved(saved.index, saved.job, f"A Job already exists with this UUID: {wanted}")
    kept = wanted or (existing if duplicates.option == "update" else "") or str(uuid.uuid4())
    project.jobs[kept] = {**saved.job, "uuid": kept, "id": kept}
    return Saved(saved.index, project.jobs[kept])


def _same_name(project: Project, job: Job) -> str:
    wanted = (job.get("group"), job["name"])
    return next((known for known, one in project.jobs.items() if (one.get("group"), one["name"]) == wanted), "")
