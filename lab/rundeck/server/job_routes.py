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

_AT_A_TIME = 2  # a run is a JVM and a Python
_SHOWN = ("id", "name", "group", "description")
_POOL = ThreadPoolExecutor(_AT_A_TIME)


def jobs(state: State, request: Request) -> Answer:
    """``GET /project/NAME/jobs``: those that the user may read, in a project that they may read."""
    found = state.projects.get(request.parts[0])
    if not found:
        return not_found("Project", request.parts[0])
    group = request.query.get("groupPathExact")
    listed = [job for job in found.jobs.values() if group is None or (job.get("group") or "") == group]
    project = Question({"type": "project", "name": found.name}, ("read",), application=True)
    asked = [Question(job_resource(job), ("read",)) for job in listed]
    readable, *verdicts = state.verdicts(request.user, found, [project, *asked])
    if not readable.authorized:
        return forbidden(f'"Read" for Project {found.name}')
    seen = [job for job, verdict in zip(listed, verdicts, strict=True) if verdict.authorized]
    return 200, [{**{name: job.get(name, "") for name in _SHOWN}, "project": found.name} for job in seen]


def job_resource(job: Job) -> dict[str, str]:
    """The job as policies name it."""
    return {"type": "job", "name": job["name"], "group": job.get("group") or "", "uuid": job["uuid"]}


def import_jobs(state: State, request: Request) -> Answer:
    """``POST /project/NAME/jobs/import``: YAML, JSON or XML, by the type of the body or `fileformat`."""
    found = state.projects.get(request.parts[0])
    if not found:
        return not_found("Project", request.parts[0])
    kind = request.query.get("fileformat") or request.content_type.rpartition("/")[2].removeprefix("x-")
    if kind not in {"yaml", "json", "xml"}:
        return invalid(f"Format is not valid: {kind}")
    read = [job_of(request.body.decode())] if kind == "xml" else yaml.safe_load(request.body)
    keep = request.query.get("uuidOption", "preserve") == "preserve"
    saved = save_jobs(state, found, read, Duplicates(keep, request.query.get("dupeOption", "create")))
    return 200, {
        "succeeded": [_saved(one, found) for one in saved if not one.error and not one.skipped],
        "failed": [_saved(one, found) for one in saved if one.error],
        "skipped": [_saved(one, found) for one in saved if one.skipped],
    }


def _saved(saved: Saved, project: Project) -> dict[str, Any]:
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
    found = state.projects.get(request.parts[0])
    if not found:
        return not_found("Project", request.parts[0])
    chosen = request.query["idlist"].split(",") if "idlist" in request.query else list(found.jobs)
    exported = [found.jobs[one] for one in chosen if one in found.jobs]
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
    """``POST /job/ID/run``: as the user of the token; answered when the run has begun."""
    wanted = request.parts[0]
    project = state.project_of(wanted)
    if project is None:
        return not_found("Job ID", wanted)
    question = Question(job_resource(project.jobs[wanted]), ("read", "run"))
    (verdict,) = state.verdicts(request.user, project, [question])
    if not verdict.authorized:
        return forbidden(f'"Run" for Job ID {wanted}')
    if request.body and request.content_type != "application/json":
        return invalid(f"Format is not valid: {request.content_type}")
    options = request.json().get("options") or {}
    return 200, execution_of(start(state, project, wanted, request.user, options))


def start(state: State, project: Project, wanted: str, user: User, options: dict[str, str]) -> Execution:
    """Begin a run."""
    number = len(state.executions) + 1
    run: Future[JobRun] = _POOL.submit(state.run, project, wanted, user, options, number)
    state.executions.append(Execution(number, project.name, wanted, user, run))
    return state.executions[-1]


def execution(state: State, request: Request) -> Answer:
    """``GET /execution/ID``."""
    found = _execution(state, request)
    return found if isinstance(found, tuple) else (200, execution_of(found))


def output(state: State, request: Request) -> Answer:
    """``GET /execution/ID/output``: text, or JSON with one entry for each line."""
    found = _execution(state, request)
    if isinstance(found, tuple):
        return found
    lines = found.run.result().output if found.run.done() else ()
    if request.accept != "application/json" and request.query.get("format") != "json":
        return 200, "\n".join(lines)
    state_of = {"completed": found.run.done(), "execCompleted": found.run.done(), "execState": found.status}
    return 200, {"id": str(found.number), **state_of, "entries": [{"log": line} for line in lines]}


def _execution(state: State, request: Request) -> Execution | Answer:
    number = int(request.parts[0])
    if not 0 < number <= len(state.executions):
        return not_found("Execution ID", request.parts[0])
    found = state.executions[number - 1]
    allowed = request.user.is_admin or found.user == request.user
    return found if allowed else forbidden(f'"Read" for Execution {number}')


def execution_of(found: Execution) -> dict[str, Any]:
    """Describe an execution as the API does."""
    described = {"id": found.number, "project": found.project, "user": found.user.name, "status": found.status}
    return {**described, "job": {"id": found.job}}
