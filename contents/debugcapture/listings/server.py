"""The values of dropdowns over HTTP, read-only, for Rundeck's `valuesUrl`: there an option may depend on another.

`Service.answer` decides, `application` puts it behind WSGI, `serve` behind waitress, which bounds threads, connections,
the size of a request and how long it may take to arrive. It speaks plain HTTP: TLS is up to what is in front of it.

    GET /namespaces
    GET /workloads?namespace=NS
    GET /pods?namespace=NS[&workload=NAME or KIND/NAME]    the unhealthy ones first
    GET /containers?namespace=NS&pod=POD
    GET /collectors
    GET /healthz                                           without a token
"""

import hmac
import ipaddress
import json
import re
import socket
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from http import HTTPStatus
from threading import Lock
from typing import Any, Final
from urllib.parse import parse_qsl

from ..backoff import Rate
from ..errors import BadInput, CaptureError, NotAllowed, TargetNotFound, Unreachable
from ..kube.client import Api
from ..kube.resources import WORKLOAD_KINDS, kind_of
from ..settings.declare import Rule
from ..settings.listings import ListenSettings
from ..settings.target import TargetSettings
from ..text import one_line
from .cache import Answers, MemoryShelf
from .options import Kind, Listed, Row, Source, Wanted, json_text

RATE = Rate(per_s=20, burst=60)  # of requests that have the token; a form asks once an option
_THREADS, _CONNECTIONS, _REQUEST_MOST_BYTES, _ARRIVES_S = 8, 64, 8 << 10, 10
_PARAMETERS: Final[Mapping[Kind, tuple[str, ...]]] = {
    "namespaces": (),
    "workloads": ("namespace",),
    "pods": ("namespace", "workload"),
    "containers": ("namespace", "pod"),
    "collectors": (),
}
_OPTIONAL: Final = ("workload",)
_RULES: Final[Mapping[str, Rule]] = {one.name: one.metadata["rule"] for one in fields(TargetSettings)}
_STATUS: Final[tuple[tuple[type[CaptureError], HTTPStatus], ...]] = (
    (BadInput, HTTPStatus.BAD_REQUEST),
    (NotAllowed, HTTPStatus.FORBIDDEN),
    (TargetNotFound, HTTPStatus.NOT_FOUND),
    (Unreachable, HTTPStatus.SERVICE_UNAVAILABLE),
)
Say = Callable[[str], None]
StartResponse = Callable[[str, list[tuple[str, str]]], object]


@dataclass(frozen=True, slots=True)
class Asked:
    """A request."""

    method: str
    path: str
    query: str = ""
    authorization: str = ""


@dataclass(frozen=True, slots=True)
class Reply:
    """What is sent back: JSON."""

    status: HTTPStatus
    body: str
    headers: Mapping[str, str] = field(default_factory=dict)


class Gate:
    """Lets requests through at a rate, and refuses the others."""

    def __init__(self, rate: Rate = RATE, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with all of the rate's burst to spare."""
        self._rate, self._until, self._clock, self._lock = rate, float("-inf"), clock, Lock()

    def allows(self) -> bool:
        """Tell whether one more is let through now."""
        with self._lock:
            now = self._clock()
            if self._rate.wait_s(self._until, now) > 0:
                return False
            self._until = self._rate.promise(self._until, now)
            return True


@dataclass(frozen=True, slots=True)
class Service:
    """Answers requests. ``namespaces`` are the only ones that are answered about, () means that all are."""

    listed: Callable[[Wanted], Listed]
    collectors: tuple[Row, ...]
    token: str
    namespaces: tuple[str, ...] = ()
    gate: Gate = field(default_factory=Gate)
    say: Say = print

    def answer(self, asked: Asked) -> Reply:
        """Return the answer to a request. Nothing of it is repeated there before it has passed the rules."""
        if asked.method != "GET":
            return _problem(HTTPStatus.METHOD_NOT_ALLOWED, "only GET is allowed", {"Allow": "GET"})
        if asked.path == "/healthz":
            return Reply(HTTPStatus.OK, json.dumps({"status": "ok"}))
        if not self._is_known(asked.authorization):
            return _problem(
                HTTPStatus.UNAUTHORIZED, "the bearer token is missing or wrong", {"WWW-Authenticate": "Bearer"}
            )
        if not self.gate.allows():
            return _problem(HTTPStatus.TOO_MANY_REQUESTS, "too many requests", {"Retry-After": "1"})
        try:
            return self._rows(asked)
        except CaptureError as error:
            return self._failed(error)

    def _is_known(self, authorization: str) -> bool:
        scheme, _, given = authorization.partition(" ")
        same = hmac.compare_digest(given.strip().encode(), self.token.encode())
        return same and scheme.lower() == "bearer"

    def _rows(self, asked: Asked) -> Reply:
        kind = next((one for one in _PARAMETERS if asked.path == f"/{one}"), None)
        if not kind:
            return _problem(HTTPStatus.NOT_FOUND, f"the paths are {', '.join(f'/{one}' for one in _PARAMETERS)}")
        given = parameters(kind, asked.query)
        if kind == "collectors":
            return Reply(HTTPStatus.OK, json_text(self.collectors))
        if any(not given[name] for name in _PARAMETERS[kind] if name not in _OPTIONAL):
            return Reply(HTTPStatus.OK, "[]")  # the option that it depends on has no value yet
        listed = self.listed(self._wanted(kind, given))
        if listed.late:
            self.say(f"/{kind}: {listed.late} Sent the list from {listed.at:%Y-%m-%d %H:%M:%S} UTC.")
        return Reply(HTTPStatus.OK, json_text(listed.rows))

    def _wanted(self, kind: Kind, given: Mapping[str, str]) -> Wanted:
        if kind == "namespaces":
            return Wanted(kind, self.namespaces)
        namespace = given["namespace"]
        if self.namespaces and namespace not in self.namespaces:
            raise NotAllowed("cannot respond", "the namespace is not configured")
        return Wanted(kind, (namespace,), given.get("workload", ""), given.get("pod", ""))

    def _failed(self, error: CaptureError) -> Reply:
        status = next((status for kind, status in _STATUS if isinstance(error, kind)), HTTPStatus.BAD_GATEWAY)
        if not isinstance(error, BadInput):
            self.say(str(error))
        return _problem(status, str(error), {"Retry-After": "5"} if status == HTTPStatus.SERVICE_UNAVAILABLE else {})


def parameters(kind: Kind, query: str) -> dict[str, str]:
    """Return the parameters of a query, checked by the rules of the settings that they will become.

    Raises BadInput, which does not repeat what was sent.
    """
    known = _PARAMETERS[kind]
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=8, errors="strict")
    except ValueError:  # UnicodeDecodeError is one
        raise BadInput("invalid query", "it cannot be read") from None
    given = dict(pairs)
    problems = ["a parameter occurs twice"] if len(given) < len(pairs) else []
    problems += [f"the only parameters are: {', '.join(known) or 'none'}"] if given.keys() - set(known) else []
    problems += [f"{name} is missing" for name in known if name not in given and name not in _OPTIONAL]
    problems += [f"{name} must be {_RULES[name].allowed}" for name in known if not _fits(name, given.get(name, ""))]
    if problems:
        raise BadInput("invalid query", "; ".join(problems))
    return given


