"""A stand-in for the REST API of a Rundeck server: what an installation by command needs of it.

Projects, Key Storage, the import of a project archive, and runs. The server's code is not published as a library, so
this is written after its documentation; the jobs run in Rundeck's own engine, with the plugins of a libext folder.
Whatever it does not know is answered as the server would: 400, 401, 403, 404.
"""

from __future__ import annotations

import json
import re
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

from lab.daemon import HOST
from lab.rundeck import administration
from lab.rundeck.administration import Administration, Member
from lab.rundeck.engine import NEW_PROJECT, run_job
from lab.rundeck.model import JobRun
from lab.rundeck.project_import import imported, job_of

_KEY_TYPES = ("application/x-rundeck-data-password", "application/octet-stream", "application/pgp-keys")
Answer = tuple[int, Any]


@dataclass
class Project:
    """What an import has left, and what was changed since."""

    properties: dict[str, str] = field(default_factory=dict)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)
    policies: dict[str, str] = field(default_factory=dict)
    webhooks: list[dict[str, Any]] = field(default_factory=list)
    pages: dict[str, str] = field(default_factory=dict)


@dataclass
class Server:
    """The server's state; ``libext`` is where plugins are looked for, ``folder`` is for files of its own."""

    libext: Path
    folder: Path
    token: str
    keys: dict[str, str] = field(default_factory=dict)
    projects: dict[str, Project] = field(default_factory=dict)
    runs: list[JobRun] = field(default_factory=list)
    administration: Administration = field(default_factory=Administration)

    def answer(self, method: str, url: str, content_type: str, body: bytes, member: Member | None = None) -> Answer:
        """Answer a request as an administrator's, or as a ``member``'s of groups, who may ask what is allowed alone."""
        parts = urlsplit(url)
        for verbs, pattern, act in (*_ROUTES, *administration.ROUTES):
            if method in verbs.split("|") and (found := re.fullmatch(rf"/api/\d+{pattern}", parts.path)):
                request = Request(found.groups(), parse_qs(parts.query), content_type, body, method, member)
                if member and not administration.is_for_members(self, act, request):
                    return 403, {"error": True, "message": "not authorized"}
                try:
                    return act(self, request)
                except administration.NotThere as missing:
                    return 404, {"error": True, "message": str(missing)}
        return 404, {"error": True, "message": f"Invalid API request: {method} {parts.path}"}

    def make_project(self, request: Request) -> Answer:
        """``POST /projects``."""
        name = request.json()["name"]
        if name in self.projects:
            return 409, {"error": True, "message": f"project {name} exists already"}
        self.projects[name] = Project(properties=dict(NEW_PROJECT))
        return 201, {"name": name}

    def store_key(self, request: Request) -> Answer:
        """``POST /storage/keys/PATH``."""
        if request.content_type not in _KEY_TYPES:
            return 400, {"error": True, "message": f"unexpected type {request.content_type}"}
        path = f"keys/{request.parts[0]}"
        if path in self.keys:
            return 409, {"error": True, "message": f"{path} exists already: PUT changes it"}
        self.keys[path] = request.body.decode()
        return 201, {"path": path}

    def import_archive(self, request: Request) -> Answer:
        """``PUT /project/NAME/import``; what it takes is chosen by the documented parameters."""
        if request.parts[0] not in self.projects:
            return 404, {"error": True, "message": f"no project {request.parts[0]}"}
        if request.content_type != "application/zip":
            return 400, {"error": True, "message": f"unexpected type {request.content_type}"}
        archive, project = self.folder / "import.jar", self.projects[request.parts[0]]
        archive.write_bytes(request.body)
        for job in map(job_of, imported(archive, "job").values()):
            project.jobs[job["uuid"]] = job
        if request.query.get("importConfig") == "true":
            project.properties = _properties("".join(imported(archive, "properties").values()))
        if request.query.get("importACL") == "true":
            project.policies |= imported(archive, "policy")
        if request.query.get("importWebhooks") == "true":
            for text in imported(archive, "webhooks").values():
                project.webhooks += [
                    {**hook, "authToken": secrets.token_hex(16)} for hook in yaml.safe_load(text)["webhooks"]
                ]
        return 200, {"import_status": "successful"}

    def run(self, request: Request) -> Answer:
        """``POST /job/ID/run``; answered when the job has ended."""
        wanted = request.parts[0]
        for name, project in self.projects.items():
            if wanted in project.jobs:
                number = self.start(name, project, wanted, request.json().get("options") or {})
                return 200, self.execution_of(number)
        return 404, {"error": True, "message": f"no job {wanted}"}

    def execution(self, request: Request) -> Answer:
        """``GET /execution/ID``."""
        number = int(request.parts[0])
        return (200, self.execution_of(number)) if 0 < number <= len(self.runs) else (404, {"error": True})

    def output(self, request: Request) -> Answer:
        """``GET /execution/ID/output``, as text."""
        number = int(request.parts[0])
        return (200, "\n".join(self.runs[number - 1].output)) if 0 < number <= len(self.runs) else (404, "")

    def execution_of(self, number: int) -> dict[str, Any]:
        """Describe an execution as the API does."""
        return {"id": number, "status": "succeeded" if self.runs[number - 1].succeeded else "failed"}

    def job_file(self, project: Project) -> Path:
        """A file with the jobs of a project."""
        file = self.folder / "jobs.yaml"
        file.write_text(yaml.safe_dump(list(project.jobs.values()), sort_keys=False))
        return file

    def start(self, name: str, project: Project, job: str, options: dict[str, str]) -> int:
        """Run a job, and return the number of the execution when it has ended."""
        self.runs.append(self._run(name, project, job, options))
        return len(self.runs)

    def _run(self, name: str, project: Project, job: str, options: dict[str, str]) -> JobRun:
        return run_job(
            self.job_file(project),
            job=job,
            project=name,
            options=options,
            keys=self.keys,
            project_properties=project.properties,
            plugins=sorted(self.libext.glob("*.zip")),
        )


