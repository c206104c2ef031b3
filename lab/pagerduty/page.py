"""Pages for people: all incidents, and one with its notes and alerts. Jinja escapes what comes from outside."""

from __future__ import annotations

from datetime import datetime

from flask import Response, make_response, render_template, request

from lab.pagerduty.incidents import STAMP
from lab.pagerduty.incoming import simulator
from lab.pagerduty.model import Json, not_found

# nothing is loaded from elsewhere and no script runs
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
# they repeat what the labels say
_LAST_DETAILS = ("firing", "resolved", "num_firing", "num_resolved")


def show_page() -> Response | None:
    """Before a request: a browser gets a page at the addresses of the API, and needs no key."""
    if request.method != "GET" or request.blueprint == "lab" or "text/html" not in request.headers.get("Accept", ""):
        return None
    response = make_response(_overview() if request.path in ("/", "/incidents") else _incident())
    response.headers["Content-Security-Policy"] = _POLICY
    return response


def moment(stamp: str) -> str:
    """A time stamp for people."""
    return datetime.strptime(stamp, STAMP).strftime("%d %b %Y, %H:%M UTC")


def labels(details: Json) -> list[tuple[str, object]]:
    """The details of an alert that have a value and do not repeat others."""
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
