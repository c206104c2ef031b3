"""Rules about the summary of Native Memory Tracking."""

from collections.abc import Iterator, Sequence
from typing import Final

from ...finding import Finding
from ...text import size
from ..parsers.jvm_native_memory import NativeMemory
from ..subject import Rule

_MANY_THREADS: Final = 1000


def java_native_threads(memory: NativeMemory) -> Iterator[Finding]:
    """The JVM has very many threads. The stack of each takes memory outside of the heap.

    Source: https://docs.oracle.com/en/java/javase/21/vm/native-memory-tracking.html, category Thread.
    """
    if memory.threads < _MANY_THREADS:
        return
    stacks = next((item for item in memory.categories if item.name == "Thread"), None)
    stack_words = (
        f"Category Thread: {size(stacks.committed)} committed, {size(stacks.reserved)} reserved." if stacks else ""
    )
    line = memory.threads_line
    yield Finding(
        "warning",
        f"The JVM has {memory.threads} threads",
        stack_words,
        "Look at a thread dump for pools that are created and not closed.",
        (memory.evidence.quote(line.number, line.number, line.text),),
        directness=60,
        key="native threads",
    )


def java_native_memory(memory: NativeMemory) -> Iterator[Finding]:
    """States for what the JVM uses memory. The sum counts against the limit of the container, not the heap alone.

    Source: https://docs.oracle.com/en/java/javase/21/vm/native-memory-tracking.html.
    """
    if memory.total is None:
        return
    top = sorted(memory.categories, key=lambda item: -item.committed)[:5]
    categories = ", ".join(f"{item.name} {size(item.committed)}" for item in top)
    lines = [memory.total.line, *(item.line for item in top[:3])]
    yield Finding(
        "info",
        f"The JVM has committed {size(memory.total.committed)} of memory",
        f"Largest categories: {categories}.{f' {memory.threads} threads.' if memory.threads else ''}",
        evidence=tuple(memory.evidence.quote(line.number, line.number, line.text) for line in lines),
        directness=5,
        key="native memory summary",
    )


RULES: Sequence[Rule[NativeMemory]] = (java_native_threads, java_native_memory)
