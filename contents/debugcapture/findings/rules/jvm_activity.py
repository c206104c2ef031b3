"""What a Java thread does: words and groups that the rules about threads share."""

import re
from collections.abc import Iterable, Sequence
from typing import Final, Literal

from ..parsers.jvm_model import Frame, JavaThread, ThreadDump, short_name

Activity = Literal[
    "idle",
    "polls",
    "sleeps",
    "reads",
    "connects",
    "resolves",
    "monitor",
    "lock",
    "future",
    "latch",
    "semaphore",
    "waits",
    "runs",
    "unknown",
]
_DEPTH: Final = 12  # frames that can show the reason of a wait
_SLEEP: Final = (
    "java.lang.Thread.sleep",
    "java.lang.Thread.sleep0",
    "java.lang.Thread.sleepNanos",
    "java.util.concurrent.TimeUnit.sleep",
)
_READ: Final = (
    "SocketInputStream.socketRead0",
    "SocketInputStream.read",
    "NioSocketImpl.timedRead",
    "NioSocketImpl.implRead",
    "SocketDispatcher.read0",
    "SocketChannelImpl.read",
    "UnixDomainSockets.read",
)
_CONNECT: Final = (
    "SocketImpl.socketConnect",
    "SocketImpl.connect0",
    "SocketImpl.waitForConnect",
    "sun.nio.ch.Net.connect0",
    "sun.nio.ch.Net.pollConnect",
    "NioSocketImpl.timedFinishConnect",
    "NioSocketImpl.connect",
    "SocketChannelImpl.connect",
    "SocketAdaptor.connect",
)
_RESOLVE: Final = ("AddressImpl.lookupAllHostAddr", "AddressImpl.getHostByAddr", "AddressImpl.getLocalHostName")
_POLL: Final = (
    "EPoll.wait",
    "EPollArrayWrapper.epollWait",
    "KQueue.poll",
    "KQueueArrayWrapper.kevent0",
    "SubSelector.poll0",
    "WEPoll.wait",
    "PollArrayWrapper.poll0",
    "DevPollArrayWrapper.poll0",
    "channel.epoll.Native.epollWait",
    "channel.epoll.Native.epollWait0",
    "channel.kqueue.Native.keventWait",
    "Net.accept",
    "SocketImpl.accept",
    "SocketImpl.socketAccept",
    "SocketImpl.accept0",
    "SocketImpl.waitForNewConnection",
    "SocketChannelImpl.accept",
    "SocketChannelImpl.accept0",
    "LinuxWatchService.poll",
    "IoUringArray.wait",
    "tomcat.jni.Poll.poll",
    "SelectorImpl.select",
)
_IDLE: Final = (
    "ThreadPoolExecutor.getTask",
    "ForkJoinPool.awaitWork",
    "ForkJoinPool.runWorker",
    "java.util.TimerThread.mainLoop",
    "ReferenceQueue.remove",
    "ReferenceQueue.remove0",
    "Reference.waitForReferencePendingList",
    "Reference.processPendingReferences",
    "Reference.tryHandlePending",
    "ReferenceHandler.run",
    "QueuedThreadPool.idleJobPoll",
    "ReservedThreadExecutor$ReservedThread.reservedWait",
    "EnhancedQueueExecutor$ThreadBody.run",
    "TaskQueue.take",
    "TaskQueue.poll",
    "DelayedWorkQueue.take",
    "DelayedWorkQueue.poll",
    "LinkedBlockingQueue.take",
    "LinkedBlockingDeque.take",
    "ArrayBlockingQueue.take",
    "LinkedBlockingQueue.poll",
    "ArrayBlockingQueue.poll",
    "DelayQueue.take",
    "PriorityBlockingQueue.take",
    "LinkedTransferQueue.take",
    "LinkedTransferQueue.poll",
    "SynchronousQueue.take",
    "SynchronousQueue.poll",
    "SynchronousQueue$TransferStack.transfer",
    "WorkQueue.poll",
    "BlockingWaitStrategy.waitFor",
    "VirtualThread.takeVirtualThreadListToUnblock",
)
PUTS: Final = (
    "BlockingQueue.put",
    "BlockingDeque.put",
    "BlockingDeque.putLast",
    "RingBuffer.next",
    "MultiProducerSequencer.next",
)
_TYPES: Final[tuple[tuple[str, Activity], ...]] = (
    ("ReentrantLock$", "lock"),
    ("ReentrantReadWriteLock$", "lock"),
    ("StampedLock", "lock"),
    ("CompletableFuture$Signaller", "future"),
    ("CompletableFuture", "future"),
    ("FutureTask", "future"),
    ("CountDownLatch$", "latch"),
    ("Semaphore$", "semaphore"),
)
_CALLS: Final[tuple[tuple[str, Activity], ...]] = (
    ("ReentrantLock.lock", "lock"),
    ("ReadLock.lock", "lock"),
    ("WriteLock.lock", "lock"),
    ("FutureTask.get", "future"),
    ("CompletableFuture.get", "future"),
    ("CompletableFuture.join", "future"),
    ("CountDownLatch.await", "latch"),
    ("Semaphore.acquire", "semaphore"),
)
_LAST_NUMBER = re.compile(r"\d+(?=\D*$)")
_SHALLOW: Final = 15
_MOST_NAME: Final = 300
_TAKES_WORK: Final = re.compile(
    r"(?i)^(?:take|poll|next|pop|dequeue|receive|fetch)|^(?:idle|sleep|run|mainLoop|loop|process|work|execute|wait)$|"
    r"(?:task|job|work|request|message|event|item|command|packet|queue)s?$"
)
_INFRASTRUCTURE: Final = re.compile(
    r"(?:Reference Handler|Finalizer|Signal Dispatcher|Attach Listener|Service Thread|Monitor Deflation Thread|"
    r"C[12] CompilerThread\d*|Sweeper thread|Common-Cleaner|Notification Thread|DestroyJavaVM|process reaper.*|"
    r"VM (?:Thread|Periodic Task Thread)|G1 .*|GC .*|JIT .*|Gang worker.*|Surrogate Locker.*|JDWP .*|RMI .*|"
    r"Concurrent Mark-Sweep.*|Low Memory Detector|CompilerThread\d+|Monitor Ctrl-Break|Read-Poller|Write-Poller|"
    r"MasterPoller|SubPoller-\d+|VirtualThread-unblocker|ParGC.*|Z[A-Z].*|Shenandoah.*)$"
)