def application(service: Service) -> Callable[[Mapping[str, Any], StartResponse], Iterable[bytes]]:
    """Return ``service`` as a WSGI application (PEP 3333)."""

    def run(environ: Mapping[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        asked = Asked(
            environ["REQUEST_METHOD"],
            environ.get("PATH_INFO", ""),
            environ.get("QUERY_STRING", ""),
            environ.get("HTTP_AUTHORIZATION", ""),
        )
        try:
            reply = service.answer(asked)
        except Exception as error:  # noqa: BLE001 - one bad answer must not end the service, nor show what is inside
            service.say(f"{type(error).__name__}: {one_line(error)}. Please report this bug.")
            reply = _problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal error; see the log")
        body = reply.body.encode()
        headers = {
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
            **reply.headers,
        }
        start_response(f"{reply.status.value} {reply.status.phrase}", list(headers.items()))
        return [body]

    return run


@dataclass(frozen=True, slots=True)
class Offer:
    """What a service answers about, and how fresh that is."""

    namespaces: tuple[str, ...]
    collectors: tuple[Row, ...]
    most: int
    fresh_s: int
    wait_s: int


def service_of(api: Api, listen: ListenSettings, wanted: Offer, say: Say) -> Service:
    """Return the service for a cluster, its answers kept in memory."""
    answers = Answers(MemoryShelf(), fresh_s=wanted.fresh_s, wait_s=wanted.wait_s)
    source = Source(api, answers, wanted.most)
    return Service(source.listed, wanted.collectors, listen.options_token, wanted.namespaces, say=say)


def serve(service: Service, listen: str) -> None:
    """Answer on the address ``listen`` until the process is told to end (SIGTERM). Raises BadInput when it is taken."""
    import waitress

    host, port = _address(listen)
    family = socket.AF_INET6 if host.version == 6 else socket.AF_INET
    try:
        listening = socket.create_server((str(host), port), family=family)
    except OSError as error:
        raise BadInput(f"cannot listen on {listen}", error.strerror or str(error), "Choose another port.") from error
    server = waitress.create_server(
        application(service),
        sockets=[listening],
        threads=_THREADS,
        connection_limit=_CONNECTIONS,
        channel_timeout=_ARRIVES_S,
        cleanup_interval=_ARRIVES_S,
        max_request_header_size=_REQUEST_MOST_BYTES,
        max_request_body_size=_REQUEST_MOST_BYTES,
        ident="",
    )
    if not host.is_loopback:
        service.say(
            "The server uses plain HTTP and is reachable from other machines: put a proxy or a service mesh "
            "with TLS in front of it."
        )
    service.say(f"listening on {_url(host, listening.getsockname()[1])}")
    server.run()  # returns at SystemExit, after the requests that are being answered
    service.say("stopped")


def _address(listen: str) -> tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, int]:
    host, _, port = listen.rpartition(":")
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        raise BadInput(f"cannot listen on {listen}", "it is not an IP address", "For example 127.0.0.1:8790.") from None
    if int(port) > 65535:
        raise BadInput(f"cannot listen on {listen}", "the port is not valid", "For example 127.0.0.1:8790.")
    return address, int(port)


def _url(host: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int) -> str:
    return f"http://[{host}]:{port}" if host.version == 6 else f"http://{host}:{port}"


def _fits(name: str, value: str) -> bool:
    """Tell whether ``value``, which may be blank, is one that the setting ``name`` takes."""
    kind, slash, _ = value.rpartition("/")
    return not value or bool(
        re.fullmatch(_RULES[name].pattern, value) and (not slash or kind_of(kind) in WORKLOAD_KINDS)
    )


def _problem(status: HTTPStatus, why: str, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(status, json.dumps({"error": why}), headers or {})
