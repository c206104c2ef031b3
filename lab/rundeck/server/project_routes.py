"""Projects: their configuration, texts, nodes and archives."""

from __future__ import annotations

from typing import Any

from lab.rundeck.engine import NEW_PROJECT, project_nodes
from lab.rundeck.model import ProjectNodes
from lab.rundeck.server.archive_import import NODE_SOURCES, Choices, import_archive
from lab.rundeck.server.request import Answer, Request, conflict, invalid, not_found
from lab.rundeck.server.state import Project, State


def make_project(state: State, request: Request) -> Answer:
    """``POST /projects``: the server itself is a node of a new project, unless its configuration says otherwise."""
    if request.content_type != "application/json":
        return invalid(f"Format is not valid: {request.content_type}")
    body = request.json()
    name, config = body["name"], dict(body.get("config") or {})
    if name in state.projects:
        return conflict("Project", name)
    has_sources = any(key.startswith(NODE_SOURCES) for key in config)
    state.projects[name] = Project(name, config if has_sources else {**NEW_PROJECT, **config})
    return 201, _show(state.projects[name])


def list_projects(state: State, _: Request) -> Answer:
    """``GET /projects``."""
    return 200, [_show(project) for project in state.projects.values()]


def project(state: State, request: Request) -> Answer:
    """``GET /project/NAME``."""
    project = state.projects.get(request.parts[0])
    return (200, _show(project)) if project else not_found("Project", request.parts[0])


def delete_project(state: State, request: Request) -> Answer:
    """``DELETE /project/NAME``: with its jobs, policies and webhooks; keys stay."""
    if state.projects.pop(request.parts[0], None) is None:
        return not_found("Project", request.parts[0])
    state.webhooks = {identity: hook for identity, hook in state.webhooks.items() if hook.project != request.parts[0]}
    return 204, None


def _show(project: Project) -> dict[str, Any]:
    return {"name": project.name, "description": project.properties.get("project.description", "")}


def config(state: State, request: Request) -> Answer:
    """``GET /project/NAME/config``."""
    project = state.projects.get(request.parts[0])
    return (200, project.properties) if project else not_found("Project", request.parts[0])


def replace_config(state: State, request: Request) -> Answer:
    """``PUT /project/NAME/config``: properties that the body does not contain are deleted."""
    project = state.projects.get(request.parts[0])
    if not project:
        return not_found("Project", request.parts[0])
    project.properties = {name: str(value) for name, value in request.json().items()}
    return 200, project.properties


def config_value(state: State, request: Request) -> Answer:
    """``GET /project/NAME/config/KEY``."""
    name, key = request.parts
    project = state.projects.get(name)
    if not project or key not in project.properties:
        return not_found("Project property", key)
    return 200, {"key": key, "value": project.properties[key]}


def set_config_value(state: State, request: Request) -> Answer:
    """``PUT /project/NAME/config/KEY``."""
    name, key = request.parts
    project = state.projects.get(name)
    if not project:
        return not_found("Project", name)
    project.properties[key] = str(request.json()["value"])
    return 200, {"key": key, "value": project.properties[key]}


def delete_config_value(state: State, request: Request) -> Answer:
    """``DELETE /project/NAME/config/KEY``."""
    project = state.projects.get(request.parts[0])
    if not project:
        return not_found("Project", request.parts[0])
    project.properties.pop(request.parts[1], None)
    return 204, None


def text(state: State, request: Request) -> Answer:
    """``GET /project/NAME/readme.md`` and ``motd.md``."""
    project = state.projects.get(request.parts[0])
    if not project or request.parts[1] not in project.texts:
        return not_found("File", request.parts[1])
    content = project.texts[request.parts[1]]
    return 200, {"contents": content} if request.accept == "application/json" else content


def put_text(state: State, request: Request) -> Answer:
    """``PUT /project/NAME/readme.md`` and ``motd.md``."""
    project = state.projects.get(request.parts[0])
    if not project:
        return not_found("Project", request.parts[0])
    project.texts[request.parts[1]] = request.text()
    return 200, {"contents": project.texts[request.parts[1]]}


def put_archive(state: State, request: Request) -> Answer:
    """``PUT /project/NAME/import``: the status is always 200."""
    project = state.projects.get(request.parts[0])
    if not project:
        return not_found("Project", request.parts[0])
    if request.content_type != "application/zip":
        return invalid(f"Format is not valid: {request.content_type}")
    archive = state.folder / "import.jar"
    archive.write_bytes(request.body)
    return 200, import_archive(state, project, archive, Choices.of(request.query), request.user).answer()


def resources(state: State, request: Request) -> Answer:
    """``GET /project/NAME/resources``: nodes by name."""
    project = state.projects.get(request.parts[0])
    return (200, dict(_nodes(state, project, request).nodes)) if project else not_found("Project", request.parts[0])


def sources(state: State, request: Request) -> Answer:
    """``GET /project/NAME/sources``: each node source, with its error."""
    project = state.projects.get(request.parts[0])
    if not project:
        return not_found("Project", request.parts[0])
    errors = _nodes(state, project, request).errors
    sources: list[dict[str, Any]] = []
    while (kind := project.properties.get(f"{NODE_SOURCES}{len(sources) + 1}.type")) is not None:
        index = len(sources) + 1
        error = next((reason for source, reason in errors.items() if source.startswith(f"{index}.")), "")
        described: dict[str, Any] = {"index": index, "type": kind, "resources": {"writeable": False}}
        sources.append({**described, "errors": error} if error else described)
    return 200, sources


def _nodes(state: State, project: Project, request: Request) -> ProjectNodes:
    access = state.access(request.user, project)
    return project_nodes(project.name, project.properties, access, state.keys, state.plugins)