def activity_of(thread: JavaThread) -> Activity:
    """Return what ``thread`` does, from its state, its lock and the innermost frames."""
    activity: Activity | None = thread.notes.get("activity")
    if activity is None:
        activity = thread.notes["activity"] = _activity_of(thread)
    return activity


def _activity_of(thread: JavaThread) -> Activity:
    if not thread.frames:
        return "unknown"
    if thread.wait == "monitor" or thread.state == "BLOCKED":
        return "monitor"
    if thread.top and thread.frame_of(_SLEEP, 4):
        return "sleeps"
    if thread.frame_of(_RESOLVE, 3):
        return "resolves"
    if thread.frame_of(_CONNECT, 10):
        return "connects"
    if thread.frame_of(_POLL, 6):
        return "polls"
    if thread.frame_of(_READ, 6):
        return "reads"
    return _wait_of(thread)


def _wait_of(thread: JavaThread) -> Activity:
    if thread.wait == "synchronizer" and thread.waits_for is not None:
        kind_of_lock = next((kind for part, kind in _TYPES if part in thread.waits_for.type_name), None)
        if kind_of_lock:
            return kind_of_lock
    waits = thread.wait or thread.top and thread.top.method in ("park", "wait", "wait0", "parkNanos")
    if not waits:
        return "runs"
    if is_idle(thread):
        return "idle"
    return next((kind for call, kind in _CALLS if thread.frame_of((call,), _DEPTH)), "waits")


def is_idle(thread: JavaThread) -> bool:
    """Return whether ``thread`` is a worker that waits for work, or a poller that waits for events."""
    cached: bool | None = thread.notes.get("idle")
    if cached is None:
        cached = thread.notes["idle"] = _is_idle(thread)
    return cached


def _is_idle(thread: JavaThread) -> bool:
    if not thread.frames:
        return thread.state != "BLOCKED"
    depth = next((index for index, frame in enumerate(thread.frames) if frame.call.endswith(_IDLE)), None)
    if depth is None or depth > _DEPTH:
        return thread.frame_of(_POLL, 6) is not None or _waits_for_work(thread)
    if thread.frames[depth].call.endswith(("ForkJoinPool.runWorker", "EnhancedQueueExecutor$ThreadBody.run")):
        # The loop itself parks. Below a task, it is the root of a busy thread.
        return depth <= 4 and all(frame.call.startswith(("java.", "jdk.", "sun.")) for frame in thread.frames[:depth])
    return True


def _waits_for_work(thread: JavaThread) -> bool:
    """Return whether a thread waits in a method that takes the next task. Many programs implement their own pools."""
    waits_for, caller = thread.waits_for, thread.caller
    if thread.state in ("RUNNABLE", "BLOCKED") or thread.wait == "monitor" or caller is None:
        return False
    if len(thread.frames) > _SHALLOW or thread.frame_of(PUTS, 8):
        return False  # in the middle of a task
    if waits_for is not None and thread.wait != "notify" and not waits_for.type_name.endswith("ConditionObject"):
        return False
    return thread.frames[0].method in ("wait", "wait0", "park") and _TAKES_WORK.search(caller.method) is not None


