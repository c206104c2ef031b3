"""Rules about histograms of the .NET heap."""

from collections.abc import Iterator, Sequence
from typing import Final

from ...finding import EvidenceLines, Finding
from ...text import size
from ..parsers.dotnet_heap import NetHeap, TypeCount
from ..subject import Rule

_LARGE_HEAP: Final = 256 << 20  # bytes; in a smaller heap a large share says nothing
_SHARE: Final = 0.3
_MANY_OBJECTS: Final = 1_000_000
_LIBRARIES: Final = ("System.", "Microsoft.", "Interop", "Internal.", "(", "<")


def dotnet_type_fills_heap(heap: NetHeap) -> Iterator[Finding]:
    """Objects of one type of the application fill a large part of the heap: a collection or cache that grows.

    Source: https://learn.microsoft.com/en-us/dotnet/core/diagnostics/debug-memory-leak
    """
    if heap.bytes < _LARGE_HEAP:
        return
    for row in _own(heap)[:1]:
        share = row.bytes / heap.bytes
        if share < _SHARE and not (row.objects >= _MANY_OBJECTS and share >= _SHARE / 3):
            return
        yield Finding(
            "warning",
            f"{row.objects} objects of {row.name} fill {share:.0%} of the .NET heap"[:240],
            f"{size(row.bytes)} of {size(heap.bytes)}, without what they refer to.",
            "Look at the collections that keep them: gcroot of dotnet-dump shows them in a dump.",
            _rows(heap, [row]),
            directness=65,
            key=f"dotnet fills {row.name}",
        )


def dotnet_heap_top(heap: NetHeap) -> Iterator[Finding]:
    """States which types use most of the heap. Strings and arrays are at the top of nearly every heap.

    Source: https://learn.microsoft.com/en-us/dotnet/core/diagnostics/dotnet-gcdump
    """
    if not heap.types:
        return
    top, own = (", ".join(map(_describe, rows)) for rows in (heap.types[:3], _own(heap)[:3]))
    outside = f" Types of the application: {own}." if own else ""
    yield Finding(
        "info",
        f"The objects on the .NET heap use {size(heap.bytes)}",
        f"{heap.objects} objects. Largest types: {top}.{outside}"[:560],
        evidence=_rows(heap, heap.types[:3]),
        directness=5,
        key="dotnet heap top",
    )


RULES: Sequence[Rule[NetHeap]] = (dotnet_type_fills_heap, dotnet_heap_top)


def _own(heap: NetHeap) -> list[TypeCount]:
    """Return the rows of the application's types, the largest first. Arrays of them count too."""
    return [row for row in heap.types if "." in row.name and not row.name.startswith(_LIBRARIES)]


def _describe(row: TypeCount) -> str:
    return f"{row.name} {size(row.bytes)} ({row.objects})"


def _rows(heap: NetHeap, rows: Sequence[TypeCount]) -> tuple[EvidenceLines, ...]:
    return tuple(heap.evidence.quote(row.line, row.line, row.text) for row in rows)
