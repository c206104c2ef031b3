"""What goes in and out of the simulated API, and the errors it can answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Request:
    """One HTTP request, without the HTTP server. Header names are lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Json:
        """The body as an object; ApiError when it is none."""
        try:
            value = json.loads(self.body)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise invalid_input("The request body is not a JSON object")
        return value


@dataclass(frozen=True)
class Answer:
    """One HTTP answer; `content` None means an empty body."""

    status: int
    content: bytes | None
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


class ApiError(Exception):
    """An error in PagerDuty's own shape: `{"error": {"message", "code", "errors"}}`."""

    def __init__(self, status: int, message: str, code: int, errors: tuple[str, ...] = ()) -> None:
        """`errors` are the details that PagerDuty lists."""
        super().__init__(message)
        self.status = status
        self.content: Json = {
            "error": {"message": message, "code": code, **({"errors": list(errors)} if errors else {})}
        }

    def answer(self) -> Answer:
        """What the client gets."""
        return json_answer(self.status, self.content)


def json_answer(status: int, content: object) -> Answer:
    """An answer with a JSON body."""
    return Answer(status, json.dumps(content).encode())


def html_answer(page: str) -> Answer:
    """An answer for a browser. Nothing is loaded from elsewhere and no script runs."""
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return Answer(200, page.encode(), "text/html; charset=utf-8", {"Content-Security-Policy": policy})


def invalid_input(*errors: str) -> ApiError:
    """A request that must not be repeated as it is."""
    return ApiError(400, "Invalid Input Provided", 2001, errors)


def not_found() -> ApiError:
    """Nothing is at this address."""
    return ApiError(404, "Not Found", 2100)


def incident_not_found() -> ApiError:
    """The address is one of an incident that does not exist."""
    return ApiError(404, "Incident Not Found", 5001)


def unauthenticated() -> ApiError:
    """The key is missing or unknown."""
    return ApiError(401, "Authentication failed", 2006)


def unknown_sender() -> ApiError:
    """The From header names no user of the account."""
    return ApiError(400, "Requester User Not Found", 1008)


def too_many_notes(limit: int) -> ApiError:
    """An incident takes this many notes and no more."""
    return ApiError(400, "Simple Log Entry Limit Reached", 5002, (f"An incident can have at most {limit} notes",))


def rate_limited() -> ApiError:
    """Too many requests in the window."""
    return ApiError(429, "Rate Limit Exceeded", 2020)
