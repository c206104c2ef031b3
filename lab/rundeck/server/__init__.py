"""Imitates the part of a Rundeck server's REST API that the installation uses.

The code of the server is not published as a library. This package follows the documentation of the API and the behavior
of Rundeck 5.20.1 during an installation. Validators, policies, node sources and runs come from rundeck-core. An
administrator may do everything. Others may list jobs, run them and read their own runs.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

from lab.daemon import HOST
from lab.rundeck.server import access_routes, job_routes, key_routes, plugin_routes, project_routes, webhook_routes
from lab.rundeck.server.request import Answer, Request, forbidden, invalid, refusal
from lab.rundeck.server.state import ADMIN, Project, State, User

__all__ = ["ADMIN", "Project", "State", "User", "answer", "listening"]

Act = Callable[[State, Request], Answer]
_ACL = r"/(system|project/[^/]+)/acl"
_ALLOWED = "/authorizations/(?:application/project/([^/]+)|project/([^/]+)/(job|node)/([^/]+))"
_ANYBODY: tuple[tuple[str, str, Act], ...] = (
    ("GET", "/project/([^/]+)/jobs", job_routes.jobs),
    ("POST", "/job/([^/]+)/(?:run|executions)", job_routes.run),
    ("GET", "/execution/(\\d+)", job_routes.execution),
    ("GET", "/execution/(\\d+)/output", job_routes.output),
    ("GET", "/user/roles", access_routes.roles),
    ("GET", "/user/info", access_routes.user_info),
    ("GET", _ALLOWED, access_routes.authorizations),
    ("GET", "/storage/keys/(.*)", key_routes.keys),
)
_ADMINISTRATORS: tuple[tuple[str, str, Act], ...] = (
    ("GET", "/projects", project_routes.list_projects),
    ("POST", "/projects", project_routes.make_project),
    ("GET", "/project/([^/]+)", project_routes.project),
    ("DELETE", "/project/([^/]+)", project_routes.delete_project),
    ("GET", "/project/([^/]+)/config", project_routes.config),
    ("PUT", "/project/([^/]+)/config", project_routes.replace_config),
    ("GET", "/project/([^/]+)/config/([^/]+)", project_routes.config_value),
    ("PUT", "/project/([^/]+)/config/([^/]+)", project_routes.set_config_value),
    ("DELETE", "/project/([^/]+)/config/([^/]+)", project_routes.delete_config_value),
    ("GET", r"/project/([^/]+)/(readme\.md|motd\.md)", project_routes.text),
    ("PUT", r"/project/([^/]+)/(readme\.md|motd\.md)", project_routes.put_text),
    ("GET", "/project/([^/]+)/resources", project_routes.resources),
    ("GET", "/project/([^/]+)/sources", project_routes.sources),
    ("PUT", "/project/([^/]+)/import", project_routes.put_archive),
    ("POST", "/project/([^/]+)/jobs/import", job_routes.import_jobs),
    ("GET", "/project/([^/]+)/jobs/export", job_routes.export_jobs),
    ("GET", "/job/([^/]+)", job_routes.job),
    ("DELETE", "/job/([^/]+)", job_routes.delete_job),
    ("GET", "/project/([^/]+)/webhooks", webhook_routes.webhooks),
    ("POST", "/project/([^/]+)/webhook/([^/]+)", webhook_routes.change_webhook),
    ("DELETE", "/project/([^/]+)/webhook/([^/]+)", webhook_routes.delete_webhook),
    ("POST", "/storage/keys/(.+)", key_routes.make_key),
    ("PUT", "/storage/keys/(.+)", key_routes.change_key),
    ("DELETE", "/storage/keys/(.+)", key_routes.delete_key),
    ("GET", f"{_ACL}/", access_routes.policies),
    ("GET", rf"{_ACL}/([^/]+\.aclpolicy)", access_routes.policy),
    ("POST", rf"{_ACL}/([^/]+\.aclpolicy)", access_routes.make_policy),
    ("PUT", rf"{_ACL}/([^/]+\.aclpolicy)", access_routes.change_policy),
    ("DELETE", rf"{_ACL}/([^/]+\.aclpolicy)", access_routes.delete_policy),
    ("POST", "/tokens(?:/([^/]+))?", access_routes.make_token),
    ("DELETE", "/token/([^/]+)", access_routes.delete_token),
    ("GET", "/plugin/list", plugin_routes.plugins),
)


def answer(state: State, method: str, url: str, headers: dict[str, str], body: bytes) -> Answer:
    """Respond to a request. The names of ``headers`` are in lower case."""
    parts = urlsplit(url)
    if hook := re.fullmatch(r"/api/\d+/webhook/(\w+)", parts.path):
        return webhook_routes.deliver(state, hook[1], body) if method == "POST" else _answer_unknown(method, parts.path)
    user = state.users.get(headers.get("x-rundeck-auth-token", ""))
    if user is None:
        return refusal(403, "unauthorized", "(Token:******) is not authorized")
    for routes, open_to in ((_ANYBODY, True), (_ADMINISTRATORS, user.is_admin)):
        for verb, pattern, act in routes:
            match = re.fullmatch(rf"/api/\d+{pattern}", parts.path)
            if verb != method or match is None:
                continue
            if not open_to:
                return forbidden(f"of administrators: {method} {parts.path}")
            values = tuple(unquote(part or "") for part in match.groups())
            kind = headers.get("content-type", "").partition(";")[0].strip()
            return _act(act, state, Request(user, values, parse_qs(parts.query), kind, headers.get("accept", ""), body))
    return _answer_unknown(method, parts.path)


def _act(act: Act, state: State, request: Request) -> Answer:
    try:
        return act(state, request)
    except (KeyError, TypeError, ValueError) as error:
        return invalid(f"the body is not what the API documents: {error!r}")


def _answer_unknown(method: str, path: str) -> Answer:
    return refusal(404, "api.error.invalid.request", f"Invalid API Request: {method} {path}")


@contextmanager
def listening(state: State) -> Iterator[str]:
    """Serve ``state`` and yield its URL. At the end, wait for the runs that it started."""

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
        for execution in state.executions:
            execution.run.exception()


class _Handler(BaseHTTPRequestHandler):
    server_state: State

    def do_GET(self) -> None:  # noqa: N802 - http.server's name
        self._serve("GET")

    def do_POST(self) -> None:  # noqa: N802 - http.server's name
        self._serve("POST")

    def do_PUT(self) -> None:  # noqa: N802 - http.server's name
        self._serve("PUT")

    def do_DELETE(self) -> None:  # noqa: N802 - http.server's name
        self._serve("DELETE")

    def _serve(self, method: str) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        status, content = answer(self.server_state, method, self.path, headers, body)
        is_text = isinstance(content, str)
        sent = b"" if content is None else (content if is_text else json.dumps(content)).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain" if is_text else "application/json")
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        self.wfile.write(sent)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - http.server's name
        """Log nothing."""
