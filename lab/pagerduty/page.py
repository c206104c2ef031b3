"""Web pages: the list of incidents, and an incident with its notes and alerts. Jinja escapes external text."""

from __future__ import annotations

from datetime import datetime

from flask import Response, make_response, render_template, request

from lab.pagerduty.incidents import STAMP
from lab.pagerduty.incoming import simulator
from lab.pagerduty.model import Json, not_found

# the page loads no external content and runs no script
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
# these details repeat the labels
_LAST_DETAILS = ("firing", "resolved", "num_firing", "num_resolved")


def show_page() -> Response | None:
    """Return a page if the request is from a browser, which needs no key, at a URL of the API."""
    if request.method != "GET" or request.blueprint == "lab" or "text/html" not in request.headers.get("Accept", ""):
        return None
    response = make_response(_overview() if request.path in ("/", "/incidents") else _incident())
    response.headers["Content-Security-Policy"] = _POLICY
    return response


def moment(stamp: str) -> str:
    """Return a timestamp in a readable format."""
    return datetime.strptime(stamp, STAMP).strftime("%d %b %Y, %H:%M UTC")


def labels(details: Json) -> list[tuple[str, object]]:
    """Return the details of an alert that have a value and do not repeat other details."""
    return [(name, value) for name, value in details.items() if name not in _LAST_DETAILS and value]


def _overview() -> str:
    database = simulator().database
    return render_template("overview.html", incidents=[database.incident(each) for each in database.incident_ids()])


def _incident() -> str:
    identity, database = request.path.removeprefix("/incidents/"), simulator().database
    incident = database.incident(identity)
    if incident is None:
        raise not_found()
    return render_template(
        "incident.html", incident=incident, alerts=database.alerts(identity), notes=database.notes(identity)
    )
