"""The processing of each request: journal, limits, key, version, author, body."""

from __future__ import annotations

import re

from flask import Response, current_app, g, request

from lab.pagerduty.account import USERS, user_reference
from lab.pagerduty.journal import entry
from lab.pagerduty.model import Json, invalid_input, unauthenticated, unknown_sender
from lab.pagerduty.simulator import Simulator


def simulator() -> Simulator:
    """Return the account of the app that serves this request. Tests have several apps in a process."""
    account: Simulator = current_app.config["SIMULATOR"]
    return account


def admit() -> None:
    """Reject invalid requests as PagerDuty does. The lab's own endpoints and the Events API need no key."""
    if request.blueprint == "lab":
        return
    g.entry = entry(request)
    if request.blueprint == "events":
        return
    simulator().limits.refuse()
    g.limits = simulator().limits.count(_authenticate())
    version = re.search(r"version=(\w+)", request.headers.get("Accept", ""))
    if version and version[1] != "2":
        raise invalid_input(f"API version {version[1]} is not supported: use version=2")


def record(response: Response) -> Response:
    """Add the headers of the rate limit to the response, and record the request in the journal."""
    response.headers.update(g.get("limits", {}))
    if not response.content_length:
        response.headers.pop("Content-Type", None)
    if "entry" in g:
        simulator().journal.add({**g.entry, "status": response.status_code})
    return response


def author() -> Json:
    """Return the user who makes the change."""
    if request.headers["Authorization"] == f"Token token={simulator().keys.user}":
        return user_reference("oncall@shop.example")
    sender = request.headers.get("From", "")
    if not sender:
        raise invalid_input("From header is required")
    if sender not in USERS:
        raise unknown_sender()
    return user_reference(sender)


def body() -> Json:
    """Return the body, a JSON object. Raises ApiError for other content."""
    value = request.get_json(force=True, silent=True)
    if not isinstance(value, dict):
        raise invalid_input("The request body is not a JSON object")
    return value


def number(name: str, default: int) -> int:
    """Return a number in the query. Raises ApiError for other text."""
    text = request.args.get(name, str(default))
    if not text.isdigit():
        raise invalid_input(f"{name} must be a number")
    return int(text)


def _authenticate() -> str:
    """Return the scheme and key of the request. Raises ApiError for an unknown key."""
    header, keys = request.headers.get("Authorization", ""), simulator().keys
    if header not in (f"Token token={keys.account}", f"Token token={keys.user}", f"Bearer {keys.bearer}"):
        raise unauthenticated()
    return header
