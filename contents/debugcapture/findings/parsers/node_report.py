"""Parses diagnostic reports of Node.js, which are JSON. Fields differ between versions; a wrong field is missing."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..evidence import Evidence

_MOST_BYTES: Final = 32 << 20
_NO_LIMIT: Final = 1 << 60  # what some versions report if the container has no memory limit
_MOST_FRAMES: Final = 30
_MOST_CUT_CHARACTERS: Final = 1 << 20
_TRIGGER: Final = re.compile(r'(?:^|[{,])[ \t]{0,40}"trigger": ?"', re.MULTILINE)
_FIELD: Final = re.compile(
    r'"(event|trigger|nodejsVersion|message|usedMemory|memoryLimit|heapSizeLimit|rss|constrained_memory)": ?'
    r'("(?:[^"\\]|\\.){0,500}"|\d{1,18})'
)
_SPACE: Final = re.compile(r'"(\w{1,40}_space)": ?\{[^{}]{0,300}?"used": ?(\d{1,18})')
_OPTION: Final = re.compile(r'"--[\w=.-]{1,100}"')
_FRAME: Final = re.compile(r'"(at [^"\n]{1,300})"')


@dataclass(frozen=True, slots=True)
class NodeHandle:
    """A handle of libuv, such as a socket or a timer."""

    type: str
    remote: str
    """"host:port" of the other side of a connection; "" if there is none."""
    fd: int
    """-1 if unknown."""
    write_queue_bytes: int


@dataclass(frozen=True, slots=True)
class NodeReport:
    """A diagnostic report. Sizes are in bytes; 0 means unknown."""

    evidence: Evidence
    event: str
    trigger: str
    version: str
    command: tuple[str, ...]
    message: str
    """Of the JavaScript stack."""
    stack: tuple[str, ...]
    """Lines such as "at f (file:1:2)"; () if there is none."""
    heap_used: int
    heap_limit: int
    spaces: tuple[tuple[str, int], ...]
    """Used bytes of each heap space, the largest first."""
    rss: int
    memory_limit: int
    """Of the container."""
    cpu_percent: float
    open_files_limit: int
    handles: tuple[NodeHandle, ...]


def recognize(evidence: Evidence) -> bool:
    """Return whether the file is a diagnostic report."""
    head = evidence.head[: 256 << 10]
    return '"nodejsVersion"' in head and _TRIGGER.search(head) is not None


def parse(evidence: Evidence) -> NodeReport:
    """Return the report. If the file is not valid JSON, for example because it is cut, some fields are missing."""
    with evidence.path.open("rb") as file:
        text = file.read(_MOST_BYTES).decode(errors="replace")
    try:
        report = _mapping(json.loads(text))
    except (ValueError, RecursionError):
        report = _fields_in(text[:_MOST_CUT_CHARACTERS])
    header, stack, heap = (_mapping(report.get(key)) for key in ("header", "javascriptStack", "javascriptHeap"))
    usage = _mapping(report.get("resourceUsage"))
    spaces = {
        str(name): _number(_mapping(space).get("used")) for name, space in _mapping(heap.get("heapSpaces")).items()
    }
    limit = _number(usage.get("constrained_memory"))
    return NodeReport(
        evidence=evidence,
        event=_text(header.get("event")),
        trigger=_text(header.get("trigger")),
        version=_text(header.get("nodejsVersion")),
        command=tuple(_text(word) for word in _list(header.get("commandLine"))[:40]),
        message=_text(stack.get("message")),
        stack=_stack(stack.get("stack")),
        heap_used=_number(heap.get("usedMemory")),
        heap_limit=_number(heap.get("memoryLimit") or heap.get("heapSizeLimit")),
        spaces=tuple(sorted(spaces.items(), key=lambda space: -space[1])),
        rss=_number(usage.get("rss")),
        memory_limit=limit if limit < _NO_LIMIT else 0,
        cpu_percent=float(_number(usage.get("cpuConsumptionPercent"))),
        open_files_limit=_number(_mapping(_mapping(report.get("userLimits")).get("open_files")).get("soft")),
        handles=tuple(_handle(_mapping(handle)) for handle in _list(report.get("libuv"))),
    )


def _fields_in(text: str) -> dict[str, Any]:
    """Return the most important fields of a report that is not valid JSON."""
    fields: dict[str, Any] = {}
    for name, value in _FIELD.findall(text):
        fields.setdefault(name, value.strip('"'))
    spaces = {name: {"used": used} for name, used in _SPACE.findall(text)}
    return {
        "header": {**fields, "commandLine": [word.strip('"') for word in _OPTION.findall(text)]},
        "javascriptStack": {"message": fields.get("message"), "stack": _FRAME.findall(text)},
        "javascriptHeap": {**fields, "heapSpaces": spaces},
        "resourceUsage": fields,
    }


def _stack(value: Any) -> tuple[str, ...]:
    lines = [_text(line).strip() for line in _list(value)[:_MOST_FRAMES]]
    return tuple(line for line in lines if line.startswith("at "))


def _handle(fields: Mapping[str, Any]) -> NodeHandle:
    remote = _mapping(fields.get("remoteEndpoint"))
    host = _text(remote.get("host") or remote.get("ip4") or remote.get("ip6"))
    fd = fields.get("fd")
    return NodeHandle(
        _text(fields.get("type")),
        f"{host}:{_number(remote.get('port'))}" if host else "",
        fd if isinstance(fd, int) else -1,
        _number(fields.get("writeQueueSize")),
    )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value[:2000] if isinstance(value, str) else ""


def _number(value: Any) -> int:
    """Return a number, which newer versions write as text; 0 if it is none."""
    if isinstance(value, str) and value[:30].isascii() and value[:30].isdigit():
        return int(value[:30])
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < _NO_LIMIT * 64:
        return 0
    return int(value)
