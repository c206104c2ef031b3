"""Rules for logs."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from ...finding import EvidenceLines, Finding, Severity
from ...text import shortened
from ..parsers.log_line import without_prefix
from ..parsers.log_model import Log, LogGroup
from ..parsers.traces import Trace

_OWN_RULES: Final = ("kernel-oom-invoked", "kernel-oom-killed")  # messages that another rule explains
_QUOTE: Final = 300
_FEW: Final = 3  # occurrences of a transient error that matter little if the log continues
_CONTINUES_LINES: Final = 50
_CONTINUES_LONG_LINES: Final = 200
_MOST_CONTEXT: Final = 6  # findings that are only context
_END_LINES: Final = 20  # what the log ends with
_TIME_LIMIT: Final = re.compile(r"(?i)time-?out\D{0,24}\d{2,7}|time limit\D{0,10}\d{2,7}")
_NODE_GC: Final = re.compile(r"Mark-(?:[Cc]ompact|[Ss]weep)[^\d]{0,30}([\d.]+) \([\d.]+\) -> ([\d.]+) \(")
_BAD_END: Final = re.compile(
    r"(?i)shutting down|\bexit(?:ing|ed)?\b|giving up|abort|terminat|\bstopp(?:ed|ing)\b|fatal|failed to start|crash"
    r"|npm ERR!|^Node\.js v\d|max(?:imum)? retries|retries exhausted|not continue"
)
_UNCAUGHT: Final = (
    *("Exception in thread", "panic: ", "fatal error: ", "Unhandled exception", "Uncaught", "uncaught", "panicked at"),
    *("terminate called", "Fatal error"),
)
_LOW_LEVELS: Final = ("TRACE", "DEBUG", "INFO")


def known_message(log: Log) -> Iterator[Finding]:
    """The log contains a message whose meaning is known.

    The messages are a table of patterns, listed below with their sources. A message that applications retry (a refused
    connection) is context if the log reports a success afterwards, or continues without it.
    """
    recognized = [group for group in log.groups if group.message]
    hidden = {identity for group in recognized if group.message for identity in (*group.message.hides, *_OWN_RULES)}
    visible = [group for group in recognized if group.message and group.message.id not in hidden]
    findings = [_message_finding(log, group) for group in sorted(visible, key=lambda group: -group.last.number)]
    yield from (finding for finding in findings if finding.severity != "info")
    yield from [finding for finding in findings if finding.severity == "info"][:_MOST_CONTEXT]


def _message_finding(log: Log, group: LogGroup) -> Finding:
    message = group.message
    assert message is not None  # noqa: S101 - the caller selects these groups
    severity = _severity(log, group, message.severity if message.severity != "none" else "info")
    return Finding(
        severity,
        message.titled(group.names)[:200],
        _detail(log, group),
        message.advice,
        (_lines(log, group),),
        directness=message.directness,
        key=f"{message.id} {group.names.get('address', '')}",
    )


def unknown_error(log: Log) -> Iterator[Finding]:
    """The log contains errors that no known message explains, grouped by their text.

    Equal errors differ in numbers and IDs only. An error that ends the program, or with which the log ends, is a
    warning or critical; errors after which the log continues are context.
    """
    groups = [group for group in log.groups if group.message is None and not group.is_explained and _has_words(group)]
    for group in sorted(groups, key=lambda group: (-_weight(log, group).rank, -group.last.number))[:_MOST_ERRORS]:
        weight = _weight(log, group)
        yield Finding(
            weight.severity,
            _title(group),
            _detail(log, group),
            evidence=(_lines(log, group),),
            directness=weight.rank,
            key=_title(group),
        )


_MOST_ERRORS: Final = 5
_TAG: Final = re.compile(r"\[[^\]]{0,80}\]")


def _has_words(group: LogGroup) -> bool:
    """Return whether the error says anything: some programs write empty lines, with the ID of the request only."""
    return group.trace is not None or re.search(r"\w", _TAG.sub("", without_prefix(group.last.text))) is not None


RULES: Final = (known_message, unknown_error)


@dataclass(frozen=True, slots=True)
class _Weight:
    severity: Severity
    rank: int


def _weight(log: Log, group: LogGroup) -> _Weight:
    """Return how much an unknown error matters."""
    ends = log.lines - group.last.number - (group.trace.length if group.trace else 0) <= _END_LINES
    text = group.last.text + (group.trace.error if group.trace else "")
    uncaught = any(word in text for word in _UNCAUGHT) or group.last.level == "FATAL"
    if group.last.level in ("WARN", *_LOW_LEVELS) or _is_earlier_run(log, group):
        return _Weight("info", 20)
    if ends and (uncaught or (group.trace and not group.last.level)):
        return _Weight("critical", 58)
    if ends:
        return _Weight("warning", 45 if group.trace else 35)
    if uncaught:
        return _Weight("warning", 40)
    return _Weight("info", 30 if group.trace else 25)


def _title(group: LogGroup) -> str:
    text = (group.trace.cause or group.trace.error) if group.trace else group.last.text
    start = next((text.index(word) for word in _UNCAUGHT if word in text), -1)
    return shortened(text[start:] if start >= 0 else without_prefix(text), 160)


def _severity(log: Log, group: LogGroup, severity: Severity) -> Severity:
    """Return the severity of a known message, given its level and how the log continues."""
    message, level = group.message, group.last.level
    if level in _LOW_LEVELS or severity == "info" or _is_earlier_run(log, group):
        return "info"
    if message and message.transient:
        after = log.lines - group.last.number - (group.trace.length if group.trace else 0)
        continues = after >= (_CONTINUES_LINES if level == "FATAL" else 1 if level == "WARN" else 2)
        if log.last_good_line > group.last.number or (group.count <= _FEW and continues and not _ends_badly(log)):
            return "info"
        if after >= _CONTINUES_LONG_LINES:
            return "info"
        return "warning" if after >= _CONTINUES_LINES else severity
    if severity == "critical" and level != "FATAL" and log.lines - group.last.number >= _CONTINUES_LONG_LINES:
        return "warning"
    return severity


def _ends_badly(log: Log) -> bool:
    """Return whether the last lines say that the program ends."""
    return any(_BAD_END.search(line) for line in log.end)


def _is_earlier_run(log: Log, group: LogGroup) -> bool:
    """Return whether the message belongs to an earlier run of the program, after which another one works."""
    works = log.last_good_line > log.last_start_line or log.lines - log.last_start_line >= _CONTINUES_LINES
    return group.last.number < log.last_start_line and works


def _detail(log: Log, group: LogGroup) -> str:
    parts = [shortened(_cut_around(group), _QUOTE)]
    if trace := group.trace:
        parts.extend(_trace_parts(trace, parts[0]))
    if group.message and "timed-out" in group.message.id:
        limit = next((line for line in reversed(group.first.before) if _TIME_LIMIT.search(line)), "")
        if limit:
            parts.append(f"Time limit in the log: {shortened(limit[-120:], 120)}")
    if group.message and group.message.id == "node-heap-full":
        sizes = next((match for line in reversed(group.first.before) if (match := _NODE_GC.search(line))), None)
        if sizes:
            parts.append(f"The last full garbage collection left {sizes[2]} of {sizes[1]} MB")
    parts.append(_describe_count(group))
    if _is_earlier_run(log, group):
        parts.append("It belongs to an earlier run of the program.")
    elif log.last_good_line > group.last.number and group.message and group.message.transient:
        parts.append(f"Line {log.last_good_line} reports a success afterwards.")
    return " ".join(part if part.endswith((".", "!", "?")) else f"{part}." for part in parts if part)


def _cut_around(group: LogGroup) -> str:
    """Return the part of the line around the message."""
    text = group.last.text
    if group.trace and text.startswith("Traceback ("):
        return group.trace.error
    match = group.message.compiled.search(text) if group.message else None
    start = max(0, match.start() - 140) if match else 0
    return text[start:] if start < 40 else "…" + text[start:]  # noqa: PLR2004 - not worth an ellipsis


def _trace_parts(trace: Trace, quoted: str) -> Iterator[str]:
    if trace.error not in quoted:
        yield shortened(trace.error, 160)
    if trace.cause and trace.cause not in quoted:
        yield f"Caused by {shortened(trace.cause, 160)}"
    own = trace.own_frame
    if own:
        position = trace.frames.index(own)
        caller = next(
            (frame for frame in trace.frames[position + 1 : position + 3] if frame.function != own.function), None
        )
        yield f"In {own}" + (f", called by {caller}" if caller and not caller.is_library else "")
    elif trace.frames:
        yield f"In {trace.frames[0]}"


def _describe_count(group: LogGroup) -> str:
    if group.count == 1:
        return f"At {group.last.time}" if group.last.time else ""
    times = f"from {group.first.time} to {group.last.time}" if group.first.time and group.last.time else ""
    amount = f"{'At least ' if group.is_at_least else ''}{group.count} times"
    return f"{amount} {times}".strip()


def _lines(log: Log, group: LogGroup) -> EvidenceLines:
    length = group.trace.length if group.trace and group.count == 1 else 0
    return log.evidence.quote(group.last.number, group.last.number + length, *_quotation(group))


def _quotation(group: LogGroup) -> Sequence[str]:
    own = group.trace.own_frame if group.trace else None
    return (group.last.text, f"    at {own}") if own else (group.last.text,)
