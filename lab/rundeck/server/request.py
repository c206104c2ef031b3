"""A request to the API, and the error responses of the API."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from lab.rundeck.server.state import User

Answer = tuple[int, Any]
"""A status, and a body: JSON, a text, or None for nothing."""


@dataclass(frozen=True)
class Request:
    """A request with a known path, from a user with a valid token."""

    user: User
    parts: tuple[str, ...]
    every: dict[str, list[str]]
    """The parameters, each with all its values."""
    content_type: str
    accept: str
    body: bytes

    @property
    def query(self) -> dict[str, str]:
        """Return the parameters, each with its last value."""
        return {name: values[-1] for name, values in self.every.items()}

    def json(self) -> dict[str, Any]:
        """Return the body, an empty object if it is empty. Raises TypeError if it is not an object."""
        read = json.loads(self.body or b"{}")
        if not isinstance(read, dict):
            raise TypeError("the body is not a JSON object")
        return read

    def text(self) -> str:
        """Return the body, or the `contents` of a JSON body."""
        return str(self.json()["contents"]) if self.content_type == "application/json" else self.body.decode()


def refusal(status: int, code: str, message: str) -> Answer:
    """Return an error in the format of the API."""
    return status, {"error": True, "apiversion": 40, "errorCode": code, "message": message}


def not_found(kind: str, name: str) -> Answer:
    """The object of the path does not exist."""
    return refusal(404, "api.error.item.doesnotexist", f"{kind} does not exist: {name}")


def forbidden(action: str) -> Answer:
    """The user may not do this."""
    return refusal(403, "api.error.item.unauthorized", f"Not authorized for action {action}")


def conflict(kind: str, name: str) -> Answer:
    """An object with that name exists."""
    return refusal(409, "api.error.item.alreadyexists", f"{kind} already exists: {name}")


def invalid(message: str) -> Answer:
    """The request is not what the API documents."""
    return refusal(400, "api.error.invalid.request", message)