@dataclass(frozen=True)
class Request:
    """A request whose path is known."""

    parts: tuple[str, ...]
    queries: dict[str, list[str]]
    content_type: str
    body: bytes
    method: str
    member: Member | None = None

    @property
    def query(self) -> dict[str, str]:
        """The parameters, of several with one name the last."""
        return {name: values[-1] for name, values in self.queries.items()}

    def json(self) -> dict[str, Any]:
        """The body; an empty one is an empty object."""
        return dict(json.loads(self.body or b"{}"))


_ROUTES: tuple[tuple[str, str, Callable[[Server, Request], Answer]], ...] = (
    ("POST", "/projects", Server.make_project),
    ("POST", "/storage/keys/(.+)", Server.store_key),
    ("PUT", "/project/([^/]+)/import", Server.import_archive),
    ("POST", "/job/([^/]+)/run", Server.run),
    ("GET", "/execution/(\\d+)", Server.execution),
    ("GET", "/execution/(\\d+)/output", Server.output),
)


@contextmanager
def listening(state: Server) -> Iterator[str]:
    """Serve ``state`` and yield its URL."""

    class Handler(_Handler):
        server_state = state

    server = ThreadingHTTPServer((HOST, 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    server_state: Server

    def do_GET(self) -> None:  # noqa: N802 - http.server's name
        self._serve("GET")

    def do_POST(self) -> None:  # noqa: N802 - http.server's name
        self._serve("POST")

    def do_DELETE(self) -> None:  # noqa: N802 - http.server's name
        self._serve("DELETE")

    def do_PUT(self) -> None:  # noqa: N802 - http.server's name
        self._serve("PUT")

    def _serve(self, method: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        token = self.headers.get("X-Rundeck-Auth-Token") or ""
        member = self.server_state.administration.tokens.get(token)
        if token != self.server_state.token and not member:
            status, answer = 403, {"error": True, "message": "(Token:******) is not authorized"}
        else:
            content_type = self.headers.get("Content-Type") or ""
            status, answer = self.server_state.answer(method, self.path, content_type, body, member)
        content = (answer if isinstance(answer, str) else json.dumps(answer)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain" if isinstance(answer, str) else "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - http.server's name
        """Says nothing."""


def _properties(text: str) -> dict[str, str]:
    """A file of Java properties without continued lines; a blank value is none, as in Rundeck's form."""
    lines = [line.partition("=") for line in text.splitlines() if line and not line.startswith("#")]
    return {name: value.replace("\\\\", "\\") for name, _, value in lines if value}
