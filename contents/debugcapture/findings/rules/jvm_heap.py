"""Rules about the occupancy of a Java heap."""

from collections.abc import Iterator, Sequence
from typing import Final

from ...finding import Finding
from ...text import size
from ..parsers.jvm_heap import JvmHeap, MemoryPool
from ..subject import Rule

_FULL: Final = 0.95
_OLD_POOLS: Final = (
    "paroldgen",
    "psoldgen",
    "tenured",
    "tenured generation",
    "concurrent mark-sweep generation",
    "ps old generation",
)
_PERMANENT: Final = ("ps perm generation", "perm generation", "pspermgen")
_WHOLE_HEAPS: Final = ("garbage-first heap", "g1 heap", "zheap", "shenandoah heap", "epsilon")
_YOUNG_POOLS: Final = (
    "psyounggen",
    "def new generation",
    "defnew",
    "par new generation",
    "eden space",
    "from space",
    "to space",
)


def java_heap_full(heap: JvmHeap) -> Iterator[Finding]:
    """The heap, or its old generation, is nearly full and cannot grow. The JVM collects garbage again and again.

    A full young generation is normal. The whole heap of G1, ZGC and Shenandoah contains garbage as well, so it counts
    only in comparison with its maximum. Source: "HotSpot Virtual Machine Garbage Collection Tuning Guide", Java SE 21.
    """
    for pool in heap.pools:
        name = pool.name.lower()
        if name in _WHOLE_HEAPS and heap.max_heap and pool.used >= heap.max_heap * _FULL:
            yield _full(heap, pool, heap.max_heap, "Java heap")
        elif name in _OLD_POOLS and pool.committed and pool.used >= pool.committed * _FULL and _is_grown(heap):
            yield _full(heap, pool, pool.committed, "old generation")


def java_permanent_generation_full(heap: JvmHeap) -> Iterator[Finding]:
    """The permanent generation of Java 7 and earlier is nearly full: too many classes, or class loaders that leak.

    Source: https://docs.oracle.com/javase/7/docs/webnotes/tsg/TSG-VM/html/memleaks.html, "PermGen space".
    """
    for pool in heap.pools:
        if pool.name.lower() in _PERMANENT and heap.max_permanent and pool.used >= heap.max_permanent * _FULL:
            yield _full(heap, pool, heap.max_permanent, "permanent generation")


def java_heap_usage(heap: JvmHeap) -> Iterator[Finding]:
    """States how much of the heap is in use, and its limit.

    Source: https://docs.oracle.com/en/java/javase/21/docs/specs/man/jcmd.html, GC.heap_info and VM.flags.
    """
    parts = [pool for pool in heap.pools if pool.name.lower() in (*_WHOLE_HEAPS, *_OLD_POOLS, *_YOUNG_POOLS)]
    if not parts and not heap.max_heap:
        return
    used = sum(pool.used for pool in parts)
    limit = f" of {size(heap.max_heap)}" if heap.max_heap else ""
    pools = ", ".join(f"{pool.name} {size(pool.used)} of {size(pool.committed)}" for pool in heap.pools[:6])
    flags = f" {' '.join(heap.flags)}." if heap.flags else ""
    uptime = f" The JVM runs for {heap.uptime_s:.0f} s." if heap.uptime_s is not None else ""
    yield Finding(
        "info",
        f"{size(used)}{limit} of the Java heap are in use"
        if parts
        else f"The limit of the Java heap is {size(heap.max_heap)}",
        f"{pools or 'No pools'}.{flags}{uptime}"[:500],
        evidence=tuple(
            heap.evidence.quote(pool.line.number, pool.line.number, pool.line.text) for pool in heap.pools[:3]
        ),
        directness=5,
        key="heap usage",
    )


RULES: Sequence[Rule[JvmHeap]] = (java_heap_full, java_permanent_generation_full, java_heap_usage)


def _is_grown(heap: JvmHeap) -> bool:
    """Return whether the evidence shows that the heap has reached its maximum."""
    pools = (*_OLD_POOLS, *_YOUNG_POOLS)
    committed = sum(pool.committed for pool in heap.pools if pool.name.lower() in pools)
    return bool(heap.max_heap) and committed >= heap.max_heap * 0.85


def _full(heap: JvmHeap, pool: MemoryPool, limit: int, subject: str) -> Finding:
    return Finding(
        "warning",
        f"The {subject} is {pool.used / limit:.0%} full: {size(pool.used)} of {size(limit)}",
        f"{pool.line.text.strip()}. Limit of the heap: {size(heap.max_heap)}."[:400],
        "Look at what fills the heap: a class histogram, or a heap dump.",
        (heap.evidence.quote(pool.line.number, pool.line.number, pool.line.text),),
        directness=70,
        key=f"full {pool.name}",
    )
