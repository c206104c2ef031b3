"""Read the catalog of alert senders. Unknown keys and wrong types are errors that name the file and the entry."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ..errors import BadInput
from ..regex import Pattern, text_pattern
from ..yaml_reader import read_yaml
from .facts import KINDS, plain_name

CATALOG = Path(__file__).with_name("senders.yaml")
PARTS = ("cluster", "namespace", "pod", "container", "kind", "workload")
_KEYS = ("sender", "when", "needs", "exporters", "monitors", "any_case", "names", "patterns")


@dataclass(frozen=True, slots=True)
class Sender:
    """Where one sender of alerts puts the parts of a target.

    The sender applies to alerts that contain one of the names in ``when``, or to all alerts if ``when`` is empty.
    ``names`` maps a part, or a kind of workload, to the names that carry it, best first. With ``any_case``, they are in
    lower case with `_` between words, and stand for all other spellings. A target without the parts ``needs`` does not
    count. A pod or container whose name contains one of the words ``exporters`` only reported the alert; so did a pod
    whose label `job` contains one of the words ``monitors``.
    """

    name: str
    when: tuple[str, ...]
    names: dict[str, tuple[str, ...]]
    patterns: tuple[Pattern[str], ...]
    needs: tuple[str, ...] = ()
    exporters: tuple[str, ...] = ()
    monitors: tuple[str, ...] = ()
    any_case: bool = False


def load_senders(own: str = "") -> list[Sender]:
    """Return the senders of the file ``own`` (if any), then those of the catalog. Raises BadInput."""
    return [*(load_file(Path(own)) if own else []), *load_file(CATALOG)]


def load_file(file: Path) -> list[Sender]:
    """Return the senders of one ``file``. Raises BadInput that names the entry."""
    try:
        entries = read_yaml(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise BadInput(f"cannot read the alert senders in {file}", str(error)) from error
    if not isinstance(entries, list):
        raise BadInput(f"{file} contains no alert senders", "it is not a list")
    return [_parse_sender(entry, f"alert sender {number} in {file}") for number, entry in enumerate(entries, start=1)]


def _parse_sender(entry: Any, location: str) -> Sender:
    if not isinstance(entry, dict) or not isinstance(entry.get("sender"), str):
        raise BadInput(location, "it has no key sender", "Add the name of the sender.")
    unknown = [str(key) for key in entry if key not in _KEYS]
    names = entry.get("names", {})
    if not isinstance(names, dict):
        raise BadInput(location, "names is not a mapping")
    unknown += [f"names.{part}" for part in names if part not in (*PARTS, *KINDS)]
    needs = _parse_texts(entry.get("needs", []), f"{location}, needs")
    unknown += [f"needs {part}" for part in needs if part not in PARTS]
    if unknown:
        raise BadInput(location, f"unknown: {', '.join(unknown)}")
    if not isinstance(entry.get("any_case", False), bool):
        raise BadInput(f"{location}, any_case", "it is neither true nor false")
    if not names and not entry.get("patterns"):
        raise BadInput(location, "it has neither names nor patterns")
    return Sender(
        entry["sender"],
        tuple(_parse_texts(entry.get("when", []), f"{location}, when")),
        {part: _parse_names(value, f"{location}, {part}", entry) for part, value in names.items()},
        tuple(
            _parse_pattern(text, location) for text in _parse_texts(entry.get("patterns", []), f"{location}, patterns")
        ),
        tuple(needs),
        tuple(_parse_texts(entry.get("exporters", []), f"{location}, exporters")),
        tuple(_parse_texts(entry.get("monitors", []), f"{location}, monitors")),
        entry.get("any_case", False),
    )


def _parse_names(value: Any, location: str, entry: dict[Any, Any]) -> tuple[str, ...]:
    names = _parse_texts(value, location)
    return tuple(dict.fromkeys(map(plain_name, names) if entry.get("any_case") else names))


def _parse_texts(value: Any, location: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise BadInput(location, "it is not a list of strings")
    return value


def _parse_pattern(text: str, location: str) -> Pattern[str]:
    pattern = text_pattern(text, location, "i")
    unknown = sorted(pattern.groupindex.keys() - set(PARTS))
    if unknown or not pattern.groupindex:
        raise BadInput(location, f"{text!r} has {'the unknown group ' + unknown[0] if unknown else 'no named group'}")
    return pattern
