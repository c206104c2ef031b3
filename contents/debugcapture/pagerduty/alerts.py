"""Find the target in the alerts of an incident. Pure.

Anyone can send an alert. A part of a target counts only if it is a valid name in Kubernetes, and the amount of text
that is read is limited.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..settings.declare import NAME, POD_NAME
from .senders import KINDS, PARTS, Sender

MAX_CHARACTERS = 256 * 1024
MAX_FACTS = 5000
_MAX_DEPTH = 12
_VALID = {
    "cluster": re.compile(r"[A-Za-z0-9][\w.:/@-]{0,252}", re.ASCII),
    "namespace": re.compile(NAME),
    "pod": re.compile(POD_NAME),
    "container": re.compile(NAME),
    "kind": re.compile("|".join(KINDS), re.IGNORECASE),
    "workload": re.compile(POD_NAME),
}
_NAME_VALUE = re.compile(
    r"(?<![\w.-])([A-Za-z_][\w.-]{0,62})[ \t]{0,3}[:=][ \t]{0,3}\"?([^\s,;\"'{}\[\]()]{1,253})", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """What an alert says about the target. A part that it does not name is "". ``kind`` is in lower case."""

    sender: str
    cluster: str = ""
    namespace: str = ""
    pod: str = ""
    container: str = ""
    kind: str = ""
    workload: str = ""


@dataclass(slots=True)
class _Facts:
    """What was read from one alert: the values of each name, all text, and the number of characters that may follow."""

    named: dict[str, list[str]]
    text: list[str]
    remaining: int = MAX_CHARACTERS
    count: int = 0

    def add(self, name: str, value: str) -> None:
        """Add ``value`` under ``name``, and under the name without a prefix: `example.com/pod` counts as `pod` too."""
        if self.count < MAX_FACTS and len(value) <= 253:
            self.count += 1
            for key in dict.fromkeys((name, name.rpartition("/")[2])):
                self.named.setdefault(key, []).append(value)


def find_candidates(alerts: Iterable[Any], senders: Sequence[Sender]) -> list[Candidate]:
    """Return the targets that ``alerts`` (items of "List alerts for an incident") name, best first, without duplicates.

    For each alert, the first sender that finds a pod or a workload decides.
    """
    return list(dict.fromkeys(candidate for alert in alerts for candidate in _from_alert(alert, senders)))


def _from_alert(alert: Any, senders: Sequence[Sender]) -> list[Candidate]:
    facts = _Facts({}, [])
    if isinstance(alert, dict):
        body = alert.get("body")
        details = [body[key] for key in ("details", "cef_details") if body.get(key)] if isinstance(body, dict) else []
        for part in (*details, alert.get("summary")):
            _read("", part, facts, 0)
    for sender in senders:
        matching = [candidate for candidate in _from_sender(facts, sender) if candidate.pod or candidate.workload]
        if matching:
            return matching
    return []


def _from_sender(facts: _Facts, sender: Sender) -> Iterator[Candidate]:
    if sender.when and not any(name in facts.named for name in sender.when):
        return
    if sender.names:
        yield _make_candidate(sender.name, _parts_by_name(facts, sender))
    # A string in JSON may contain half of a surrogate pair, which has no encoding.
    text = "\n".join(facts.text).encode(errors="replace").decode()
    for pattern in sender.patterns:
        for match in pattern.finditer(text):
            yield _make_candidate(
                sender.name, {part: value.rstrip(".-") for part, value in match.groupdict("").items()}
            )


def _parts_by_name(facts: _Facts, sender: Sender) -> dict[str, str]:
    parts = {part: _first_valid(facts, names, _VALID[part]) for part, names in sender.names.items() if part in PARTS}
    if not parts.get("workload") or not parts.get("kind"):
        for kind in KINDS:
            name = _first_valid(facts, sender.names.get(kind, ()), _VALID["workload"])
            if name:
                return {**parts, "kind": kind, "workload": name}
    return parts


def _first_valid(facts: _Facts, names: Iterable[str], valid: re.Pattern[str]) -> str:
    return next((value for name in names for value in facts.named.get(name, ()) if valid.fullmatch(value)), "")


def _make_candidate(sender: str, parts: dict[str, str]) -> Candidate:
    valid = {part: value for part, value in parts.items() if _VALID[part].fullmatch(value)}
    return Candidate(sender, **{**valid, "kind": valid.get("kind", "").lower()})


def _read(name: str, value: Any, facts: _Facts, depth: int) -> None:
    """Add the content of ``value``, which may have any type, to ``facts``."""
    if depth > _MAX_DEPTH or facts.remaining <= 0 or facts.count >= MAX_FACTS:
        return
    if isinstance(value, dict):
        _read_mapping(value, facts, depth)
    elif isinstance(value, list):
        for item in value[:MAX_FACTS]:
            _read(name, item, facts, depth + 1)
    elif isinstance(value, str):
        _read_text(name, value[: facts.remaining], facts, depth)


def _read_mapping(value: dict[Any, Any], facts: _Facts, depth: int) -> None:
    fields = {str(key).lower(): item for key, item in value.items()}
    key, text = fields.get("name", fields.get("key")), fields.get("value")
    # A dimension, such as {"name": "pod", "value": "web-0"}.
    if isinstance(key, str) and isinstance(text, str):
        facts.add(key, text)
    for key, item in value.items():
        _read(str(key), item, facts, depth + 1)


def _read_text(name: str, text: str, facts: _Facts, depth: int) -> None:
    facts.remaining -= len(text) + 1
    if name:
        facts.add(name, text.strip())
    if text.lstrip()[:1] in ("{", "["):
        try:
            _read(name, json.loads(text), facts, depth + 1)
        except (ValueError, RecursionError):
            pass  # it only looks like JSON, and is read as text
        else:
            return
    facts.text.append(text)
    for match in _NAME_VALUE.finditer(text):
        facts.add(match[1], match[2])
