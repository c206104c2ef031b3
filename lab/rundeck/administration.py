"""What an administrator asks of the stand-in for a Rundeck server: settings, policies, tokens, nodes, what is allowed.

Rundeck's own code decides what a policy allows and which nodes the sources give; the rest is after its documentation.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from lab.rundeck.engine import decide, probe_plugin, project_nodes
from lab.rundeck.model import Access, Question
from lab.rundeck.webhook import Refused, Webhook

if TYPE_CHECKING:
    from lab.rundeck.server import Answer, Project, Request, Server

ADMIN = "admin"
_ACTIONS = ("read", "run", "post")
_POLICY = ".aclpolicy"


@dataclass(frozen=True)
class Member:
    """Who a token stands for, beside the administrator's."""

    identity: str
    groups: tuple[str, ...]


@dataclass
class Administration:
    """What is of the server and of no project."""

    policies: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, Member] = field(default_factory=dict)
    answers: dict[str, dict[tuple[str, str, str], bool]] = field(default_factory=dict)
    """What was allowed, by who asked and what all policies said: a question takes a start of Java."""


# --- projects -----------------------------------------------------------------------------------------------------


def project(server: Server, request: Request) -> Answer:
    """``GET /project/NAME``."""
    return 200, {"name": request.parts[0], "config": _project(server, request).properties}


def config(server: Server, request: Request) -> Answer:
    """``GET`` and ``PUT /project/NAME/config``: a PUT replaces all of it."""
    found = _project(server, request)
    if request.method == "PUT":
        found.properties = {name: str(value) for name, value in request.json().items()}
    return 200, found.properties


def page(server: Server, request: Request) -> Answer:
    """``GET`` and ``PUT /project/NAME/readme.md`` and ``motd.md``."""
    return _document(_project(server, request).pages, request.parts[1], request)


def policies(server: Server, request: Request) -> Answer:
    """``GET /project/NAME/acl/``."""
    names = [name.rpartition("/")[2] for name in _project(server, request).policies]
    files = [{"path": name, "name": name, "type": "file"} for name in names]
    return 200, {"path": "", "type": "directory", "resources": files}


def policy(server: Server, request: Request) -> Answer:
    """``GET /project/NAME/acl/FILE``."""
    by_name = {name.rpartition("/")[2]: text for name, text in _project(server, request).policies.items()}
    return _document(by_name, request.parts[1], request)


def server_policy(server: Server, request: Request) -> Answer:
    """``GET``, ``POST`` (a new one) and ``PUT`` (one that is there) ``/system/acl/FILE``."""
    known, name = server.administration.policies, request.parts[0]
    if not name.endswith(_POLICY):
        return 404, {"error": True, "message": f"no policy {name}"}
    if request.method != "GET" and (request.method == "POST") == (name in known):
        return (409 if name in known else 404), {"error": True, "message": f"{request.method} of {name}"}
    if request.method != "GET":
        text = request.json()["contents"]
        if wrong := decide("any", Access(ADMIN, (), {name: text}), []).invalid:
            return 400, {"valid": False, "policies": {file: dict(errors) for file, errors in wrong.items()}}
        known[name] = text
        return 201 if request.method == "POST" else 200, {"contents": text}
    return _document(known, name, request)


def jobs(server: Server, request: Request) -> Answer:
    """``GET /project/NAME/jobs``."""
    wanted = request.query.get("groupPathExact")
    found = [one for one in _project(server, request).jobs.values() if wanted in (None, one["group"])]
    return 200, [{"id": one["uuid"], "name": one["name"], "group": one["group"]} for one in found]


def export(server: Server, request: Request) -> Answer:
    """``GET /project/NAME/jobs/export`` as JSON."""
    wanted = request.query.get("idlist", "").split(",")
    return 200, [one for identity, one in _project(server, request).jobs.items() if identity in wanted]


def resources(server: Server, request: Request) -> Answer:
    """``GET /project/NAME/resources``: all nodes of the sources."""
    return 200, dict(_nodes(server, request)[0])


def sources(server: Server, request: Request) -> Answer:
    """``GET /project/NAME/sources``: with what failed, as the source's name ends in its number."""
    errors, listed = _nodes(server, request)[1], []
    for name, provider in sorted(_project(server, request).properties.items()):
        if name.startswith("resources.source.") and name.endswith(".type"):
            number = name.split(".")[2]
            failed = [text for source, text in errors.items() if source.split(".")[0] == number]
            listed.append({"index": int(number), "type": provider, **({"errors": failed[0]} if failed else {})})
    return 200, listed


