"""Parses what the collectors of Java 8 and earlier print with -verbose:gc, -XX:+PrintGCDetails and similar options.

A collection is on one line or, with details, a tenuring distribution or another option, on several: the first line
begins it, and the time and the sizes follow on the lines after it. Sources: OpenJDK 8u, gcTraceTime.cpp,
g1CollectedHeap.cpp, parNewGeneration.cpp, concurrentMarkSweepGeneration.cpp, psScavenge.cpp.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from ..evidence import Line
from .jvm_gc_model import UNKNOWN_TIME, Collection, Failure, cut, number, size_of

START: Final = re.compile(
    r"\[(Full GC|GC)(?:--)?(?= {0,2}[(\[\-0-9:,{<]| pause| remark| cleanup| invoke=|AdaptiveSize|Before GC)"
    r"( pause| remark| cleanup)?((?: {0,2}\((?:[^()]|\(\)){1,60}\)){0,4})"
)
_SIZES = re.compile(r"(\d{1,12}(?:[.,]\d)?)([BKMG])->(\d{1,12}(?:[.,]\d)?)([BKMG])\((\d{1,12}(?:[.,]\d)?)([BKMG])\)")
_G1_HEAP = re.compile(
    r"Heap: (\d{1,12}(?:[.,]\d)?)([BKMG])\(\d{1,12}(?:[.,]\d)?[BKMG]\)"
    r"->(\d{1,12}(?:[.,]\d)?)([BKMG])\((\d{1,12}(?:[.,]\d)?)([BKMG])\)"
)
_SECONDS = re.compile(r", ?(\d{1,9}[.,]\d{1,9}) secs\]")
_CLASS_METADATA = re.compile(r"(?:Metaspace|Perm(?: ?Gen)?) ?: $")
_OLD_GENERATION = re.compile(r"(?:OldGen|Tenured|\[CMS|mode failure\)): $")
_LABEL_CHARACTERS: Final = 24
_FAILURES: Final[tuple[tuple[Failure, tuple[str, ...]], ...]] = (
    ("concurrent mode failure", ("(concurrent mode failure)",)),
    ("promotion failed", ("(promotion failed)", "promotion failure size")),
    ("to-space exhausted", ("(to-space exhausted)", "(to-space overflow)")),
)
_MARKING: Final = ("CMS-initial-mark:", "CMS-remark:")
_MOST_LINES: Final = 200  # of one collection


@dataclass(slots=True)
class _Event:
    """A collection whose lines are being read."""

    first: Line
    kind: str
    at: float
    lines: int = 0
    is_marking: bool = False
    """Whether it is a pause of a concurrent cycle, which has no sizes."""
    seconds: float = 0.0
    before: int = 0
    after: int = 0
    heap: int = 0
    old_after: int = 0
    old_size: int = 0
    failure: Failure = ""

    @property
    def is_complete(self) -> bool:
        """Return whether nothing more is expected."""
        return (self.seconds > 0 and (self.heap > 0 or self.is_marking)) or self.lines >= _MOST_LINES

    def read(self, text: str) -> None:
        """Read one of the lines."""
        self.lines += 1
        for match in _SECONDS.finditer(text):  # those of the parts come first, that of the collection last
            self.seconds = number(match.group(1))
        if heap := _G1_HEAP.search(text):
            self._set_heap(heap)
        elif "->" in text:
            for match in _SIZES.finditer(text):
                self._read_sizes(match, text[max(0, match.start() - _LABEL_CHARACTERS) : match.start()])
        for failure, words in _FAILURES:
            if not self.failure and any(word in text for word in words):
                self.failure = failure
        self.is_marking = self.is_marking or any(word in text for word in _MARKING)

    def collection(self) -> Collection:
        """Return the collection."""
        return Collection(
            self.kind,
            cut(self.first),
            self.seconds,
            self.before,
            self.after,
            self.heap,
            self.old_after,
            self.old_size,
            is_full=self.kind.startswith("Full") or self.failure == "concurrent mode failure",
            failure=self.failure,
            at=self.at,
        )

    def _read_sizes(self, match: re.Match[str], label: str) -> None:
        if _CLASS_METADATA.search(label):
            return
        size = size_of(*match.group(5, 6))
        if _OLD_GENERATION.search(label):
            self.old_after, self.old_size = size_of(*match.group(3, 4)), size
        if size >= self.heap:  # those of the generations come first, those of the whole heap last
            self._set_heap(match)

    def _set_heap(self, match: re.Match[str]) -> None:
        self.before, self.after = size_of(*match.group(1, 2)), size_of(*match.group(3, 4))
        self.heap = size_of(*match.group(5, 6))


class Java8Reader:
    """Reads lines, and returns each collection when its last line is known."""

    def __init__(self) -> None:
        """No collection has begun."""
        self._event: _Event | None = None

    def read(self, line: Line, at: float = UNKNOWN_TIME) -> Iterator[Collection]:
        """Read a line whose time is ``at``, and yield the collections that end before it or with it."""
        text = line.text
        start = START.search(text) if "GC" in text else None
        if start:
            yield from self.finish()
            self._event = _event(line, start, at)
        if self._event and (start or not _is_concurrent(text)):
            self._event.read(text)
            if self._event.is_complete and not _is_concurrent(text):  # such a line continues on the next one
                yield from self.finish()

    def finish(self) -> Iterator[Collection]:
        """Yield the collection that has begun, if anything is known of it."""
        event, self._event = self._event, None
        if event and (event.seconds or event.heap):
            yield event.collection()


def _event(line: Line, start: re.Match[str], at: float) -> _Event:
    name, phase, causes = start.groups(default="")
    is_failed = "--" in line.text[start.start() : start.end() + len(" --")]
    event = _Event(line, f"{name}{phase} {causes.strip()}".strip(), at, failure="promotion failed" if is_failed else "")
    event.is_marking = phase in (" remark", " cleanup")
    return event


def _is_concurrent(text: str) -> bool:
    """Return whether a concurrent phase has printed into ``text``, while a collection prints its own lines."""
    return "[GC concurrent" in text or "CMS-concurrent" in text
