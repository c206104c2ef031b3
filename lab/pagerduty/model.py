"""JSON objects, and the errors of the simulated API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]


class ApiError(Exception):
    """The response to a failed request. With `content` None, the body is empty."""

    def __init__(self, status: int, content: Json | None, headers: Mapping[str, str] | None = None) -> None:
        """`content` has PagerDuty's format (see `error_body`)."""
        super().__init__(f"HTTP {status}")
        self.status = status
        self.content = content
        self.headers = dict(headers or {})


def error_body(message: str, code: int, *errors: str) -> Json:
    """Return the body of an error in PagerDuty's documented format, with the details `errors`."""
    return {"error": {"message": message, "code": code, **({"errors": list(errors)} if errors else {})}}


def invalid_input(*errors: str) -> ApiError:
    """The request is invalid and must not be repeated unchanged."""
    return ApiError(400, error_body("Invalid Input Provided", 2001, *errors))


def not_found() -> ApiError:
    """Nothing exists at this address."""
    return ApiError(404, error_body("Not Found", 2100))


def incident_not_found() -> ApiError:
    """The incident of the address does not exist."""
    return ApiError(404, error_body("Incident Not Found", 5001))


def unauthenticated() -> ApiError:
    """The key is missing or unknown."""
    return ApiError(401, error_body("Authentication failed", 2006))


def unknown_sender() -> ApiError:
    """The user in the From header is not in the account."""
    return ApiError(400, error_body("Requester User Not Found", 1008))


def too_many_notes(limit: int) -> ApiError:
    """The incident has the maximum number of notes."""
    details = f"An incident can have at most {limit} notes"
    return ApiError(400, error_body("Simple Log Entry Limit Reached", 5002, details))


def rate_limited(headers: Mapping[str, str]) -> ApiError:
    """Too many requests in the window; `headers` contain the time of the next attempt."""
    return ApiError(429, error_body("Rate Limit Exceeded", 2020), headers)
