"""Where a machine gets temporary credentials on AWS: the token service, and the metadata service beside each machine.

moto has both, but does not validate requests. These servers do.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs

ASSUMED = "ASIAASSUMED"
_TOKEN = "metadata-token"  # noqa: S105
_ANSWER = """<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><AssumeRoleResult><Credentials>
<AccessKeyId>{key}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken>
<Expiration>{ends}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"""
_REFUSAL = """<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type>
<Code>AccessDenied</Code><Message>not authorized to perform: sts:AssumeRole</Message></Error></ErrorResponse>"""


class _Quiet(BaseHTTPRequestHandler):
    def answer(self, status: int, body: str, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def token_service(external_id: str) -> AbstractContextManager[str]:
    """Yield the URL of an STS whose roles require ``external_id``; "" for none."""

    class Handler(_Quiet):
        def do_POST(self) -> None:
            sent = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            if sent.get("ExternalId", [""]) != [external_id]:
                self.answer(403, _REFUSAL)
                return
            ends = datetime.now(timezone.utc) + timedelta(hours=1)
            self.answer(200, _ANSWER.format(key=ASSUMED, ends=ends.strftime("%Y-%m-%dT%H:%M:%SZ")))

    return _serving(Handler)


def metadata_service(ends: datetime) -> AbstractContextManager[str]:
    """Yield the URL of the credentials of an instance (IMDSv2) or a container, which are valid until ``ends``."""
    credentials = {"Code": "Success", "AccessKeyId": ASSUMED, "SecretAccessKey": "s", "Token": "t"}
    body = json.dumps({**credentials, "Expiration": ends.strftime("%Y-%m-%dT%H:%M:%SZ")})
    role = "/latest/meta-data/iam/security-credentials/"
    pages = {role: "captures", f"{role}captures": body}

    class Handler(_Quiet):
        def do_PUT(self) -> None:
            self.answer(200, _TOKEN, {"x-aws-ec2-metadata-token-ttl-seconds": "60"})

        def do_GET(self) -> None:
            if self.path == "/credentials":
                self.answer(200, body)
            elif self.headers.get("x-aws-ec2-metadata-token") != _TOKEN:
                self.answer(401, "")
            else:
                self.answer(200 if self.path in pages else 404, pages.get(self.path, ""))

    return _serving(Handler)


@contextmanager
def _serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