def is_infrastructure(thread: JavaThread) -> bool:
    """Return whether ``thread`` belongs to the JVM, not to the application."""
    return thread.is_native or _INFRASTRUCTURE.match(thread.name) is not None


def group_of(name: str) -> str:
    """Return the name of a pool: ``name`` with a star for its last number, such as `http-nio-8080-exec-*`."""
    return _LAST_NUMBER.sub("*", name[:_MOST_NAME], count=1)


def names(threads: Sequence[JavaThread] | Sequence[str], most: int = 4) -> str:
    """Return the names of ``threads``: all of them, or the first and the last."""
    same = len({thread if isinstance(thread, str) else thread.name for thread in threads}) < len(threads)
    labels = [thread if isinstance(thread, str) else _label(thread, same) for thread in threads]
    labels = [label if label.startswith(('"', "#")) else f'"{short_name(label)}"' for label in labels]
    if len(labels) <= 1:
        return "".join(labels)
    if len(labels) <= most:
        return f"{', '.join(labels[:-1])} and {labels[-1]}"
    if len({group_of(label) for label in labels}) > 1:
        return f"{', '.join(labels[: most - 1])} and {len(labels) - most + 1} more threads"
    return f"{labels[0]} to {labels[-1]} ({len(labels)} threads)"


def _label(thread: JavaThread, with_number: bool) -> str:
    return f"{thread.label} {thread.number}" if with_number and thread.name and thread.number else thread.label


def describe(dump: ThreadDump, thread: JavaThread) -> str:
    """Return what ``thread`` does and where, as a part of a sentence that follows its name."""
    place = thread.place
    at = f" at {place}" if place else ""
    activity = activity_of(thread)
    if activity in ("monitor", "lock"):
        owner = dump.owner_of(thread)
        held = f", which {owner.label} holds" if owner else ""
        return f"waits for {thread.waits_for or 'a lock'}{held}{at}"
    words: dict[str, str] = {
        "idle": "is idle",
        "polls": "waits for events or connections",
        "sleeps": f"sleeps{at}",
        "reads": f"waits for data from a socket ({call_name(thread, _READ)}){at}",
        "connects": f"opens a connection ({call_name(thread, _CONNECT)}){at}",
        "resolves": f"resolves a host name ({call_name(thread, _RESOLVE)}){at}",
        "future": f"waits for the result of a task ({_type_of(thread, 'future')}){at}",
        "latch": f"waits for a CountDownLatch{at}",
        "semaphore": f"waits for a permit of a Semaphore{at}",
        "waits": f"waits{at}",
        "runs": f"runs{at}",
    }
    return words.get(activity, "shows no stack")


def call_name(thread: JavaThread, calls: Sequence[str]) -> str:
    """Return class and method of the innermost frame among ``calls``, without the package."""
    frame = thread.frame_of(calls, _DEPTH)
    return ".".join(frame.call.split(".")[-2:]) if frame else ""


def io_call(thread: JavaThread) -> str:
    """Return the call in which ``thread`` reads, connects or resolves."""
    return call_name(thread, (*_RESOLVE, *_CONNECT, *_READ))


def _type_of(thread: JavaThread, otherwise: str) -> str:
    if thread.waits_for is None:
        return next(
            (frame.call.split(".")[-2] for frame in thread.frames[:_DEPTH] if "Future" in frame.call), otherwise
        )
    return thread.waits_for.type_name.rpartition(".")[2].partition("$")[0]


def state_of(thread: JavaThread) -> str:
    """Return a number of frames as a key for threads that are at the same place."""
    return "\n".join(frame.call + frame.place for frame in thread.frames)


def by_stack(threads: Iterable[JavaThread]) -> list[list[JavaThread]]:
    """Return groups of ``threads`` with identical stacks, the largest first."""
    groups: dict[str, list[JavaThread]] = {}
    for thread in threads:
        groups.setdefault(state_of(thread), []).append(thread)
    return sorted(groups.values(), key=lambda group: -len(group))


def by_pool(threads: Iterable[JavaThread]) -> dict[str, list[JavaThread]]:
    """Return ``threads`` by the name of their pool."""
    pools: dict[str, list[JavaThread]] = {}
    for thread in threads:
        pools.setdefault(group_of(thread.name), []).append(thread)
    return pools


def frames_text(thread: JavaThread, most: int = 3) -> tuple[str, ...]:
    """Return the frames that a quotation shows: the innermost one, and the first ones of the application."""
    top = thread.frames[:1]
    own = [frame for frame in thread.frames[1:] if frame is thread.caller or _is_application(frame)]
    lock = (thread.waits_for,) if thread.waits_for and thread.waits_for.line != thread.line else ()
    lines = sorted({(item.line, item.text) for item in (*top, *own[: most - 1], *lock)})
    return tuple(text for _, text in lines if text)


def _is_application(frame: Frame) -> bool:
    return not frame.call.startswith(("java.", "javax.", "jdk.", "sun."))
