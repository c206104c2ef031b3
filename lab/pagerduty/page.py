"""Pages for people: all incidents, and one with its notes and alerts. Everything that comes from outside is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from html import escape
from pathlib import Path
from string import Template

from lab.pagerduty.incidents import STAMP
from lab.pagerduty.model import Json

_PAGE = Template((Path(__file__).parent / "page.html").read_text())
_URL = re.compile(r"https?://[^\s<>\"']+")
_LONGEST_LINK = 96
_LAST_DETAILS = ("firing", "resolved", "num_firing", "num_resolved")  # they repeat what the labels say


def overview_page(incidents: list[Json]) -> str:
    """All incidents."""
    rows = "".join(
        f"<tr><td>{_pill(incident['status'])}</td>"
        f'<td><a href="/incidents/{escape(incident["id"])}">{escape(incident["title"])}</a></td>'
        f"<td>{escape(incident['service']['summary'])}</td><td>{_moment(incident['created_at'])}</td></tr>"
        for incident in incidents
    )
    head = f'<h1>Incidents</h1><p class="lead">{len(incidents)} in this account</p>'
    return _page("Incidents", head + _card(f"<table>{rows}</table>"))


def incident_page(incident: Json, alerts: list[Json], notes: list[Json]) -> str:
    """One incident, its latest note on top."""
    head = (
        f"{_pill(incident['status'])} <h1>{escape(incident['title'])}</h1>"
        f'<p class="lead">Incident #{incident["incident_number"]} on {escape(incident["service"]["summary"])}</p>'
    )
    left = _section("Notes", [_note(note) for note in reversed(notes)], "No notes yet.")
    left += _section("Alerts", [_alert(alert) for alert in alerts], "No alerts.")
    right = _card("<h2>Details</h2>" + _definitions(_facts(incident)))
    return _page(incident["title"], f'{head}<div class="columns"><div>{left}</div><aside>{right}</aside></div>')


def link_urls(text: str) -> str:
    """The text as HTML, its URLs clickable and shown short."""
    out, end = [], 0
    for match in _URL.finditer(text):
        url = match[0].rstrip(".,;:!?)")
        out += [escape(text[end : match.start()]), _link(url)]
        end = match.start() + len(url)
    return "".join([*out, escape(text[end:])])


def _link(url: str) -> str:
    label = url if len(url) <= _LONGEST_LINK else _short(url)
    return f'<a href="{escape(url)}" title="{escape(url)}" rel="noreferrer">{escape(label)}</a>'


def _short(url: str) -> str:
    """The URL without its signature, which has hundreds of characters and no meaning for a reader."""
    place, question, _ = url.partition("?")
    return place[:_LONGEST_LINK] + (question and "?") + "…"


def _moment(stamp: str) -> str:
    return datetime.strptime(stamp, STAMP).strftime("%d %b %Y, %H:%M UTC")


def _page(title: str, content: str) -> str:
    return _PAGE.substitute(title=escape(title), content=content)


def _card(content: str) -> str:
    return f'<section class="card">{content}</section>'


def _section(title: str, entries: list[str], nothing: str) -> str:
    content = "".join(entries) or f'<p class="empty">{nothing}</p>'
    return _card(f"<h2>{title}<small>{len(entries)}</small></h2>{content}")


def _pill(text: str) -> str:
    return f'<span class="pill {escape(text)}">{escape(text)}</span>'


def _note(note: Json) -> str:
    name = note["user"]["summary"]
    initials = "".join(word[0] for word in name.split()[:2]).upper()
    edited = " (edited)" if note["updated_at"] != note["created_at"] else ""
    return (
        f'<article class="note"><div class="face">{escape(initials)}</div><div>'
        f"<header><b>{escape(name)}</b>{_moment(note['created_at'])}{edited}</header>"
        f"<p>{link_urls(note['content'])}</p></div></article>"
    )


def _alert(alert: Json) -> str:
    details = alert["body"]["details"]
    remaining = {k: v for k, v in details.items() if k not in _LAST_DETAILS and v}
    firing = str(details.get("firing", "")).strip()
    as_sent = f"<details><summary>As Alertmanager sent it</summary><pre>{escape(firing)}</pre></details>"
    return (
        f'<article class="alert"><header>{_pill(alert["severity"])} {escape(alert["summary"])}</header>'
        f"{_definitions(remaining.items())}{as_sent if firing else ''}</article>"
    )


def _facts(incident: Json) -> list[tuple[str, str]]:
    assigned = ", ".join(assignment["assignee"]["summary"] for assignment in incident["assignments"])
    return [
        ("ID", incident["id"]),
        ("Status", incident["status"]),
        ("Urgency", incident["urgency"]),
        ("Priority", (incident.get("priority") or {}).get("summary", "none")),
        ("Service", incident["service"]["summary"]),
        ("Assigned to", assigned or "nobody"),
        ("Escalation", incident["escalation_policy"]["summary"]),
        ("Created", _moment(incident["created_at"])),
    ]


def _definitions(pairs: Iterable[tuple[str, object]]) -> str:
    return "<dl>" + "".join(f"<dt>{escape(k)}</dt><dd>{link_urls(str(v).strip())}</dd>" for k, v in pairs) + "</dl>"
