"""Rules about frameworks that demand a certain thread: Swing, event loops."""

import re
from collections.abc import Iterator
from typing import Final

from ...finding import Finding
from ..parsers.jvm_model import Frame, JavaThread, ThreadDumps
from .jvm_activity import activity_of, describe, frames_text, names

_SWING: Final = ("javax.swing.", "java.awt.Component.", "java.awt.Container.", "java.awt.Dialog.", "java.awt.Window.")
_SWING_THREADS: Final = re.compile(
    r"(?:AWT-.*|Java2D.*|TimerQueue|Swing.*|SwingWorker.*|Basic L&F.*|Image (?:Fetcher|Animator).*|main|AppKit.*|"
    r"Disposer|DestroyJavaVM|Prism.*)$"
)
_SWING_SAFE: Final = (
    "javax.swing.SwingWorker",
    "javax.swing.TimerQueue",
    "javax.swing.SwingUtilities.invokeAndWait",
    "javax.swing.SwingUtilities.invokeLater",
    "javax.swing.text.",
    "javax.swing.ImageIcon",
    "javax.swing.filechooser.",
)
_EVENT_LOOP: Final = re.compile(
    r"(?:AWT-EventQueue-\d+|nioEventLoopGroup-.*|reactor-(?:http|tcp)-.*|vert\.x-eventloop-thread-\d+|XNIO-\d+ I/O-\d+|"
    r"epollEventLoopGroup-.*|multiThreadIoEventLoopGroup-.*|netty-.*eventloop.*|lettuce-(?:nio|epoll)EventLoop-.*|"
    r"JavaFX Application Thread|redisson-netty-.*|grpc-(?:nio|default)-worker-ELG-.*|ktor-.*netty.*)$"
)


def java_swing_thread(dumps: ThreadDumps) -> Iterator[Finding]:
    """A thread other than the event thread works on Swing components, which are not thread-safe.

    This leads to deadlocks and broken windows. Source: package javax.swing, "Swing's Threading Policy",
    https://docs.oracle.com/en/java/javase/21/docs/api/java.desktop/javax/swing/package-summary.html.
    """
    for thread in dumps.last.java_threads:
        if _SWING_THREADS.match(thread.name) or thread.is_virtual:
            continue
        frame = next((frame for frame in thread.frames if _is_component(frame)), None)
        if frame is None or any(other.call.startswith(_SWING_SAFE) for other in thread.frames):
            continue
        caller = next(
            (other for other in thread.frames if not other.call.startswith(("java", "sun.", "com.apple.", "com.sun."))),
            None,
        )
        called = f", called from {caller.call}({caller.place})" if caller else ""
        yield Finding(
            "warning",
            f"{thread.label} works on Swing components, but is not the event thread",
            f"{thread.label} is in {frame.call}({frame.place}){called}. Only AWT-EventQueue may use Swing components.",
            "Call SwingUtilities.invokeLater for work on components.",
            (dumps.quote_thread(thread, *frames_text(thread, 5)),),
            directness=61,
        )
        return


def java_event_loop_blocked(dumps: ThreadDumps) -> Iterator[Finding]:
    """A thread of an event loop waits in code of the application: it serves nothing else.

    Source: Netty, "Never block the event loop"; Vert.x, "The Golden Rule"; Reactor reference, "blocking wrapped call".
    """
    dump = dumps.last
    blocked = [thread for thread in dump.java_threads if _EVENT_LOOP.match(thread.name) and _blocks(thread)]
    if not blocked:
        return
    first = blocked[0]
    subject = (
        f"The event loop thread {first.label} is"
        if len(blocked) == 1
        else f"The event loop threads {names(blocked)} are"
    )
    yield Finding(
        "warning",
        f"{subject} blocked",
        f"{first.label} {describe(dump, first)}. It serves nothing else until this ends.",
        "Move blocking work to a pool of worker threads.",
        tuple(dumps.quote_thread(thread, *frames_text(thread, 4)) for thread in blocked[:3]),
        directness=57,
        key=f"event loop {first.caller.call if first.caller else ''}",
    )


def _blocks(thread: JavaThread) -> bool:
    """Return whether the thread waits in code of the application for something other than events."""
    if thread.caller is None:
        return False
    activity = activity_of(thread)
    waits = activity in ("sleeps", "connects", "resolves", "future", "latch", "semaphore", "monitor", "lock")
    return waits or (activity == "reads" and _reads_blocking(thread))


def _is_component(frame: Frame) -> bool:
    return frame.call.startswith(_SWING)


def _reads_blocking(thread: JavaThread) -> bool:
    """Return whether the read blocks. A selector's channel returns at once if there is no data."""
    return (
        thread.frame_of(("SocketInputStream.socketRead0", "NioSocketImpl.timedRead", "NioSocketImpl.implRead"), 6)
        is not None
    )
