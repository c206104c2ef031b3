"""Read the catalog of alert senders. It is strict: a mistake names its file and entry."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ..errors import BadInput
from ..regex import Pattern, text_pattern

CATALOG = Path(__file__).with_name("senders.yaml")
KINDS = ("deployment", "statefulset", "daemonset")
PARTS = ("cluster", "namespace", "pod", "container", "kind", "workload")


@dataclass(frozen=True, slots=True)
class Sender:
    """Where one sender of alerts puts the parts of a target."""

    name: str
    when: tuple[str, ...]  # empty: every alert
    names: dict[str, tuple[str, ...]]  # part, or kind of workload → names that carry it, the best first
    patterns: tuple[Pattern[str], ...]


def senders(own: str = "") -> list[Sender]:
    """Return the senders of the file ``own`` ("" for none), then those of the catalog. Raises BadInput."""
    return [*(load(Path(own)) if own else []), *load(CATALOG)]


def load(file: Path) -> list[Sender]:
    """Return the senders of one ``file``. Raises BadInput that names the entry."""
    try:
        entries = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise BadInput(f"cannot read the alert senders in {file}", str(error)) from error
    if not isinstance(entries, list):
        raise BadInput(f"{file} contains no alert senders", "it is not a list")
    return [_sender(entry, f"alert sender {number} in {file}") for number, entry in enumerate(entries, start=1)]


def _sender(entry: Any, place: str) -> Sender:
    if not isinstance(entry, dict) or not isinstance(entry.get("sender"), str):
        raise BadInput(place, "it has no key sender", "Add the name of the sender.")
    unknown = [str(key) for key in entry if key not in ("sender", "when", "names", "patterns")]
    names = entry.get("names", {})
    if not isinstance(names, dict):
        raise BadInput(place, "names is not a mapping")
    unknown += [f"names.{part}" for part in names if part not in (*PARTS, *KINDS)]
    if unknown:
        raise BadInput(place, f"unknown: {', '.join(unknown)}")
    if not names and not entry.get("patterns"):
        raise BadInput(place, "it has neither names nor patterns")
    return Sender(
        entry["sender"],
        tuple(_texts(entry.get("when", []), f"{place}, when")),
        {part: tuple(_texts(value, f"{place}, {part}")) for part, value in names.items()},
        tuple(_pattern(one, place) for one in _texts(entry.get("patterns", []), f"{place}, patterns")),
    )


def _texts(value: Any, place: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise BadInput(place, "it is not a list of strings")
    return value


def _pattern(text: str, place: str) -> Pattern[str]:
    pattern = text_pattern(text, place, "i")
    unknown = sorted(pattern.groupindex.keys() - set(PARTS))
    if unknown or not pattern.groupindex:
        raise BadInput(place, f"{text!r} has {'the unknown group ' + unknown[0] if unknown else 'no named group'}")
    return pattern
