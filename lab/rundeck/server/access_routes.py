"""Policies of the server and of projects, and tokens."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

from lab.rundeck.engine import decide
from lab.rundeck.model import Question
from lab.rundeck.server.job_routes import job_resource
from lab.rundeck.server.request import Answer, Request, conflict, not_found, refusal
from lab.rundeck.server.state import Project, State, User


def _policies(state: State, request: Request) -> dict[str, str] | None:
    """Return the policies of the project in the path or of the server, or None if the project does not exist."""
    if request.parts[0] == "system":
        return state.policies
    project = state.projects.get(request.parts[0].removeprefix("project/"))
    return None if project is None else project.policies


def policies(state: State, request: Request) -> Answer:
    """``GET /system/acl/`` and ``GET /project/NAME/acl/``."""
    policies = _policies(state, request)
    if policies is None:
        return not_found("Project", request.parts[0])
    resources = [{"path": name, "type": "file", "name": name} for name in sorted(policies)]
    return 200, {"path": "", "type": "directory", "resources": resources}


def policy(state: State, request: Request) -> Answer:
    """``GET …/acl/FILE.aclpolicy``."""
    policies, name = _policies(state, request) or {}, request.parts[1]
    if name not in policies:
        return not_found("Policy", name)
    return 200, {"contents": policies[name]} if request.accept == "application/json" else policies[name]


def make_policy(state: State, request: Request) -> Answer:
    """``POST …/acl/FILE.aclpolicy``."""
    policies, name = _policies(state, request), request.parts[1]
    if policies is not None and name in policies:
        return conflict("Policy", name)
    return _store_policy(state, request, 201)


def change_policy(state: State, request: Request) -> Answer:
    """``PUT …/acl/FILE.aclpolicy``."""
    policies, name = _policies(state, request), request.parts[1]
    return _store_policy(state, request, 200) if policies and name in policies else not_found("Policy", name)


def delete_policy(state: State, request: Request) -> Answer:
    """``DELETE …/acl/FILE.aclpolicy``."""
    policies = _policies(state, request) or {}
    return (204, None) if policies.pop(request.parts[1], None) is not None else not_found("Policy", request.parts[1])


def _store_policy(state: State, request: Request, status: int) -> Answer:
    policies, name, text = _policies(state, request), request.parts[1], request.text()
    if policies is None:
        return not_found("Project", request.parts[0])
    name_of_project = request.parts[0].removeprefix("project/")
    trial = State(state.libext, state.folder, policies={name: text} if policies is state.policies else {})
    project = Project(name_of_project, {}, policies={} if policies is state.policies else {name: text})
    wrong = decide(name_of_project, trial.access(request.user, project), ()).invalid
    if wrong:
        problems = [{"policy": place, "errors": list(errors)} for place, errors in wrong[name].items()]
        return 400, {"valid": False, "policies": problems}
    policies[name] = text
    return status, {"contents": text}


def make_token(state: State, request: Request) -> Answer:
    """``POST /tokens`` and ``POST /tokens/USER``: for an administrator, with any user and roles."""
    body = request.json()
    roles = body.get("roles") or "*"
    role_names = roles.split(",") if isinstance(roles, str) else roles
    own = request.user.groups if role_names == ["*"] else tuple(role.strip() for role in role_names)
    name = (request.parts[0] if request.parts else "") or body.get("user") or request.user.name
    token = secrets.token_hex(16)
    state.users[token] = User(name, own)
    return 201, {"id": token, "token": token, "user": name, "roles": list(own), "expired": False}


def delete_token(state: State, request: Request) -> Answer:
    """``DELETE /token/ID``."""
    if state.users.pop(request.parts[0], None) is None:
        return refusal(404, "api.error.item.doesnotexist", "Token does not exist")
    return 204, None


def roles(_: State, request: Request) -> Answer:
    """``GET /user/roles``."""
    return 200, {"roles": list(request.user.groups)}


def user_info(_: State, request: Request) -> Answer:
    """``GET /user/info``."""
    return 200, {"login": request.user.name}


def authorizations(state: State, request: Request) -> Answer:
    """``GET /authorizations/application/project/NAME`` and ``/authorizations/project/NAME/(job|node)/ID``.

    Each action of the query gets a separate decision.
    """
    name = request.parts[1] or request.parts[0]
    project = state.projects.get(name)
    if project is None:
        return not_found("Project", name)
    resources = list(_resources(project, request))
    if not resources:
        return not_found("Resource", "/".join(request.parts))
    actions = request.every["actions"]
    first, *others = [
        [Question(resource, (action,), application=not request.parts[1]) for action in actions]
        for resource in resources
    ]
    decisions = state.decisions(
        request.user, project, first, [question for questions in others for question in questions]
    )
    return 200, {
        "actionAuthorizations": [
            {"actionName": action, "isAuthorized": decision.authorized}
            for action, decision in zip(actions, decisions, strict=True)
        ]
    }


def _resources(project: Project, request: Request) -> Iterator[dict[str, str]]:
    """Return the resource of the request, and then the resources of likely later requests."""
    if not request.parts[1]:
        yield {"type": "project", "name": project.name}
        return
    kind, identity = request.parts[2:]
    if kind == "node":
        yield {"type": "node", "nodename": identity}
    elif identity in project.jobs:
        yield job_resource(project.jobs[identity])
        yield from map(job_resource, project.jobs.values())
