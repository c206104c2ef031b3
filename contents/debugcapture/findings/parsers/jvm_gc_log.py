"""Parses logs of the garbage collector, unified (`-Xlog:gc`) and of Java 8 (jvm_gc_java8.py).

The collector writes its own file, or the output of the container with that of the application. Sources: JEP 271;
https://docs.oracle.com/en/java/javase/21/docs/specs/man/java.html, "Enable Logging with the JVM Unified Logging
Framework".
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Final

from ..evidence import Evidence, Line
from .jvm_gc_java8 import START, Java8Reader
from .jvm_gc_model import UNKNOWN_TIME, Collection, Failure, GcLog, cut, number, size_of

_UNIFIED = re.compile(
    r"GC\((\d{1,12})\) ((?:Pause|Concurrent|Garbage Collection|Major Collection|Minor Collection).{0,120}?) "
    r"(\d{1,12})([KMG])(?:\(\d{1,3}%\))?->(\d{1,12})([KMG])(?:\(\d{1,3}%\))?(?:\((\d{1,12})([KMG])\))?"
    r"(?: (\d{1,9}[.,]\d{1,4})(ms|s))?"
)
_UNIFIED_FAILURE = re.compile(r"GC\((\d{1,12})\) (To-space exhausted|Concurrent mode failure|Promotion failed)")
_FAILURES: Final[dict[str, Failure]] = {
    "To-space exhausted": "to-space exhausted",
    "Concurrent mode failure": "concurrent mode failure",
    "Promotion failed": "promotion failed",
}
_EVACUATION_FAILURES: Final = ("(Evacuation Failure)", "(Evacuation Failure: Allocation)")
_MARK = re.compile(r"\[(?:info|debug|trace)\s*\]\[\s*(?:gc|safepoint|metaspace)|\[(?:Full )?GC\b(?!\])")
_DETAIL = re.compile(
    r"^(?: +\[[A-Z][A-Za-z .-]{1,40}(?: \(ms\))?: | +(?:\d+(?:\.\d)? +){2}| +(?:Avg|Sum): |, \d+[.,]\d+ secs\]"
    r"| ?\[Times: "
    r"|- age +\d+: |Desired survivor size \d|\{?Heap (?:before|after) GC invocations=|\}$|No shared spaces|--------"
    r"| +(?:par new|def new|tenured|concurrent.mark-sweep|PS|Par|garbage-first|region size|eden|from|to |Metaspace"
    r"|class space|compacting perm|the space|object space)| \(concurrent mode failure\)|: \d+K->\d+K\("
    r"|(?:Before|After) GC:|Statistics for |Total Free Space: |Max +Chunk Size: |Number of Blocks: |Av\. +Block +Size: "
    r"|Tree +Height: |(?:time_until_cms|free|contiguous_available|promotion_rate|cms_allocation_rate|occupancy)\w*[= ]"
    r"|Memory: \d+k page|CommandLine flags: |(?:OpenJDK|Java HotSpot).{0,40} VM \(|[-\d]{10} [\d:]{8} GC log file "
    r"|(?:\[[^\]]{1,60}\]){1,3}\[(?:info|debug|trace|warning) *\]"
    r"\[(?:os|gc|safepoint|class|biasedlocking|startuptime|codecache|cds|pagesize)[a-z,]{0,60} *\] )"
    r"|: \[(?:AS)?CMS|Total time for which application threads were stopped: |: Application time: |AdaptiveSize"
    r"|G1Ergonomics"
)
_UPTIME = re.compile(r"(?:^|[\] ])\[?(\d{1,12}[.,]\d{3})(?:s\]|: )")
_DATE = re.compile(r"(?:^|\[)(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)[.,](\d{3})([+-]\d{4})")
_TIME_CHARACTERS: Final = 80
_MOST: Final = 200_000
_HEAD_LINES: Final = 60
_WORDS: Final = ("[GC", "[Full GC", "GC(")
_MIN_MIXED: Final = 3  # collections between the messages of an application


def recognize(evidence: Evidence) -> bool:
    """Return whether the file has collections: most of its first lines are of the collector, or several of all."""
    return _is_mostly_collector(evidence.head) or _has_collections(evidence.head)


def is_mixed(evidence: Evidence) -> bool:
    """Return whether an application wrote most of the first lines."""
    return not _is_mostly_collector(evidence.head)


def parse(evidence: Evidence) -> GcLog:
    """Return the collections in ``evidence``."""
    collections: list[Collection] = []
    for collection in _collections(evidence.lines()):
        collections.append(collection)
        if len(collections) >= _MOST:
            break
    return GcLog(evidence, tuple(collections))


def _is_mostly_collector(head: str) -> bool:
    lines = [line for line in head[: _HEAD_LINES << 11].splitlines()[: _HEAD_LINES * 2] if line.strip()][:_HEAD_LINES]
    marks = sum(_MARK.search(line) is not None for line in lines)
    details = sum(_DETAIL.search(line) is not None and _MARK.search(line) is None for line in lines)
    has_collection = marks >= 2 or any(START.search(line) for line in lines)
    return has_collection and (marks + details) * 2 > len(lines)


def _has_collections(head: str) -> bool:
    if not any(word in head for word in _WORDS):
        return False
    count = 0
    for line in head.splitlines():
        if "->" in line and (_UNIFIED.search(line) or (START.search(line) and " secs]" in line)):
            count += 1
            if count == _MIN_MIXED:
                return True
    return False


def _collections(lines: Iterator[Line]) -> Iterator[Collection]:
    java8 = Java8Reader()
    failures: dict[str, Failure] = {}
    """Failures of unified collections by their number, which the line with the sizes repeats later."""
    for line in lines:
        if "GC(" in line.text:
            if match := _UNIFIED.search(line.text):
                yield _unified(line, match, failures.pop(match.group(1), ""))
                continue
            if match := _UNIFIED_FAILURE.search(line.text):
                failures = {match.group(1): _FAILURES[match.group(2)]}
                continue
        has_start = "[GC" in line.text or "[Full GC" in line.text
        yield from java8.read(line, _time_of(line.text) if has_start else UNKNOWN_TIME)
    yield from java8.finish()


def _unified(line: Line, match: re.Match[str], failure: Failure) -> Collection:
    _, kind, before, before_unit, after, after_unit, heap, heap_unit, time, unit = match.groups()
    if not failure and any(words in kind for words in _EVACUATION_FAILURES):
        failure = "to-space exhausted"
    return Collection(
        kind.strip(),
        cut(line),
        number(time) / (1000 if unit == "ms" else 1) if time else 0.0,
        size_of(before, before_unit),
        size_of(after, after_unit),
        size_of(heap, heap_unit) if heap else 0,
        is_full=kind.startswith("Pause Full"),
        is_pause=kind.startswith("Pause"),
        failure=failure,
        at=_time_of(line.text),
    )


def _time_of(text: str) -> float:
    """Return the seconds since the start of the JVM at the beginning of ``text``, or else those since 1970."""
    head = text[:_TIME_CHARACTERS]
    if match := _UPTIME.search(head):
        return number(match.group(1))
    if match := _DATE.search(head):
        date, milliseconds, zone = match.groups()
        try:
            return datetime.fromisoformat(f"{date}.{milliseconds}{zone[:3]}:{zone[3:]}").timestamp()
        except (ValueError, OverflowError):
            return UNKNOWN_TIME
    return UNKNOWN_TIME