def webhooks(server: Server, request: Request) -> Answer:
    """``GET /project/NAME/webhooks``; the import has given each a token."""
    return 200, _project(server, request).webhooks


# --- the server ---------------------------------------------------------------------------------------------------


def plugins(server: Server, request: Request) -> Answer:
    """``GET /plugin/list``."""
    wanted, listed = request.query.get("service"), []
    for file in sorted(server.libext.glob("*.zip")):
        probe = probe_plugin(file)
        version = file.stem.rpartition("-")[2]
        listed += [
            {"name": one.name, "service": one.service, "pluginVersion": version}
            for one in probe.providers
            if wanted in (None, one.service)
        ]
    return 200, listed


def keys(server: Server, request: Request) -> Answer:
    """``GET /storage/keys/PATH``: a key without its content, or a folder; ``PUT`` changes a key that is there."""
    path = f"keys/{request.parts[0]}"
    inside = [{"path": key, "type": "file"} for key in server.keys if key.startswith(f"{path}/")]
    if path not in server.keys and not inside:
        return 404, {"error": True, "message": f"resource not found: {path}"}
    if request.method == "PUT":
        server.keys[path] = request.body.decode()
    if path in server.keys:
        return 200, {"path": path, "type": "file"}
    return 200, {"path": path, "type": "directory", "resources": inside}


def who(server: Server, request: Request) -> Answer:  # noqa: ARG001 - as each route
    """``GET /user/info``."""
    return 200, {"login": ADMIN}


def make_token(server: Server, request: Request) -> Answer:
    """``POST /tokens/USER``."""
    token, identity = secrets.token_hex(16), secrets.token_hex(4)
    server.administration.tokens[token] = Member(identity, tuple(request.json()["roles"]))
    return 201, {"token": token, "id": identity, "user": request.parts[0]}


def remove_token(server: Server, request: Request) -> Answer:
    """``DELETE /token/ID``."""
    known = server.administration.tokens
    left = {token: member for token, member in known.items() if member.identity != request.parts[0]}
    if len(left) == len(known):
        return 404, {"error": True, "message": f"no token {request.parts[0]}"}
    known.clear()
    known.update(left)
    return 204, ""


def receive_event(server: Server, request: Request) -> Answer:
    """``POST /webhook/TOKEN``: runs the job, and answers when it has ended."""
    for name, found in server.projects.items():
        for hook in found.webhooks:
            if hook["authToken"] == request.parts[0]:
                return _start(server, name, found, hook, request.body)
    return 400, {"err": "Webhook not found"}


def _start(server: Server, name: str, found: Project, hook: Mapping[str, Any], body: bytes) -> Answer:
    settings = json.loads(hook["config"])
    job = found.jobs.get(settings["jobId"])
    if job is None:
        return 400, {"err": f"Cannot run job, not found: {settings['jobId']}"}
    file = server.folder / "hooked.yaml"
    file.write_text(yaml.safe_dump([job]))
    try:
        options = Webhook(file, settings["argString"], "", "").options(body)
    except Refused as refused:
        return 400, {"err": str(refused)}
    number = server.start(name, found, settings["jobId"], options)
    return 200, {"jobId": settings["jobId"], "executionId": str(number)}


# --- what is allowed ----------------------------------------------------------------------------------------------


def is_for_members(server: Server, act: Callable[[Server, Request], Answer], request: Request) -> bool:
    """Whether a member of a group may ask this: what is allowed, and a key that the policies let read."""
    if act is authorizations:
        return True
    if act is not keys or request.method != "GET" or request.member is None:
        return False
    path = request.parts[0]
    name = path.split("/")[1]
    found = server.projects.get(name)
    return found is not None and _allowed(server, name, found, request.member).get(
        ("storage", f"keys/{path}", "read"), False
    )


