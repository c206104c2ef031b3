"""Jobs and their runs."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import yaml

from lab.rundeck.model import JobRun, Question
from lab.rundeck.project_import import job_of
from lab.rundeck.server.jobs import Duplicates, Job, Saved, save_jobs
from lab.rundeck.server.request import Answer, Request, forbidden, invalid, not_found
from lab.rundeck.server.state import Execution, Project, State, User

_AT_A_TIME = 2  # a run is a JVM and a Python process
_SHOWN = ("id", "name", "group", "description")
_POOL = ThreadPoolExecutor(_AT_A_TIME)


def jobs(state: State, request: Request) -> Answer:
    """``GET /project/NAME/jobs``: those that the user may read, in a project that they may read."""
    project = state.projects.get(request.parts[0])
    if not project:
        return not_found("Project", request.parts[0])
    group = request.query.get("groupPathExact")
    jobs = [job for job in project.jobs.values() if group is None or (job.get("group") or "") == group]
    read_project = Question({"type": "project", "name": project.name}, ("read",), application=True)
    questions = [Question(job_resource(job), ("read",)) for job in jobs]
    readable, *decisions = state.decisions(request.user, project, [read_project, *questions])
    if not readable.authorized:
        return forbidden(f'"Read" for Project {project.name}')
    visible = [job for job, decision in zip(jobs, decisions, strict=True) if decision.authorized]
    return 200, [{**{name: job.get(name, "") for name in _SHOWN}, "project": project.name} for job in visible]


def job_resource(job: Job) -> dict[str, str]:
    """Return the resource of the job in policies."""
    return {"type": "job", "name": job["name"], "group": job.get("group") or "", "uuid": job["uuid"]}


def import_jobs(state: State, request: Request) -> Answer:
    """``POST /project/NAME/jobs/import``: YAML, JSON or XML, by the type of the body or `fileformat`."""
    project = state.projects.get(request.parts[0])
    if not project:
        return not_found("Project", request.parts[0])
    kind = request.query.get("fileformat") or request.content_type.rpartition("/")[2].removeprefix("x-")
    if kind not in {"yaml", "json", "xml"}:
        return invalid(f"Format is not valid: {kind}")
    read = [job_of(request.body.decode())] if kind == "xml" else yaml.safe_load(request.body)
    keep = request.query.get("uuidOption", "preserve") == "preserve"
    saved = save_jobs(state, project, read, Duplicates(keep, request.query.get("dupeOption", "create")))
    return 200, {
        "succeeded": [_show_saved(entry, project) for entry in saved if not entry.error and not entry.skipped],
        "failed": [_show_saved(entry, project) for entry in saved if entry.error],
        "skipped": [_show_saved(entry, project) for entry in saved if entry.skipped],
    }


def _show_saved(saved: Saved, project: Project) -> dict[str, Any]:
    described = {**{name: saved.job.get(name, "") for name in _SHOWN}, "index": saved.index, "project": project.name}
    return {**described, "error": saved.error} if saved.error else described


def job(state: State, request: Request) -> Answer:
    """``GET /job/ID?format=yaml``, or `json`: the definition."""
    project = state.project_of(request.parts[0])
    if project is None:
        return not_found("Job ID", request.parts[0])
    definition = [project.jobs[request.parts[0]]]
    as_yaml = request.query.get("format") == "yaml"
    return 200, yaml.safe_dump(definition, sort_keys=False) if as_yaml else definition


def export_jobs(state: State, request: Request) -> Answer:
    """``GET /project/NAME/jobs/export``: the definitions, as `format` says, of those in `idlist`."""
    project = state.projects.get(request.parts[0])
    if not project:
        return not_found("Project", request.parts[0])
    chosen = request.query["idlist"].split(",") if "idlist" in request.query else list(project.jobs)
    exported = [project.jobs[uuid] for uuid in chosen if uuid in project.jobs]
    as_yaml = request.query.get("format") == "yaml"
    return 200, yaml.safe_dump(exported, sort_keys=False) if as_yaml else exported


def delete_job(state: State, request: Request) -> Answer:
    """``DELETE /job/ID``."""
    project = state.project_of(request.parts[0])
    if project is None:
        return not_found("Job ID", request.parts[0])
    del project.jobs[request.parts[0]]
    return 204, None


def run(state: State, request: Request) -> Answer:
    """``POST /job/ID/run``: as the user of the token. The server responds when the run has started."""
    uuid = request.parts[0]
    project = state.project_of(uuid)
    if project is None:
        return not_found("Job ID", uuid)
    question = Question(job_resource(project.jobs[uuid]), ("read", "run"))
    (decision,) = state.decisions(request.user, project, [question])
    if not decision.authorized:
        return forbidden(f'"Run" for Job ID {uuid}')
    if request.body and request.content_type != "application/json":
        return invalid(f"Format is not valid: {request.content_type}")
    options = request.json().get("options") or {}
    return 200, execution_of(start(state, project, uuid, request.user, options))


def start(state: State, project: Project, uuid: str, user: User, options: dict[str, str]) -> Execution:
    """Start a run."""
    number = len(state.executions) + 1
    run: Future[JobRun] = _POOL.submit(state.run, project, uuid, user, options, number)
    state.executions.append(Execution(number, project.name, uuid, user, run))
    return state.executions[-1]


def execution(state: State, request: Request) -> Answer:
    """``GET /execution/ID``."""
    execution = _execution(state, request)
    return execution if isinstance(execution, tuple) else (200, execution_of(execution))


def output(state: State, request: Request) -> Answer:
    """``GET /execution/ID/output``: text, or JSON with one entry for each line."""
    execution = _execution(state, request)
    if isinstance(execution, tuple):
        return execution
    lines = execution.run.result().output if execution.run.done() else ()
    if request.accept != "application/json" and request.query.get("format") != "json":
        return 200, "\n".join(lines)
    state_of = {"completed": execution.run.done(), "execCompleted": execution.run.done(), "execState": execution.status}
    return 200, {"id": str(execution.number), **state_of, "entries": [{"log": line} for line in lines]}


def _execution(state: State, request: Request) -> Execution | Answer:
    number = int(request.parts[0])
    if not 0 < number <= len(state.executions):
        return not_found("Execution ID", request.parts[0])
    execution = state.executions[number - 1]
    allowed = request.user.is_admin or execution.user == request.user
    return execution if allowed else forbidden(f'"Read" for Execution {number}')


def execution_of(execution: Execution) -> dict[str, Any]:
    """Describe an execution as the API does."""
    described = {
        "id": execution.number,
        "project": execution.project,
        "user": execution.user.name,
        "status": execution.status,
    }
    return {**described, "job": {"id": execution.job}}
