"""Reads an alert into blocks: what it says about each target, by name and as text. Pure.

One alert in PagerDuty may contain several alerts of its sender: a list in JSON, or a text with a block of labels for
each. The parts of a target must come from one block, so each block is read on its own. Anyone can send an alert, so the
amount of text, the number of names and the number of blocks are limited, and each expression is linear.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from .tables import Table, split_tables

KINDS: Final = (
    "deployment", "statefulset", "daemonset", "job", "cronjob", "replicaset", "rollout", "deploymentconfig",
    "replicationcontroller", "horizontalpodautoscaler", "poddisruptionbudget", "persistentvolumeclaim",
)  # fmt: skip
MAX_CHARACTERS = 256 * 1024
MAX_FACTS = 5000
MAX_BLOCKS = 500
_MAX_DEPTH = 12
_MAX_VALUE = 253
_PATH_LENGTH = 4  # names in a path such as `kubernetes.pod.name`
_NAME_VALUE = re.compile(
    r"(?<![\w.-])([A-Za-z_][\w.-]{0,62})[\\\"']{0,2}[ \t]{0,3}(?:={1,2}>?|:|->|in[ \t]?\()[ \t]{0,3}[\\\"'(\[]{0,3}"
    r"([^\s,;\"'{}\[\]()\\]{1,253})",
    re.ASCII,
)
_WORD_NAME_VALUE = re.compile(
    r"\b(pod|container|namespace|cluster|workload|deployment) name[\"']?[ \t]{0,3}[:=][ \t]{0,3}[\"'`]?"
    r"([^\s,;\"'`{}\[\]()]{1,253})",
    re.ASCII | re.IGNORECASE,
)
# Zabbix writes "Namespace [shop] Pod [web-0]".
_BRACKETS = re.compile(
    r"\b(namespace|pod|container|cluster|workload|deployment|statefulset|daemonset|job|cronjob|replicaset) "
    r"\[([^\s\[\]]{1,253})\]",
    re.ASCII | re.IGNORECASE,
)
# Tags of HTML, and the marks of bold text and of code in Markdown.
_TAG = re.compile(r"<[^<>]{1,200}>")
_MARKS = re.compile(r"\*\*|`")
_LABELS = re.compile(r"^[ \t]*Labels:[ \t]*$", re.MULTILINE)
# The keys of an item that is one name and its value: {"name": "pod", "value": "web-0"}.
_NAME_KEYS: Final = ("name", "key", "tag", "title", "label", "field", "dimension")
# A mapping that holds such names: `tags.podName` in a flat form counts as `podName`.
_HOLDER: Final = re.compile(r"^.*\b(?:tag|label|attribute|dimension|field)s?\.", re.ASCII | re.IGNORECASE)
_CAPITAL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])", re.ASCII)
_KIND_IN_TWO_WORDS: Final = re.compile(r"(stateful|daemon|replica|cron)_(set|job)")
# An object of Kubernetes, as events and reports describe it. Dynatrace calls a workload CLOUD_APPLICATION.
_OBJECT_KINDS: Final = ("pod", "workload", *KINDS)
_ENTITY_KINDS: Final = {"cloud_application": "workload", "cloud_application_instance": "pod"}


@dataclass(slots=True)
class Block:
    """What one block says: the values of each name, and its text. ``parent`` applies to all blocks inside it."""

    parent: "Block | None" = None
    named: dict[str, list[str]] = field(default_factory=dict)
    plain: dict[str, list[str]] = field(default_factory=dict)
    """The same values by names in lower case with `_` between words."""
    text: list[str] = field(default_factory=list)
    children: list["Block"] = field(default_factory=list)

    def values(self, name: str, *, any_case: bool = False) -> Sequence[str]:
        """Return the values of ``name`` in this block."""
        return (self.plain if any_case else self.named).get(name, ())

    def ancestors(self) -> Iterator["Block"]:
        """Yield this block, its parent, and so on."""
        block: Block | None = self
        while block:
            yield block
            block = block.parent

    def inner_first(self) -> Iterator["Block"]:
        """Yield all blocks inside this one in their order, and then this one."""
        for child in self.children:
            yield from child.inner_first()
        yield self

    def add(self, name: str, value: str) -> None:
        """Add ``value`` under ``name``, and under the name without a prefix.

        `example.com/pod` and `labels.pod` count as `pod` too, `resource.k8s.pod.name` as `k8s.pod.name`.
        """
        keys = [name, name.rpartition("/")[2], _HOLDER.sub("", name)]
        words = name.split(".")
        keys += [".".join(words[start:]) for start in range(max(1, len(words) - _PATH_LENGTH), len(words) - 1)]
        for key in dict.fromkeys(keys):
            self.named.setdefault(key, []).append(value)
            self.plain.setdefault(plain_name(key), []).append(value)


def read_alert(alert: Any, names: frozenset[str]) -> Block:
    """Return the content of ``alert``, an item of "List alerts for an incident".

    A text without labels starts another block where one of ``names`` appears again with another value.
    """
    root = Block()
    if isinstance(alert, dict):
        reader = _Reader(names)
        body = alert.get("body")
        details = [body[key] for key in ("details", "cef_details") if body.get(key)] if isinstance(body, dict) else []
        for part in (*details, alert.get("summary")):
            reader.read(part, root, ())
    return root


class _Reader:
    """Reads one alert, within the limits for an alert."""

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names
        self._remaining, self._facts, self._blocks = MAX_CHARACTERS, 0, 0

    def read(self, value: Any, block: Block, path: tuple[str, ...], depth: int = 0) -> None:
        """Add the content of ``value``, which may have any type, to ``block``. ``path``: the keys that lead to it."""
        if depth > _MAX_DEPTH or self._remaining <= 0 or self._facts >= MAX_FACTS:
            return
        if isinstance(value, dict):
            self._read_mapping(value, block, path, depth)
        elif isinstance(value, list):
            self._read_list(value[:MAX_FACTS], block, path, depth)
        elif isinstance(value, str):
            self._read_text(value[: self._remaining], block, path, depth)

    def _read_mapping(self, value: dict[Any, Any], block: Block, path: tuple[str, ...], depth: int) -> None:
        name, text = _dimension(value)
        if name:
            self._add(block, text, name)
        kind, text = _object(value)
        if kind:
            self._add(block, text, kind)
        # An alert of Alertmanager has the resolved alerts beside those that fire.
        ignored = {"resolved"} if value.get("firing") else set()
        if rows := _table_rows(value):
            self._read_list(rows, block, path, depth)
            ignored |= {"columns", "rows"}
        for key, item in value.items():
            if key not in ignored:
                self.read(item, block, (*path, str(key)[:_MAX_VALUE])[-_PATH_LENGTH:], depth + 1)

    def _read_list(self, items: list[Any], block: Block, path: tuple[str, ...], depth: int) -> None:
        if len(items) == 2 and all(isinstance(item, str) for item in items):
            self._add(block, items[1], items[0])
        firing = [item for item in items if not _is_resolved(item)]
        has_blocks = sum(_is_block(item) for item in firing or items) > 1
        for item in firing or items:
            self.read(item, self._open(block) if has_blocks and _is_block(item) else block, path, depth + 1)

    def _read_text(self, text: str, block: Block, path: tuple[str, ...], depth: int) -> None:
        self._remaining -= len(text) + 1
        if path:
            names = [".".join(path[-length:]) for length in range(1, len(path) + 1)]
            self._add(block, text.strip(), *names)
        if text.lstrip()[:1] in ("{", "["):
            try:
                self.read(json.loads(text), block, path, depth + 1)
            except (ValueError, RecursionError):
                pass  # it only looks like JSON, and is read as text
            else:
                return
        text, tables = split_tables(text)
        for table in tables:
            self._read_list(self._rows(table), block, path, depth)
        starts = [match.start() for match in _LABELS.finditer(text)]
        if len(starts) != 1:
            starts = starts or self._repetitions(text)
        for position, part in _parts(text, starts if len(starts) > 1 else []):
            self._read_names(part, self._open(block) if position else block)

    def _rows(self, table: Table) -> list[dict[str, Any]]:
        """Return a mapping for each row of ``table``; one for all if each row is the name and the value of a part.

        If the cells can be read in both ways, nothing is returned.
        """
        named_rows = [(row[0], row[1]) for row in table.rows if len(row) == 2 and self._is_name(row[0])]
        if len(table.header) != 2 or not named_rows:
            return [dict(zip(table.header, row, strict=False)) for row in table.rows]
        name, value = table.header
        if self._is_name(name) and self._is_name(value):
            return []
        return [dict([(name, value), *named_rows] if self._is_name(name) else named_rows)]

    def _is_name(self, text: str) -> bool:
        return text in self._names or plain_name(text) in self._names

    def _repetitions(self, text: str) -> list[int]:
        """Return where the blocks of ``text`` start: where a name of a target appears again with another value."""
        starts, current = [0], dict[str, str]()
        for match in _NAME_VALUE.finditer(text):
            if match[1] in self._names and current.setdefault(match[1], match[2]) != match[2]:
                starts.append(match.start())
                current = {match[1]: match[2]}
        return starts

    def _read_names(self, text: str, block: Block) -> None:
        plain = _BRACKETS.sub(r"\1 \2", _MARKS.sub("", _TAG.sub(" ", text)))
        block.text.append(plain)
        for match in _NAME_VALUE.finditer(plain):
            self._add(block, match[2].rstrip(".:!?"), match[1])
        for match in _WORD_NAME_VALUE.finditer(plain):
            self._add(block, match[2].rstrip(".:!?"), f"{match[1]}_name")

    def _open(self, parent: Block) -> Block:
        """Return a new block in ``parent``. If there are too many blocks, the new one is ignored."""
        block = Block(parent)
        self._blocks += 1
        if self._blocks <= MAX_BLOCKS:
            parent.children.append(block)
        return block

    def _add(self, block: Block, value: str, *names: str) -> None:
        if self._facts < MAX_FACTS and len(value) <= _MAX_VALUE:
            self._facts += 1
            for name in names:
                block.add(name, value)


def plain_name(name: str) -> str:
    """Return ``name`` in lower case with `_` between its words: pod_name for podName, `Pod Name` and pod.name."""
    plain = re.sub(r"[^a-z0-9]+", "_", _CAPITAL.sub("_", name).lower()).strip("_")
    return _KIND_IN_TWO_WORDS.sub(r"\1\2", plain)


def _parts(text: str, starts: Sequence[int]) -> Iterator[tuple[int, str]]:
    """Yield the text before ``starts`` with the number 0, then each part from one start to the next, numbered."""
    bounds = [0, *starts, len(text)]
    for position in range(len(bounds) - 1):
        part = text[bounds[position] : bounds[position + 1]]
        if part.strip() or len(bounds) == 2:
            yield position, part


def _dimension(value: dict[Any, Any]) -> tuple[str, str]:
    """Return the name and the value of a mapping that is one name and its value; two empty texts for another one."""
    fields = {str(key).lower(): item for key, item in value.items()}
    name, text = next((fields[key] for key in _NAME_KEYS if key in fields), ""), fields.get("value")
    return (name, text) if isinstance(name, str) and isinstance(text, str) else ("", "")


def _table_rows(value: dict[Any, Any]) -> list[dict[str, Any]]:
    """Return the rows of a table, such as the result of a query, each as a mapping; an empty list for another value."""
    columns, rows = value.get("columns"), value.get("rows")
    if not isinstance(columns, list) or not isinstance(rows, list):
        return []
    named = (column.get("name") if isinstance(column, dict) else column for column in columns[:MAX_FACTS])
    names = [str(name) for name in named]
    return [dict(zip(names, row, strict=False)) for row in rows[:MAX_BLOCKS] if isinstance(row, list)]


def _object(value: dict[Any, Any]) -> tuple[str, str]:
    """Return the kind in lower case and the name of a mapping that describes an object; two empty texts otherwise."""
    fields = {str(key).lower(): item for key, item in value.items()}
    kind, name = fields.get("kind") or fields.get("type"), fields.get("name")
    if not isinstance(kind, str) or not isinstance(name, str):
        return "", ""
    kind = kind.lower().removeprefix("kubernetes_")
    kind = _ENTITY_KINDS.get(kind, kind)
    return (kind, name) if kind in _OBJECT_KINDS else ("", "")


def _is_block(item: Any) -> bool:
    """Return whether an item of a list may be about another target than the items beside it."""
    if not isinstance(item, dict):
        return False
    is_flat = not any(isinstance(part, (dict, list)) for part in item.values())
    return not (is_flat and (len(item) < 2 or _dimension(item)[0]))


def _is_resolved(item: Any) -> bool:
    return isinstance(item, dict) and item.get("status") == "resolved"
