"""Key Storage."""

from __future__ import annotations

from typing import Any

from lab.rundeck.model import Question
from lab.rundeck.server.request import Answer, Request, conflict, forbidden, invalid
from lab.rundeck.server.state import Project, State

_TYPES = ("application/x-rundeck-data-password", "application/octet-stream", "application/pgp-keys")


def make_key(state: State, request: Request) -> Answer:
    """``POST /storage/keys/PATH``."""
    path = f"keys/{request.parts[0]}"
    if request.content_type not in _TYPES:
        return invalid(f"Invalid content type: {request.content_type}")
    if path in state.keys:
        return conflict("Resource", path)
    state.keys[path] = request.body.decode()
    return 201, _describe(path)


def change_key(state: State, request: Request) -> Answer:
    """``PUT /storage/keys/PATH``."""
    path = f"keys/{request.parts[0]}"
    if request.content_type not in _TYPES:
        return invalid(f"Invalid content type: {request.content_type}")
    if path not in state.keys:
        return _answer_missing(path)
    state.keys[path] = request.body.decode()
    return 200, _describe(path)


def keys(state: State, request: Request) -> Answer:
    """``GET /storage/keys/PATH``: the entries of a folder, or a key without its content."""
    path = f"keys/{request.parts[0]}".rstrip("/")
    if not _may_read(state, request, path):
        return forbidden(f"read {path}")
    if path in state.keys:
        asks_content = request.accept in _TYPES
        return forbidden(f"read content of {path}") if asks_content else (200, _describe(path))
    below = [name.removeprefix(f"{path}/") for name in state.keys if name.startswith(f"{path}/")]
    if not below:
        return _answer_missing(path)
    folders = {name.partition("/")[0] for name in below if "/" in name}
    entries = [{"path": f"{path}/{name}", "type": "directory"} for name in sorted(folders)]
    entries += [_describe(f"{path}/{name}") for name in sorted(below) if "/" not in name]
    return 200, {"path": path, "type": "directory", "resources": entries}


def _may_read(state: State, request: Request, path: str) -> bool:
    """Return whether policies of the server or of the project of the key allow the user to read it."""
    if request.user.is_admin:
        return True
    parts = path.split("/")
    project = state.projects.get(parts[2]) if parts[1] == "project" and len(parts) > 2 else None
    questions = [_question(key, project) for key in state.keys]
    (decision,) = state.decisions(request.user, project or Project("none", {}), [_question(path, project)], questions)
    return decision.authorized


def _question(path: str, project: Project | None) -> Question:
    resource = {"type": "storage", "path": path, "name": path.rpartition("/")[2]}
    return Question(resource, ("read",), application=project is None)


def delete_key(state: State, request: Request) -> Answer:
    """``DELETE /storage/keys/PATH``."""
    path = f"keys/{request.parts[0]}"
    return (204, None) if state.keys.pop(path, None) is not None else _answer_missing(path)


def _answer_missing(path: str) -> Answer:
    return 404, {"error": True, "message": f"resource not found: /{path}"}


def _describe(path: str) -> dict[str, Any]:
    meta = {"Rundeck-content-type": _TYPES[0], "Rundeck-content-mask": "content", "Rundeck-data-type": "password"}
    return {"path": path, "type": "file", "name": path.rpartition("/")[2], "meta": meta}
