"""Known log messages: what a line of a log means. They are data (messages/*.yaml), and users can add their own."""

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import yaml

from ..errors import BadInput
from ..finding import Severity
from ..regex import Pattern, text_pattern
from ..yaml_reader import read_yaml

FOLDER: Final = Path(__file__).parent / "messages"
_KEYS: Final = {"id", "pattern", "severity", "title", "advice", "unless", "transient", "directness", "hides", "source"}
_REQUIRED: Final = {"id", "pattern", "severity", "title"}
_SEVERITIES: Final = ("critical", "warning", "info", "none")
_ID: Final = re.compile(r"[a-z][a-z0-9-]{1,60}")
_GROUP: Final = re.compile(r"\(\?P<\w+>")
_HOLE: Final = re.compile(r"\{([^{}|]*?)([a-z]+)(?:\|([^{}]*))?\}")
_DEFAULT_DIRECTNESS: Final = 60
_MAX_BYTES: Final = 1 << 20
_MAX_DIRECTNESS: Final = 100


@dataclass(frozen=True)
class Message:
    """A kind of log message."""

    id: str
    pattern: str
    """RE2. Named groups fill the title; digits at the end of a group's name do not count."""
    severity: Severity | Literal["none"]
    """"none": the line is harmless, and no other message may match it."""
    title: str
    """With holes such as "{ by address|default}": the text before the name appears only if the name has a value."""
    advice: str = ""
    unless: str = ""
    """RE2. A line that also matches this one is not meant."""
    transient: bool = False
    """Applications retry it, so it is context if the log reports a success afterwards."""
    directness: int = _DEFAULT_DIRECTNESS
    hides: tuple[str, ...] = ()
    """IDs of messages that are consequences of this one, and are not reported next to it."""
    source: str = ""

    @functools.cached_property
    def compiled(self) -> Pattern[str]:
        """Return the pattern, compiled."""
        return text_pattern(self.pattern, f"the pattern of message {self.id}")

    @functools.cached_property
    def exception(self) -> Pattern[str] | None:
        """Return the pattern of lines that are not meant, compiled; None if there is none."""
        return text_pattern(self.unless, f"unless of message {self.id}") if self.unless else None

    @property
    def ungrouped(self) -> str:
        """Return the pattern without names of groups, so that several patterns can be joined."""
        return _GROUP.sub("(?:", self.pattern)

    def names(self, text: str) -> dict[str, str] | None:
        """Return the named values of the message in ``text``; None if ``text`` is not such a message."""
        match = self.compiled.search(text)
        if match is None or (self.exception is not None and self.exception.search(text)):
            return None
        values: dict[str, str] = {}
        for name in self.compiled.groupindex:
            if value := match.group(name):
                values.setdefault(name.rstrip("0123456789"), value.strip())
        return values

    def titled(self, names: Mapping[str, str]) -> str:
        """Return the title with ``names`` in its holes, as one line."""

        def filled(hole: re.Match[str]) -> str:
            value = names.get(hole[2], "")
            return f"{hole[1]}{value}" if value else hole[3] or ""

        return " ".join(_HOLE.sub(filled, self.title).split()).rstrip(" :")


@functools.cache
def included_messages() -> tuple[Message, ...]:
    """Return the messages of this package."""
    return tuple(message for file in sorted(FOLDER.glob("*.yaml")) for message in load_messages(file))


def load_messages(file: Path) -> tuple[Message, ...]:
    """Return the messages in ``file``. Raises BadInput that names the entry and its mistake."""
    try:
        if file.stat().st_size > _MAX_BYTES:
            raise BadInput(f"cannot read the log messages in {file}", "it is larger than 1 MiB", "Make it smaller.")
        entries = read_yaml(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise BadInput(f"cannot read the log messages in {file}", str(error), "Correct the file.") from error
    if not isinstance(entries, list):
        raise BadInput(f"cannot read the log messages in {file}", "it is not a list", "Write one entry per message.")
    return tuple(_message(entry, f"entry {number} of {file}") for number, entry in enumerate(entries, 1))


def _message(entry: Any, place: str) -> Message:
    if reason := _mistake(entry):
        keys = ", ".join(sorted(_KEYS))
        raise BadInput(f"{place} is not a log message", reason, f"Its keys are {keys}.")
    message = Message(**{**entry, "hides": tuple(entry.get("hides", ()))})
    _ = message.compiled, message.exception  # a wrong pattern is reported before the evidence is read
    return message


def _mistake(entry: Any) -> str:
    """Return what is wrong with ``entry``; "" if nothing is."""
    if not isinstance(entry, dict):
        return "it is not a mapping"
    fields: dict[Any, Any] = entry
    if missing := _REQUIRED - fields.keys():
        return f"it lacks {', '.join(sorted(missing))}"
    if unknown := fields.keys() - _KEYS:
        return f"it has an unknown key, {min(map(str, unknown))}"
    types: dict[str, type] = {"transient": bool, "directness": int, "hides": list}
    if wrong := [key for key, value in fields.items() if not isinstance(value, types.get(key, str))]:
        return f"the value of {wrong[0]} has the wrong type"
    return _wrong_value(fields)


def _wrong_value(fields: dict[Any, Any]) -> str:
    """Return which value of an entry with values of the right types is wrong; "" if none is."""
    if not all(isinstance(name, str) for name in fields.get("hides", ())):
        return "the value of hides has the wrong type"
    if not _ID.fullmatch(fields["id"]):
        return "its ID contains characters other than a-z, 0-9 and hyphens"
    if fields["severity"] not in _SEVERITIES:
        return f"its severity is not one of {', '.join(_SEVERITIES)}"
    if not 0 <= fields.get("directness", 0) <= _MAX_DIRECTNESS:
        return "its directness is not between 0 and 100"
    return ""


def joined(messages: Sequence[Message]) -> str:
    """Return one pattern that matches if any of ``messages`` may match."""
    return "|".join(f"(?:{message.ungrouped})" for message in messages)
