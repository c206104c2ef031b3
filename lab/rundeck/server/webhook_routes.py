"""Webhooks: their list, and the endpoint that starts a job as the webhook's owner."""

from __future__ import annotations

from typing import Any

from lab.rundeck.model import Question
from lab.rundeck.server.job_routes import job_resource, start
from lab.rundeck.server.request import Answer, Request, not_found
from lab.rundeck.server.state import State, User, Webhook
from lab.rundeck.webhook import Refused, job_options


def webhooks(state: State, request: Request) -> Answer:
    """``GET /project/NAME/webhooks``."""
    if request.parts[0] not in state.projects:
        return not_found("Project", request.parts[0])
    return 200, [_describe(hook) for hook in state.webhooks.values() if hook.project == request.parts[0]]


def change_webhook(state: State, request: Request) -> Answer:
    """``POST /project/NAME/webhook/UUID``: such as its owner's name and roles."""
    project, identity = request.parts
    existing = state.webhooks.get(identity)
    if existing is None or existing.project != project:
        return 404, {"err": "Webhook not found"}
    body = request.json()
    role_names = body.get("roles", ",".join(existing.owner.groups))
    owner = User(body.get("user", existing.owner.name), tuple(role.strip() for role in role_names.split(",")))
    config = body.get("config", existing.config)
    state.webhooks[identity] = Webhook(
        identity,
        body.get("name", existing.name),
        project,
        existing.event_plugin,
        config,
        bool(body.get("enabled", existing.enabled)),
        owner,
        existing.token,
    )
    return 200, {"msg": "Saved webhook"}


def delete_webhook(state: State, request: Request) -> Answer:
    """``DELETE /project/NAME/webhook/UUID``."""
    project, identity = request.parts
    if identity not in state.webhooks or state.webhooks[identity].project != project:
        return 404, {"err": "Webhook not found"}
    del state.webhooks[identity]
    return 200, {"msg": "Deleted webhook"}


def _describe(hook: Webhook) -> dict[str, Any]:
    owner = {"user": hook.owner.name, "creator": hook.owner.name, "roles": ",".join(hook.owner.groups)}
    kind = {"eventPlugin": hook.event_plugin, "config": dict(hook.config), "enabled": hook.enabled}
    return {"uuid": hook.uuid, "name": hook.name, "project": hook.project, "authToken": hook.token, **owner, **kind}


def deliver(state: State, token: str, body: bytes) -> Answer:
    """``POST /webhook/TOKEN``: 200 as soon as the job is started, whatever its result is."""
    hook = next((webhook for webhook in state.webhooks.values() if webhook.token == token and webhook.enabled), None)
    if hook is None or hook.project not in state.projects:
        return 400, {"err": "Webhook not found"}
    project, uuid = state.projects[hook.project], hook.config["jobId"]
    job = project.jobs.get(uuid)
    post = Question({"type": "resource", "kind": "webhook"}, ("post",))
    questions = [post] if job is None else [post, Question(job_resource(job), ("read", "run"))]
    answers = state.decisions(hook.owner, project, questions)
    if not answers[0].authorized:
        return 403, {"err": "You are not authorized to perform this action"}
    if job is None:
        return 400, {"err": "Cannot run job, not found"}
    if not answers[1].authorized:
        return 400, {"err": f'Not authorized for action "Run" for Job ID {uuid}'}
    try:
        options = job_options(job, hook.config["argString"], body)
    except Refused as refused:
        return 400, {"err": str(refused)}
    return 200, {"jobId": uuid, "executionId": str(start(state, project, uuid, hook.owner, options).number)}
