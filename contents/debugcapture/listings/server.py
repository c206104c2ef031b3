"""The values of dropdowns over HTTP, read-only. With Rundeck's `valuesUrl`, one option can depend on another.

GET /namespaces
GET /workloads?namespace=NS
GET /pods?namespace=NS[&workload=NAME or KIND/NAME]    the unhealthy ones first
GET /containers?namespace=NS&pod=POD
GET /collectors
GET /healthz                                           without a token
"""

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from http import HTTPStatus
from threading import Lock
from typing import Final
from urllib.parse import parse_qsl

from ..backoff import Rate
from ..errors import BadInput, CaptureError, NotAllowed, TargetNotFound, Unreachable
from ..kube.client import Api
from ..kube.resources import KINDS_WITHOUT_PODS, kind_of
from ..model import Report
from ..serving.http import Reply, Request, has_bearer_token, json_problem
from ..settings.declare import Rule
from ..settings.listings import ListenSettings
from ..settings.target import TargetSettings
from .cache import Cache, MemoryStorage
from .options import Kind, ListQuery, OptionList, Row, Source, json_text

RATE = Rate(per_s=20, burst=60)  # for authorized requests; a form sends one per option
_PARAMETERS: Final[Mapping[Kind, tuple[str, ...]]] = {
    "namespaces": (),
    "workloads": ("namespace",),
    "pods": ("namespace", "workload"),
    "containers": ("namespace", "pod"),
    "collectors": (),
}
_OPTIONAL: Final = ("workload",)
_RULES: Final[Mapping[str, Rule]] = {name.name: name.metadata["rule"] for name in fields(TargetSettings)}
_STATUS: Final[tuple[tuple[type[CaptureError], HTTPStatus], ...]] = (
    (BadInput, HTTPStatus.BAD_REQUEST),
    (NotAllowed, HTTPStatus.FORBIDDEN),
    (TargetNotFound, HTTPStatus.NOT_FOUND),
    (Unreachable, HTTPStatus.SERVICE_UNAVAILABLE),
)


class RateLimiter:
    """Limits the rate of requests."""

    def __init__(self, rate: Rate = RATE, clock: Callable[[], float] = time.monotonic) -> None:
        """Start with the complete burst available."""
        self._rate, self._until, self._clock, self._lock = rate, float("-inf"), clock, Lock()

    def is_allowed(self) -> bool:
        """Return whether one more request is allowed now."""
        with self._lock:
            now = self._clock()
            if self._rate.wait_s(self._until, now) > 0:
                return False
            self._until = self._rate.promise(self._until, now)
            return True


@dataclass(frozen=True, slots=True)
class Service:
    """Answers requests. ``namespaces`` are the only ones that are answered about, () means that all are."""

    read_list: Callable[[ListQuery], OptionList]
    collectors: tuple[Row, ...]
    token: str
    namespaces: tuple[str, ...] = ()
    rate_limiter: RateLimiter = field(default_factory=RateLimiter)
    report: Report = print

    def answer(self, request: Request) -> Reply:
        """Return the answer to a request. Nothing of it is repeated there before it has passed the rules."""
        if request.method != "GET":
            return json_problem(HTTPStatus.METHOD_NOT_ALLOWED, "only GET is allowed", {"Allow": "GET"})
        if request.path == "/healthz":
            return Reply(HTTPStatus.OK, json.dumps({"status": "ok"}))
        if not has_bearer_token(request.authorization, self.token):
            return json_problem(
                HTTPStatus.UNAUTHORIZED, "the bearer token is missing or wrong", {"WWW-Authenticate": "Bearer"}
            )
        if not self.rate_limiter.is_allowed():
            return json_problem(HTTPStatus.TOO_MANY_REQUESTS, "too many requests", {"Retry-After": "1"})
        try:
            return self._rows(request)
        except CaptureError as error:
            return self._error_reply(error)

    def _rows(self, request: Request) -> Reply:
        kind = next((name for name in _PARAMETERS if request.path == f"/{name}"), None)
        if not kind:
            return json_problem(HTTPStatus.NOT_FOUND, f"the paths are {', '.join(f'/{name}' for name in _PARAMETERS)}")
        values = parse_query(kind, request.query)
        if kind == "collectors":
            return Reply(HTTPStatus.OK, json_text(self.collectors))
        if any(not values[name] for name in _PARAMETERS[kind] if name not in _OPTIONAL):
            return Reply(HTTPStatus.OK, "[]")  # the option that this one depends on has no value yet
        option_list = self.read_list(self._query(kind, values))
        if option_list.stale_reason:
            self.report(
                f"/{kind}: {option_list.stale_reason} Sent the list from {option_list.time:%Y-%m-%d %H:%M:%S} UTC."
            )
        return Reply(HTTPStatus.OK, json_text(option_list.rows))

    def _query(self, kind: Kind, values: Mapping[str, str]) -> ListQuery:
        if kind == "namespaces":
            return ListQuery(kind, self.namespaces)
        namespace = values["namespace"]
        if self.namespaces and namespace not in self.namespaces:
            raise NotAllowed("cannot respond", "the namespace is not configured")
        return ListQuery(kind, (namespace,), values.get("workload", ""), values.get("pod", ""))

    def _error_reply(self, error: CaptureError) -> Reply:
        status = next((status for kind, status in _STATUS if isinstance(error, kind)), HTTPStatus.BAD_GATEWAY)
        if not isinstance(error, BadInput):
            self.report(str(error))
        return json_problem(
            status, str(error), {"Retry-After": "5"} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
        )


def parse_query(kind: Kind, query: str) -> dict[str, str]:
    """Return the parameters of a query, checked by the rules of the settings that they will become.

    Raises BadInput, which does not repeat what was sent.
    """
    names = _PARAMETERS[kind]
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=8, errors="strict")
    except ValueError:  # UnicodeDecodeError is one
        raise BadInput("invalid query", "it cannot be read") from None
    values = dict(pairs)
    problems = ["a parameter occurs twice"] if len(values) < len(pairs) else []
    problems += [f"the only parameters are: {', '.join(names) or 'none'}"] if values.keys() - set(names) else []
    problems += [f"{name} is missing" for name in names if name not in values and name not in _OPTIONAL]
    problems += [
        f"{name} must be {_RULES[name].allowed}" for name in names if not _is_valid(name, values.get(name, ""))
    ]
    if problems:
        raise BadInput("invalid query", "; ".join(problems))
    return values


@dataclass(frozen=True, slots=True)
class ServiceOptions:
    """The options of a service: what it lists, how many rows, and for how long it caches them."""

    namespaces: tuple[str, ...]
    collectors: tuple[Row, ...]
    max_rows: int
    ttl_s: int
    timeout_s: int


def create_service(api: Api, listen: ListenSettings, options: ServiceOptions, report: Report) -> Service:
    """Return the service for a cluster. It caches lists in memory."""
    cache = Cache(MemoryStorage(), ttl_s=options.ttl_s, timeout_s=options.timeout_s)
    source = Source(api, cache, options.max_rows)
    return Service(source.read_list, options.collectors, listen.options_token, options.namespaces, report=report)


def _is_valid(name: str, value: str) -> bool:
    """Return whether ``value``, which may be blank, is valid for the setting ``name``."""
    kind, slash, _ = value.rpartition("/")
    return not value or bool(
        re.fullmatch(_RULES[name].pattern, value) and (not slash or kind_of(kind) not in KINDS_WITHOUT_PODS)
    )
