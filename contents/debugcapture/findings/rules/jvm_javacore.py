"""Rules about the parts of an OpenJ9 javacore that are not threads: why it was written, and the heap."""

import re
from collections.abc import Iterator
from typing import Final

from ...finding import Finding
from ...text import size
from ..parsers.jvm_model import Javacore, JavaThread, ThreadDumps
from .jvm_activity import frames_text

_DETAIL = re.compile(r'Detail "([^"]{1,400})"')
_CRASHES: Final = ('"gpf"', '"abort"', '"traceassert"')


def openj9_out_of_memory(dumps: ThreadDumps) -> Iterator[Finding]:
    """The javacore was written because of an OutOfMemoryError. It names the thread whose allocation failed.

    That thread is often a victim: look at what fills the memory. Source:
    https://eclipse.dev/openj9/docs/dump_javadump/, "Java OutOfMemoryError".
    """
    facts = dumps.javacore
    if facts is None or "OutOfMemoryError" not in facts.event:
        return
    details = _DETAIL.findall(facts.event)
    message = ": ".join(details) or facts.event
    thread = _current(dumps, facts)
    place = f" at {thread.place}" if thread and thread.place else ""
    requester = f' The thread "{facts.current}" asked for memory{place}.' if facts.current else ""
    yield Finding(
        "critical",
        f"OutOfMemoryError: {message.replace('java/lang/OutOfMemoryError', '').strip(': ') or message}"[:200],
        f"{message}.{requester}{_heap(facts)}"[:560],
        "Look at what fills the memory: a heap dump or a class histogram.",
        (
            dumps.evidence.quote(facts.event_line.number, facts.event_line.number, facts.event_line.text),
            *((dumps.quote_thread(thread, *frames_text(thread)),) if thread else ()),
        ),
        directness=90,
        key="out of memory",
    )


def openj9_crash(dumps: ThreadDumps) -> Iterator[Finding]:
    """The javacore was written because the JVM crashed. It names the signal, and the library in which it happened.

    Source: https://eclipse.dev/openj9/docs/dump_javadump/, GPINFO: the register section names the module of the fault.
    """
    facts = dumps.javacore
    if facts is None or not any(event in facts.event for event in _CRASHES):
        return
    thread = _current(dumps, facts)
    module = next((line for line in facts.crash if "Module" in line.text and ":" in line.text), None)
    module_words = f" in {module.text.partition(':')[2].strip()}" if module else ""
    place = f" at {thread.place}" if thread and thread.place else ""
    lines = "; ".join(line.text for line in facts.crash[:4])
    yield Finding(
        "critical",
        f"The JVM crashed{module_words}" + (f' on the thread "{facts.current}"' if facts.current else ""),
        f"{facts.event}. {lines}.{f' The thread was{place}.' if place else ''}"[:560],
        "",
        (
            dumps.evidence.quote(facts.event_line.number, facts.event_line.number, facts.event_line.text),
            *((dumps.quote_thread(thread, *frames_text(thread)),) if thread else ()),
        ),
        directness=90,
        key=f"crash{module_words}",
    )


def openj9_heap(dumps: ThreadDumps) -> Iterator[Finding]:
    """States how much of the heap is in use.

    Source: https://eclipse.dev/openj9/docs/dump_javadump/, MEMINFO.
    """
    facts = dumps.javacore
    if facts is not None and facts.heap_total:
        yield Finding(
            "info",
            f"{facts.heap_used / facts.heap_total:.0%} of the Java heap is in use",
            _heap(facts).strip(),
            directness=4,
            key="heap",
        )


def _current(dumps: ThreadDumps, facts: Javacore) -> JavaThread | None:
    return dumps.last.by_name.get(facts.current) if facts.current else None


def _heap(facts: Javacore) -> str:
    if not facts.heap_total:
        return ""
    option = f" ({facts.heap_option})" if facts.heap_option else ""
    return f" Java heap: {size(facts.heap_used)} of {size(facts.heap_total)} in use{option}."
