"""Rules for diagnostic reports of Node.js."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Final

from ...finding import EvidenceLines, Finding
from ...text import shortened
from ..parsers.node_report import NodeReport

_MOST: Final = 200  # characters
_MB: Final = 1_000_000
_FULL: Final = 0.9  # share of the limit from which a heap is nearly full
_NOT_FULL: Final = 0.8  # share below which the limit is not the reason
_MANY_CONNECTIONS: Final = 500
_LARGE_QUEUE_BYTES: Final = 1 << 20
_MOST_SPACES: Final = 3
_LIBRARY: Final = re.compile(r"node:|node_modules|\(?internal/|<anonymous>$|native\)")
_SYNTHETIC: Final = "ERR_SYNTHETIC"  # part of every report that was written on demand


def node_heap_full(report: NodeReport) -> Iterator[Finding]:
    """Node.js ended because an allocation in the JavaScript heap failed.

    V8 ends the process itself: it is neither the kernel nor the memory limit of the container.
    Source: https://nodejs.org/api/report.html
    """
    if not _is_out_of_memory(report):
        return
    yield Finding(
        "critical",
        f"Node.js ended because of its heap: {report.event}",
        f"Node.js {report.version}, trigger {report.trigger}. {_heap(report)}{_place(report)}",
        "Take a heap snapshot before the heap is full, or raise --max-old-space-size if the program needs more.",
        (_quote(report, '"event"'),),
        directness=88,
        key="node heap full",
    )


def node_heap_limit(report: NodeReport) -> Iterator[Finding]:
    """States whether the limit of the heap was reached. If not, a single allocation was too large.

    Source: https://nodejs.org/api/v8.html#v8getheapstatistics
    """
    if not report.heap_limit or not report.heap_used:
        return
    share = report.heap_used / report.heap_limit
    options = " ".join(word for word in report.command if "max-" in word and "space" in word)
    limit = f"{_mb(report.heap_limit)}" + (f" ({options})" if options else "")
    spaces = ", ".join(f"{name} holds {_mb(used)}" for name, used in report.spaces[:_MOST_SPACES] if used)
    if _is_out_of_memory(report) and share < _NOT_FULL:
        large = "large_object" in report.spaces[0][0] if report.spaces else False
        yield Finding(
            "warning",
            f"The limit of the heap was not reached: {_mb(report.heap_used)} of {limit} were used",
            f"{spaces}." + (" Large objects fill the heap: arrays, strings or buffers." if large else ""),
            "Look for code that builds very large arrays or strings." if large else "",
            (_quote(report, '"usedMemory"'),),
            directness=70,
            key="node large allocation",
        )
    elif share >= _FULL:
        yield Finding(
            "warning",
            f"The JavaScript heap is nearly full: {_mb(report.heap_used)} of {limit} are used",
            f"{spaces}.",
            "Compare two heap snapshots, or raise --max-old-space-size within the memory limit of the container.",
            (_quote(report, '"usedMemory"'),),
            directness=72,
            key="node heap nearly full",
        )


def node_uncaught_error(report: NodeReport) -> Iterator[Finding]:
    """Node.js ended because of an error that nothing handled.

    Source: https://nodejs.org/api/report.html
    """
    if _is_out_of_memory(report) or report.trigger not in ("Exception", "FatalError", "FatalException"):
        return
    message = report.message if report.message not in ("", "No stack.") else report.event
    yield Finding(
        "critical",
        f"Node.js ended because of an error that nothing handled: {shortened(message, _MOST)}",
        f"Node.js {report.version}, trigger {report.trigger}, event {shortened(report.event, _MOST)}.{_place(report)}",
        evidence=(_quote(report, '"javascriptStack"'),),
        directness=80,
        key=f"node error {re.sub('[0-9]+', '#', message)[:100]}",
    )


def node_memory_limit(report: NodeReport) -> Iterator[Finding]:
    """The memory of the process is near the memory limit of its container.

    Source: https://nodejs.org/api/process.html#processconstrainedmemory
    """
    if report.memory_limit and report.rss >= report.memory_limit * _FULL:
        yield Finding(
            "warning",
            f"Node.js uses {_mb(report.rss)} of the {_mb(report.memory_limit)} that the container may use",
            _heap(report),
            "The kernel kills the process at the limit. Memory outside the heap is in buffers and native code.",
            (_quote(report, '"constrained_memory"'),),
            directness=70,
            key="node memory limit",
        )


def node_connections(report: NodeReport) -> Iterator[Finding]:
    """Node.js has very many connections to one server, or data that a server does not take.

    Source: https://nodejs.org/api/report.html
    """
    remotes = Counter(handle.remote for handle in report.handles if handle.type == "tcp" and handle.remote)
    for remote, count in remotes.most_common(1):
        if count >= _MANY_CONNECTIONS:
            yield Finding(
                "warning",
                f"Node.js has {count} connections to {remote}",
                f"{sum(remotes.values())} connections in total.",
                "Use a pool with a limit, and close connections that are not used.",
                (_quote(report, '"libuv"'),),
                directness=60,
                key=f"node connections {remote}",
            )
    waiting = [handle for handle in report.handles if handle.write_queue_bytes >= _LARGE_QUEUE_BYTES]
    if waiting:
        largest = max(waiting, key=lambda handle: handle.write_queue_bytes)
        yield Finding(
            "warning",
            f"{largest.remote or 'The other side'} does not take the data that Node.js wrote",
            f"{len(waiting)} connections have more than 1 MiB to send, one has {_mb(largest.write_queue_bytes)}.",
            "Wait for the event drain before writing more.",
            (_quote(report, '"writeQueueSize"'),),
            directness=58,
            key="node write queue",
        )


def node_open_files(report: NodeReport) -> Iterator[Finding]:
    """The numbers of the file descriptors are near the limit of open files.

    Source: https://man7.org/linux/man-pages/man2/getrlimit.2.html
    """
    highest = max((handle.fd for handle in report.handles), default=-1)
    if report.open_files_limit and highest >= report.open_files_limit * _FULL:
        yield Finding(
            "warning",
            f"Node.js uses nearly all file descriptors: number {highest} of at most {report.open_files_limit}",
            f"The report lists {len(report.handles)} handles.",
            "Look for sockets and files that are not closed.",
            (_quote(report, '"open_files"'),),
            directness=66,
            key="node open files",
        )


def node_report(report: NodeReport) -> Iterator[Finding]:
    """States why the report was written, and what JavaScript was running.

    Source: https://nodejs.org/api/report.html
    """
    if _is_out_of_memory(report) or not (place := _place(report)):
        return
    yield Finding(
        "info",
        f"Report of Node.js {report.version}, written because of {report.trigger or 'an unknown event'}",
        f"{_heap(report)}{place}",
        evidence=(_quote(report, '"javascriptStack"'),),
        directness=20,
        key="node report",
    )


def _is_out_of_memory(report: NodeReport) -> bool:
    return "out of memory" in report.event or report.trigger == "OOMError"


def _heap(report: NodeReport) -> str:
    if not report.heap_limit:
        return ""
    return f"The heap uses {_mb(report.heap_used)} of {_mb(report.heap_limit)}."


def _place(report: NodeReport) -> str:
    own = next((line for line in report.stack if not _LIBRARY.search(line)), "")
    line = own or ("" if _SYNTHETIC in report.message else next(iter(report.stack), ""))
    return f" JavaScript was {shortened(line, _MOST)}." if line else ""


def _mb(size: int) -> str:
    return f"{size / _MB:,.0f} MB" if size >= _MB else f"{size / _MB:.1f} MB"


def _quote(report: NodeReport, key: str) -> EvidenceLines:
    line = next((line for line in report.evidence.lines() if key in line.text), None)
    number = line.number if line else 1
    return report.evidence.quote(number, number, line.text.strip() if line else "")


RULES: Final = (
    node_heap_full,
    node_heap_limit,
    node_uncaught_error,
    node_memory_limit,
    node_connections,
    node_open_files,
    node_report,
)
