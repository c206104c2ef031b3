"""Imitates the webhook endpoint of a Rundeck server, `webhook-run-job`. The job itself runs in Rundeck's engine.

The code of the server is not published as a library. As in the server, the argument string is split before each part is
filled from the payload, so that a payload cannot add an option. A missing value becomes the text "null". Every rejected
request gets HTTP 400.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from lab.daemon import HOST
from lab.part import LabError
from lab.rundeck.model import JobRun

RunJob = Callable[[Path, dict[str, str]], JobRun]
_PATH = r"data(?:\??\.\w+)+"
_EXPRESSION = re.compile(rf"\$\{{({_PATH}(?:\?:{_PATH})*)\}}")
_MOST_AT_A_TIME = 2  # a run is a JVM and a Python process


class Refused(Exception):  # noqa: N818 - named after the response of the server
    """The server responds with HTTP 400."""


@dataclass
class Webhook:
    """A webhook with the token of its URL and the SHA-256 of the required Authorization header ("" for none)."""

    job_file: Path
    argument_string: str
    token: str
    authorization_sha256: str
    runs: list[Future[JobRun]] = field(default_factory=list)

    @classmethod
    def defined_in(cls, file: Path, jobs: Path, token: str, authorization: str) -> Webhook:
        """Return the first webhook of a webhooks.yaml. Its job is in a file of ``jobs``."""
        (definition,) = _read_yaml(file)["webhooks"]
        if definition["eventPlugin"] != "webhook-run-job":
            raise LabError(f"{file}: only webhook-run-job is understood")
        config = json.loads(definition["config"])
        uuid = config["jobId"]
        paths = [path for path in jobs.glob("*.yaml") if _read_yaml(path)[0]["uuid"] == uuid]
        if not paths:
            raise LabError(f"{file}: no job {uuid} in {jobs}")
        digest = hashlib.sha256(authorization.encode()).hexdigest() if authorization else ""
        return cls(paths[0], config["argString"], token, digest)

    def options(self, body: bytes) -> dict[str, str]:
        """Return the options of the job for a payload. Raises Refused if the server would reject it."""
        return job_options(_read_yaml(self.job_file)[0], self.argument_string, body)


def _read_yaml(file: Path) -> Any:
    """Return the content of a file. libyaml needs a tenth of the time of the reader in Python."""
    return yaml.load(file.read_text(), Loader=yaml.CSafeLoader)


def job_options(job: dict[str, Any], argument_string: str, body: bytes) -> dict[str, str]:
    """Return the options of ``job`` for a payload and an argument string. Raises Refused if the server would."""
    try:
        data = json.loads(body)
    except ValueError as error:
        raise Refused(f"the payload is not JSON: {error}") from None
    parts = [_fill(part, data) for part in argument_string.split()]
    options = {name.removeprefix("-"): value for name, value in zip(parts[::2], parts[1::2], strict=True)}
    _check(job, options)
    return options


@contextmanager
def listening(webhook: Webhook, run: RunJob) -> Iterator[str]:
    """Serve the webhook and yield its URL. At the end, wait for running jobs."""
    with ThreadPoolExecutor(_MOST_AT_A_TIME) as executions:

        class Handler(_Handler):
            hook = webhook

            def start(self, options: dict[str, str]) -> int:
                webhook.runs.append(executions.submit(run, webhook.job_file, options))
                return len(webhook.runs)

        server = ThreadingHTTPServer((HOST, 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://{HOST}:{server.server_address[1]}/api/47/webhook/{webhook.token}#PagerDuty_incident"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


class _Handler(BaseHTTPRequestHandler):
    hook: Webhook

    def start(self, options: dict[str, str]) -> int:
        """Start the job and return the number of the execution."""
        raise NotImplementedError

    def do_POST(self) -> None:  # noqa: N802 - http.server's name
        """Respond as soon as the job has started."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, answer = self._answer(body)
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _answer(self, body: bytes) -> tuple[int, dict[str, str]]:
        if self.path.rpartition("/")[2] != self.hook.token:
            return 400, {"err": "Webhook not found"}
        sent = hashlib.sha256(self.headers.get("Authorization", "").encode()).hexdigest()
        if self.hook.authorization_sha256 and not hmac.compare_digest(sent, self.hook.authorization_sha256):
            return 401, {"err": "Unauthorized"}
        try:
            options = self.hook.options(body)
        except Refused as refused:
            return 400, {"err": str(refused)}
        return 200, {"jobId": self.hook.job_file.stem, "executionId": str(self.start(options))}

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing."""


def _fill(part: str, data: Any) -> str:
    """Fill a part of the argument string. As in Groovy, `.` fails on null, `?.` returns null, `?:` has a default."""

    def value(match: re.Match[str]) -> str:
        values = (_value(path, data) for path in match[1].split("?:"))
        return str(next(filter(None, values), "null"))

    return _EXPRESSION.sub(value, part)


def _value(path: str, data: Any) -> Any:
    value: Any = data
    for safe, name in re.findall(r"(\??)\.(\w+)", path):
        if value is None and not safe:
            raise Refused(f"Cannot get property '{name}' on null object")
        value = value.get(name) if isinstance(value, Mapping) else None
    return value


def _check(job: dict[str, Any], options: Mapping[str, str]) -> None:
    """Make the checks of the server before a job starts. The engine repeats them."""
    declared = {option["name"]: option for option in job.get("options", [])}
    undeclared = options.keys() - declared.keys()
    if undeclared:
        raise Refused(f"options that the job does not have: {', '.join(sorted(undeclared))}")
    for name, option in declared.items():
        value = options.get(name, option.get("value", ""))
        if option.get("required") and not value:
            raise Refused(f"Option '{name}' is required.")
        if value and "regex" in option and not re.search(option["regex"], value):
            raise Refused(f"Option '{name}' doesn't match regular expression {option['regex']}, value: {value}")
