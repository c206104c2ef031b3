"""Find the target in the alerts of an incident. Pure.

An alert is whatever a stranger sent: every part of a target is taken only if Kubernetes would take it as a name, and
what is read is bounded.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ..settings.declare import NAME, POD_NAME
from .senders import KINDS, PARTS, Sender

MOST_CHARACTERS, MOST_FACTS, _DEEPEST = 256 * 1024, 5000, 12
_VALID = {
    "cluster": re.compile(r"[A-Za-z0-9][\w.:/@-]{0,252}", re.ASCII),
    "namespace": re.compile(NAME),
    "pod": re.compile(POD_NAME),
    "container": re.compile(NAME),
    "kind": re.compile("|".join(KINDS), re.IGNORECASE),
    "workload": re.compile(POD_NAME),
}
_PAIR = re.compile(
    r"(?<![\w.-])([A-Za-z_][\w.-]{0,62})[ \t]{0,3}[:=][ \t]{0,3}\"?([^\s,;\"'{}\[\]()]{1,253})", re.ASCII
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """What an alert says about the target; "" for what it does not say."""

    sender: str
    cluster: str = ""
    namespace: str = ""
    pod: str = ""
    container: str = ""
    kind: str = ""  # of the workload, in lower case
    workload: str = ""


@dataclass(slots=True)
class _Facts:
    """What is read from one alert: names with their values, all text, and how much may still be read."""

    named: dict[str, list[str]]
    text: list[str]
    left: int = MOST_CHARACTERS
    count: int = 0

    def add(self, name: str, value: str) -> None:
        """Keep ``value`` under ``name``, and under what follows its prefix: `example.com/pod` is `pod` too."""
        if self.count < MOST_FACTS and len(value) <= 253:
            self.count += 1
            for key in dict.fromkeys((name, name.rpartition("/")[2])):
                self.named.setdefault(key, []).append(value)


def candidates(alerts: Iterable[Any], senders: Sequence[Sender]) -> list[Candidate]:
    """Return the targets that ``alerts`` (items of "List alerts for an incident") name, best first, each once.

    The first sender that finds a pod or a workload in an alert decides for that alert.
    """
    return list(dict.fromkeys(one for alert in alerts for one in _of_alert(alert, senders)))


def _of_alert(alert: Any, senders: Sequence[Sender]) -> list[Candidate]:
    facts = _Facts({}, [])
    if isinstance(alert, dict):
        body = alert.get("body")
        details = [body[key] for key in ("details", "cef_details") if body.get(key)] if isinstance(body, dict) else []
        for part in (*details, alert.get("summary")):
            _read("", part, facts, 0)
    for sender in senders:
        found = [one for one in _found(facts, sender) if one.pod or one.workload]
        if found:
            return found
    return []


def _found(facts: _Facts, sender: Sender) -> Iterator[Candidate]:
    if sender.when and not any(name in facts.named for name in sender.when):
        return
    if sender.names:
        yield _candidate(sender.name, _by_names(facts, sender))
    told = "\n".join(facts.text).encode(errors="replace").decode()  # JSON may have half of a surrogate pair
    for pattern in sender.patterns:
        for match in pattern.finditer(told):
            yield _candidate(sender.name, {part: text.rstrip(".-") for part, text in match.groupdict("").items()})


def _by_names(facts: _Facts, sender: Sender) -> dict[str, str]:
    found = {part: _first(facts, names, _VALID[part]) for part, names in sender.names.items() if part in PARTS}
    if not found.get("workload") or not found.get("kind"):
        for kind in KINDS:
            name = _first(facts, sender.names.get(kind, ()), _VALID["workload"])
            if name:
                return {**found, "kind": kind, "workload": name}
    return found


def _first(facts: _Facts, names: Iterable[str], valid: re.Pattern[str]) -> str:
    return next((value for name in names for value in facts.named.get(name, ()) if valid.fullmatch(value)), "")


def _candidate(sender: str, parts: dict[str, str]) -> Candidate:
    valid = {part: text for part, text in parts.items() if _VALID[part].fullmatch(text)}
    return Candidate(sender, **{**valid, "kind": valid.get("kind", "").lower()})


def _read(name: str, value: Any, facts: _Facts, depth: int) -> None:
    """Add what ``value`` says to ``facts``, whatever it is."""
    if depth > _DEEPEST or facts.left <= 0 or facts.count >= MOST_FACTS:
        return
    if isinstance(value, dict):
        _read_mapping(value, facts, depth)
    elif isinstance(value, list):
        for one in value[:MOST_FACTS]:
            _read(name, one, facts, depth + 1)
    elif isinstance(value, str):
        _read_text(name, value[: facts.left], facts, depth)


def _read_mapping(value: dict[Any, Any], facts: _Facts, depth: int) -> None:
    pair = {str(key).lower(): one for key, one in value.items()}
    key, text = pair.get("name", pair.get("key")), pair.get("value")
    if isinstance(key, str) and isinstance(text, str):  # a dimension
        facts.add(key, text)
    for key, one in value.items():
        _read(str(key), one, facts, depth + 1)


def _read_text(name: str, text: str, facts: _Facts, depth: int) -> None:
    facts.left -= len(text) + 1
    if name:
        facts.add(name, text.strip())
    if text.lstrip()[:1] in ("{", "["):
        try:
            _read(name, json.loads(text), facts, depth + 1)
        except (ValueError, RecursionError):
            pass  # it only looks like JSON: it is read as text
        else:
            return
    facts.text.append(text)
    for match in _PAIR.finditer(text):
        facts.add(match[1], match[2])