def authorizations(server: Server, request: Request) -> Answer:
    """``GET /authorizations/…``: what who asks may do."""
    context, name, kind, specifier = request.parts
    name, kind = (specifier, "project") if context == "application" else (name, kind)
    found = server.projects.get(name or "")
    if not found or request.member is None:
        return 400, {"error": True, "message": "not valid"}
    verdicts = _allowed(server, name, found, request.member)
    asked = request.queries.get("actions", [])
    actions = [action for action in asked if (kind, specifier, action) in verdicts]
    if not actions or len(actions) != len(asked):
        return 400, {"error": True, "message": f"{specifier}: It must be a valid {kind} in the project"}
    said = [{"actionName": one, "isAuthorized": verdicts[kind, specifier, one]} for one in actions]
    return 200, {"actionAuthorizations": said}


def _allowed(server: Server, name: str, found: Project, member: Member) -> dict[tuple[str, str, str], bool]:
    """All that can be asked, answered at once."""
    access = Access(ADMIN, member.groups, server.administration.policies, found.policies)
    asked = json.dumps([name, access.request(), sorted(found.jobs), sorted(server.keys)])
    if asked not in server.administration.answers:
        targets = {(kind, one): resource for kind, one, resource in _resources(server, name, found)}
        questions = [(target, action) for target in targets for action in _ACTIONS]
        verdicts = decide(
            name,
            access,
            [Question(targets[target], (action,), application=target[0] == "project") for target, action in questions],
        )
        server.administration.answers[asked] = {
            (*target, action): verdict.authorized
            for (target, action), verdict in zip(questions, verdicts.answers, strict=True)
        }
    return server.administration.answers[asked]


def _resources(server: Server, name: str, found: Project) -> Iterable[tuple[str, str, dict[str, str]]]:
    yield "project", name, {"type": "project", "name": name}
    yield "node", "localhost", {"type": "node", "name": "localhost", "project": name}
    for identity, job in found.jobs.items():
        yield "job", identity, {"type": "job", "name": job["name"], "group": job["group"], "uuid": identity}
    for key in server.keys:
        yield "storage", key, {"type": "storage", "path": key, "name": Path(key).name}


# --- parts --------------------------------------------------------------------------------------------------------


class NotThere(Exception):  # noqa: N818 - it is what the server answers
    """The server answers with HTTP 404."""


def _project(server: Server, request: Request) -> Project:
    if request.parts[0] not in server.projects:
        raise NotThere(f"no project {request.parts[0]}")
    return server.projects[request.parts[0]]


def _document(known: dict[str, str], name: str, request: Request) -> Answer:
    if request.method == "PUT":
        known[name] = request.json()["contents"]
    if name not in known:
        return 404, {"error": True, "message": f"no {name}"}
    return 200, {"contents": known[name]}


def _nodes(server: Server, request: Request) -> tuple[Mapping[str, Any], Mapping[str, str]]:
    found = _project(server, request)
    access = Access(ADMIN, (ADMIN,), server.administration.policies, found.policies)
    answer = project_nodes(request.parts[0], found.properties, access, server.keys, sorted(server.libext.glob("*.zip")))
    return answer.nodes, answer.errors


_PROJECT = "/project/([^/]+)"
ROUTES: tuple[tuple[str, str, Callable[[Server, Request], Answer]], ...] = (
    ("GET", _PROJECT, project),
    ("GET|PUT", f"{_PROJECT}/config", config),
    ("GET|PUT", f"{_PROJECT}/(readme.md|motd.md)", page),
    ("GET", f"{_PROJECT}/acl/", policies),
    ("GET", f"{_PROJECT}/acl/([^/]+)", policy),
    ("GET|POST|PUT", "/system/acl/([^/]+)", server_policy),
    ("GET", f"{_PROJECT}/jobs", jobs),
    ("GET", f"{_PROJECT}/jobs/export", export),
    ("GET", f"{_PROJECT}/resources", resources),
    ("GET", f"{_PROJECT}/sources", sources),
    ("GET", f"{_PROJECT}/webhooks", webhooks),
    ("GET", "/plugin/list", plugins),
    ("GET|PUT", "/storage/keys/(.+)", keys),
    ("GET", "/user/info", who),
    ("POST", "/tokens/([^/]+)", make_token),
    ("DELETE", "/token/([^/]+)", remove_token),
    ("POST", "/webhook/([^/]+)", receive_event),
    ("GET", "/authorizations/(project)/([^/]+)/([^/]+)/([^/]+)", authorizations),
    ("GET", "/authorizations/(application)/()(project)/([^/]+)", authorizations),
)
