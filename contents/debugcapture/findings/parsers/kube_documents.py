"""Reads YAML and JSON of any origin: within bounds, without recursion, and up to the end of a truncated text.

The loaders of PyYAML build nodes recursively, which ends the process on 100,000 open brackets. The parser below them
returns a stream of events. Every scalar stays text, so that a version such as 1.10 does not become a number.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

MAX_YAML: Final = 1 << 20  # characters; the parser reads less than 1 MB in a second
_HEAD: Final = 1 << 16
_ITEMS = re.compile(r'"items"\s*:\s*\[\s*')
_LIST_KIND = re.compile(r'"kind"\s*:\s*"(\w{1,60}List)"')
_BETWEEN_DOCUMENTS = re.compile(r"\s*")
_BETWEEN_ITEMS = re.compile(r"\s*,\s*")
_MAX_DEPTH: Final = 100
_MAX_DOCUMENTS: Final = 500
_NULLS: Final = frozenset({"", "~", "null", "Null", "NULL"})


def documents(text: str) -> list[Any]:
    """Return the documents in ``text``: mappings, lists and text; None for null and for aliases.

    Text that is neither JSON nor YAML, or that is cut, gives the part before the first error.
    """
    if text.lstrip()[:1] not in ("{", "["):
        return list(_yaml_documents(text[:MAX_YAML]))
    values, end = _json_values(text, len(text) - len(text.lstrip()), _BETWEEN_DOCUMENTS)
    if values:
        return values
    start = _ITEMS.search(text[:_HEAD])
    if not start:
        return list(_yaml_documents(text[:MAX_YAML]))  # YAML contains JSON
    values, end = _json_values(text, start.end(), _BETWEEN_ITEMS)
    kind = _LIST_KIND.search(text[: start.start()])
    cut = list(_yaml_documents(text[end : end + MAX_YAML]))
    return [{"kind": kind[1] if kind else "", "items": [*values, *cut]}]


def _json_values(text: str, position: int, between: re.Pattern[str]) -> tuple[list[Any], int]:
    """Return the values from ``position`` on, with ``between`` between them, and where the first cut one begins."""
    decoder = json.JSONDecoder()
    values: list[Any] = []
    while position < len(text):
        try:
            value, end = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            break  # it is cut, or is not JSON
        values.append(value)
        separator = between.match(text, end)
        if not separator:
            break
        position = separator.end()
    return values, position


def _yaml_documents(text: str) -> Iterator[Any]:
    import yaml

    printable = "".join(character if character.isprintable() or character in "\n\t" else " " for character in text)
    builder = _Builder()
    try:
        for event in yaml.parse(printable, Loader=yaml.CSafeLoader):
            builder.add(event)
            if builder.depth > _MAX_DEPTH or len(builder.documents) >= _MAX_DOCUMENTS:
                break
    except yaml.YAMLError:
        pass  # what was read before stays valid
    yield from builder.documents


class _Builder:
    """Builds documents from the events of a YAML parser. A document is in ``documents`` as soon as it begins."""

    def __init__(self) -> None:
        self.documents: list[Any] = []
        self._open: list[dict[str, Any] | list[Any]] = []
        self._keys: list[str | None] = []  # for each open mapping, the key that waits for its value

    @property
    def depth(self) -> int:
        """Return how many mappings and lists are open."""
        return len(self._open)

    def add(self, event: Any) -> None:
        """Add an event of the parser."""
        kind = type(event).__name__
        if kind == "MappingStartEvent":
            self._begin({})
        elif kind == "SequenceStartEvent":
            self._begin([])
        elif kind in ("MappingEndEvent", "SequenceEndEvent"):
            self._open.pop()
            self._keys.pop()
        elif kind == "ScalarEvent":
            is_null = event.style is None and event.value in _NULLS
            self._put(event.value, None if is_null else event.value)
        elif kind == "AliasEvent":
            self._put("", None)

    def _begin(self, value: dict[str, Any] | list[Any]) -> None:
        self._put("", value)
        self._open.append(value)
        self._keys.append(None)

    def _put(self, key: str, value: Any) -> None:
        if not self._open:
            self.documents.append(value)
            return
        parent = self._open[-1]
        if isinstance(parent, list):
            parent.append(value)
        elif self._keys[-1] is None:
            self._keys[-1] = key
        else:
            parent[self._keys[-1]] = value
            self._keys[-1] = None


def mapping(value: Any, *keys: str) -> dict[str, Any]:
    """Return the mapping at ``keys`` below ``value``; an empty one if there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def items(value: Any, *keys: str) -> list[dict[str, Any]]:
    """Return the mappings in the list at ``keys`` below ``value``."""
    parent = mapping(value, *keys[:-1]) if keys else {}
    items = parent.get(keys[-1]) if keys else value
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def text(value: Any) -> str:
    """Return a scalar as text; "" for anything else."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, (str, int, float)) else ""


def texts(value: Any) -> tuple[str, ...]:
    """Return the scalars of a list as text."""
    return tuple(text(item) for item in value) if isinstance(value, list) else ()


def pairs(value: Any) -> dict[str, str]:
    """Return a mapping of scalars as text."""
    return {str(key): text(item) for key, item in value.items()} if isinstance(value, dict) else {}
