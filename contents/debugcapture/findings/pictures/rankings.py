"""Classes of a heap, connections, and messages of a log as rankings."""

import re
from typing import Final

from ...picture import PodPictures, Ranking, Row, Tone
from ...text import shortened
from ..parsers.jvm_histogram import Histogram, readable
from ..parsers.log_line import without_prefix
from ..parsers.log_model import Log, LogGroup
from ..parsers.network_file import ConnectionGroup, NetworkState

_MOST_CLASSES: Final = 15
_MOST_CONNECTIONS: Final = 20
_MOST_MESSAGES: Final = 20
_LABEL_CHARACTERS: Final = 160
_CONNECTION_TONES: Final[dict[str, Tone]] = {
    "ESTABLISHED": "good",
    "SYN_SENT": "warning",
    "SYN_RECV": "warning",
    "CLOSE_WAIT": "warning",
}
_FRACTION: Final = re.compile(r"(?<=\d)[.,]\d{1,9}")
_LEVEL_TONES: Final[dict[str, Tone]] = {"FATAL": "bad", "ERROR": "bad", "WARN": "warning"}


def heap_classes(histogram: Histogram) -> PodPictures:
    """Return the classes that use most of the heap."""
    classes = sorted(histogram.classes, key=lambda row: -row.bytes)
    rows = tuple(
        Row(shortened(readable(row.name), _LABEL_CHARACTERS), row.bytes, f"{row.instances:,} instances", line=row.line)
        for row in classes[:_MOST_CLASSES]
    )
    hidden = max(0, len(classes) - _MOST_CLASSES)
    ranking = Ranking("heap", histogram.evidence.name, "bytes", rows, histogram.total_bytes, hidden)
    return PodPictures("", rankings=(ranking,)) if rows else PodPictures("")


def connections(network: NetworkState) -> PodPictures:
    """Return the connections by peer and state, and the ports that accept connections."""
    groups = sorted(network.groups, key=lambda group: (group.state == "LISTEN", -group.count))
    rows = tuple(_connection(group) for group in groups[:_MOST_CONNECTIONS])
    file = next((lines.file for group in groups for lines in group.lines), "")
    total = sum(group.count for group in groups)
    ranking = Ranking("connections", file, "count", rows, total, max(0, len(groups) - _MOST_CONNECTIONS))
    return PodPictures("", rankings=(ranking,)) if rows else PodPictures("")


def _connection(group: ConnectionGroup) -> Row:
    is_listening = group.state == "LISTEN"
    waiting = [
        f"{group.unread_bytes:,} {'connections not accepted' if is_listening else 'bytes not read'}",
        f"{group.unsent_bytes:,} bytes not acknowledged",
    ]
    shown = [
        text
        for text, count in zip(waiting, (group.unread_bytes, 0 if is_listening else group.unsent_bytes), strict=True)
        if count
    ]
    note = ", ".join([group.state, *shown])
    line = group.lines[0].first if group.lines else 0
    return Row(group.peer, group.count, note, _CONNECTION_TONES.get(group.state, ""), line)


def log_messages(log: Log) -> PodPictures:
    """Return the messages of a log that matter, grouped into templates, with their first and last time."""
    groups = sorted(log.groups, key=lambda group: -group.count)
    rows = tuple(_message(group) for group in groups[:_MOST_MESSAGES])
    total = sum(group.count for group in groups)
    ranking = Ranking("log", log.evidence.name, "count", rows, total, max(0, len(groups) - _MOST_MESSAGES))
    return PodPictures("", rankings=(ranking,)) if rows else PodPictures("")


def _message(group: LogGroup) -> Row:
    title = group.message.titled(group.names) if group.message else ""
    text = title or (group.trace.error if group.trace else without_prefix(group.last.text))
    first, last = (_FRACTION.sub("", hit.time) for hit in (group.first, group.last))
    times = f"{first} to {last}" if first != last else last
    level = group.last.level
    parts = [level, "at least" if group.is_at_least else "", times]
    note = " · ".join(part for part in parts if part)
    return Row(
        shortened(text, _LABEL_CHARACTERS), group.count, shortened(note, 100), _LEVEL_TONES.get(level, ""),
        group.last.number,
    )  # fmt: skip
