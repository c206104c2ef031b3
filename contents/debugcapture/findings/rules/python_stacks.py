"""Rules for stacks of Python threads."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from ...finding import EvidenceLines, Finding
from ..parsers.python_stacks import PyFrame, PyStacks, PyThread

_SAME_PLACE: Final = 3  # threads that make a place remarkable
_CALLERS: Final = 4
_LOOP: Final = re.compile(r"(?:^|.*/)(?:(?:asyncio/)?base_events|trio/_core/_run|tornado/ioloop)\.py$")
_LOOP_FUNCTIONS: Final = ("_run_once", "run_forever", "unrolled_run", "start")
_LOOP_PARTS: Final = re.compile(
    r"(?:^|.*/)(?:asyncio/|(?:base_|selector_)?events\.py$|selectors\.py$|uvloop/|<frozen )"
)
_WAITING_LOOP: Final = ("select", "poll", "_poll", "wait")
_COLLECTIVE: Final = re.compile(
    r"^_?(?:broadcast|all_?reduce|all_?gather|reduce|reduce_scatter|scatter|gather|all_?to_?all|barrier|send|recv|monitored_barrier"
    r"|isend|irecv|allgather|allreduce|bcast|synchronize)\w*$"
)
_COLLECTIVE_FILES: Final = re.compile(r"torch/distributed/|deepspeed/|horovod/|mpi4py|torch/cuda/|accelerate/|jax/")
_SOCKET_READS: Final = (
    "readinto",
    "recv",
    "recv_into",
    "read",
    "do_handshake",
    "connect",
    "create_connection",
    "getaddrinfo",
)
_SOCKET_FILES: Final = re.compile(r"(?:^|.*/)(?:socket|ssl)\.py$|(?:^|.*/)(?:http/client|psycopg2?|pymysql|urllib3)")
_IDLE_READS: Final = re.compile(
    r"drain_events|poll|listen|handle_one|parse_request|consume|get_message|subscribe|next_event|serve|accept|pubsub|watch|stream|blpop|brpop|xread"
)
_POOL_FRAMES: Final = 6
_POOL_WAITS: Final = ("wait", "acquire", "get", "sleep")
_POOLS: Final = (
    ("SQLAlchemy", re.compile(r"_do_get .*sqlalchemy/pool/")),
    ("psycopg", re.compile(r"(?:getconn|wait) .*psycopg_pool/")),
    ("urllib3", re.compile(r"_get_conn .*urllib3/connectionpool\.py")),
    ("redis-py", re.compile(r"get_connection .*redis/connection\.py")),
    ("PyMongo", re.compile(r"(?:_get_conn|_get_socket|checkout) .*pymongo/(?:\w+/)?pool\.py")),
    ("DBUtils", re.compile(r"(?:connection|_wait_lock) .*dbutils/", re.IGNORECASE)),
)
_LOCK_CALLS: Final = re.compile(r"acquire_lock|acquire_rlock|PyMutex_Lock|PySemaphore_Wait|lock_acquire")
_IMPORT_LOCK: Final = re.compile(r"_lock_unlock_module|acquire|_get_module_lock|__enter__")


def python_fatal_error(stacks: PyStacks) -> Iterator[Finding]:
    """The Python interpreter ended with a fatal error, such as a crash in native code.

    Source: https://docs.python.org/3/library/faulthandler.html
    """
    ended = stacks.ended
    if not ended or not stacks.threads:
        return
    current = next((thread for thread in stacks.threads if thread.name == "the current thread"), stacks.threads[0])
    is_fatal = ended.text.startswith("Fatal")
    yield Finding(
        "critical" if is_fatal else "warning",
        f"Python ended: {ended.text}" if is_fatal else f"Python did not continue in time: {ended.text}",
        f"{_label(current)} was in {_path(current.frames)}.",
        "Look at the native extension that this line calls." if is_fatal else "",
        (stacks.evidence.quote(ended.number, current.last_line, ended.text, *map(str, current.frames[:2])),),
        directness=85,
        key=f"python ended {ended.text[:60]}",
    )


def python_same_lock(stacks: PyStacks) -> Iterator[Finding]:
    """Threads wait at the same line of the application, and reached it from different callers: it is probably a lock.

    Idle workers of a pool also wait at one line, but all with the same stack. A thread that has another frame in the
    same file may hold the lock already: a lock that is not reentrant then blocks its own owner, and no tool reports it.
    Source: https://docs.python.org/3/library/threading.html#lock-objects
    """
    groups: dict[PyFrame, list[PyThread]] = {}
    for thread in stacks.threads:
        if thread.frames and thread.is_idle and thread.frames[0].is_own:
            groups.setdefault(thread.frames[0], []).append(thread)
    for place, threads in groups.items():
        if len({thread.frames[1:3] for thread in threads}) > 1:
            yield _same_lock(stacks, place, threads)


def _same_lock(stacks: PyStacks, place: PyFrame, threads: Sequence[PyThread]) -> Finding:
    inner = [thread for thread in threads if any(frame.file == place.file for frame in thread.frames[1:3])]
    owners = [thread for thread in inner if _has_loop(thread) or thread.name == "MainThread"] or inner
    parts = [f"{_label(thread)} came from {_path(thread.frames[1:4])}" for thread in threads[:3]]
    loop = next((thread for thread in threads if _has_loop(thread)), None)
    if loop:
        parts.append(f"the event loop of {loop.label} stands still")
    if owners:
        parts.append(
            f"{owners[0].label} came through {owners[0].frames[1].function} in the same file, and may hold the lock: "
            "one that is not reentrant blocks its own owner"
        )
    names = " and ".join(thread.label for thread in threads[:3])
    return Finding(
        "critical" if loop or any(thread.name == "MainThread" for thread in threads) else "warning",
        f"{names} wait at the same line, probably for a lock: {place}",
        f"{'; '.join(parts)}.",
        "Look at the line, and at who takes this lock before. Take it once, or use an RLock.",
        tuple(_quote(stacks, thread) for thread in threads[:3]),
        directness=80,
        key=f"python lock {place.function} {place.file}",
    )


def python_event_loop_blocked(stacks: PyStacks) -> Iterator[Finding]:
    """A callback of an event loop waits in a synchronous call: the loop serves nothing else.

    A loop that is idle waits in `select` or `epoll`. py-spy calls a thread in a system call "idle" in both cases.
    Source: https://docs.python.org/3/library/asyncio-dev.html#running-blocking-code
    """
    for thread in stacks.threads:
        inside = _inside_loop(thread)
        if not inside or not thread.is_idle or inside[0].function in _WAITING_LOOP and inside[0].is_standard:
            continue
        frames = [frame for frame in inside if not _LOOP_PARTS.match(frame.file)] or list(inside)
        yield Finding(
            "warning",
            f"The event loop of {thread.label} is blocked by a synchronous call: {frames[0]}",
            f"Called by {_path(frames[1:6])}." if len(frames) > 1 else "",
            "Use an asynchronous call, or run it in a thread (asyncio.to_thread).",
            (_quote(stacks, thread),),
            directness=75,
            key=f"event loop {frames[0].function} {frames[0].file}",
        )


def _inside_loop(thread: PyThread) -> tuple[PyFrame, ...]:
    """Return the frames that the event loop called; () if there is no loop, or if it waits."""
    for position, frame in enumerate(thread.frames):
        if frame.function in _LOOP_FUNCTIONS and _LOOP.match(frame.file):
            inside = thread.frames[:position]
            own = [inner for inner in inside if not _LOOP_PARTS.match(inner.file)]
            return inside if own else ()
    return ()


def _has_loop(thread: PyThread) -> bool:
    return any(frame.function in _LOOP_FUNCTIONS and _LOOP.match(frame.file) for frame in thread.frames)


def python_collective_operation(stacks: PyStacks) -> Iterator[Finding]:
    """A thread is in a collective operation of several processes, which ends only when all of them take part.

    Source: https://pytorch.org/docs/stable/distributed.html#collective-functions
    """
    for thread in stacks.threads:
        position, frame = next(
            (
                (position, frame)
                for position, frame in enumerate(thread.frames[:4])
                if _COLLECTIVE.match(frame.function) and _COLLECTIVE_FILES.search(frame.file)
            ),
            (0, None),
        )
        if frame is None:
            continue
        yield Finding(
            "warning",
            f"{thread.label} is in a collective operation: {frame}",
            f"Called by {_path(thread.frames[position + 1 : position + 5])}. It ends when all processes take part.",
            "Compare with the stacks of the other processes: one of them is in another place, or ended.",
            (_quote(stacks, thread),),
            directness=70,
            key=f"collective {frame.function}",
        )


def python_lock_wait(stacks: PyStacks) -> Iterator[Finding]:
    """A thread waits for a lock, as its native frames show; or for the import of a module in another thread.

    Source: https://github.com/benfred/py-spy#native-extensions
    """
    for thread in stacks.threads:
        own = thread.frames[0] if thread.frames else None
        if own and own.is_own and any(_LOCK_CALLS.search(frame.function) for frame in thread.native):
            activity = f"waits for a lock in {own}"
        elif own and "importlib" in own.file and _IMPORT_LOCK.search(own.function):
            activity = f"waits for an import that another thread does: {thread.own or own}"
        else:
            continue
        yield Finding(
            "warning",
            f"{_label(thread)} {activity}",
            f"Called by {_path(thread.frames[1:5])}." if len(thread.frames) > 1 else "",
            evidence=(_quote(stacks, thread),),
            directness=60,
            key=f"python lock {own.function} {own.file}" if own else "",
        )


def python_pool_exhausted(stacks: PyStacks) -> Iterator[Finding]:
    """Several threads wait until a pool returns a connection: all its connections are in use.

    Source: https://docs.sqlalchemy.org/en/20/core/pooling.html and the methods in which other pools wait.
    """
    waiting = [
        (thread, pool)
        for thread in stacks.threads
        for frame in thread.frames[:_POOL_FRAMES]
        if (pool := next((name for name, call in _POOLS if call.match(f"{frame.function} {frame.file}")), ""))
        and thread.frames[0].function in _POOL_WAITS
    ]
    threads = list(dict.fromkeys(thread for thread, _ in waiting))
    if len(threads) < 2:  # noqa: PLR2004 - one thread may wait for a moment
        return
    places = list(dict.fromkeys(str(thread.own) for thread in threads if thread.own))
    yield Finding(
        "warning",
        f"{len(threads)} threads wait for a connection from the pool of {waiting[0][1]}",
        f"{', '.join(thread.label for thread in threads[:6])} wait in {threads[0].frames[0]}"
        + (f", called from {', '.join(places[:3])}." if places else "."),
        "Look for connections that are not returned and slow statements, then at the size of the pool.",
        tuple(_quote(stacks, thread) for thread in threads[:3]),
        directness=72,
        key=f"python pool {waiting[0][1]}",
    )


def python_same_place(stacks: PyStacks) -> Iterator[Finding]:
    """Several threads with different tasks are at the same place of the application, for example in a slow request.

    Idle workers are not meant: they wait in the code of their pool.
    Source: https://github.com/benfred/py-spy
    """
    groups: dict[tuple[PyFrame, ...], list[PyThread]] = {}
    for thread in stacks.threads:
        if thread.own and thread.frames[0] != thread.own:
            groups.setdefault((thread.frames[0], thread.own), []).append(thread)
    for (inner, own), threads in sorted(groups.items(), key=lambda group: -len(group[1]))[:2]:
        if len(threads) < _SAME_PLACE or _IDLE_READS.search(" ".join(f.function for f in threads[0].frames)):
            continue
        is_read = inner.function in _SOCKET_READS and _SOCKET_FILES.match(inner.file)
        yield Finding(
            "warning" if is_read else "info",
            f"{len(threads)} threads {'wait for an answer from the network' if is_read else 'are'} in {own}",
            f"Their innermost frame is {inner}. {', '.join(thread.label for thread in threads[:6])}.",
            "Look at the server that they call, and set a time limit." if is_read else "",
            (_quote(stacks, threads[0]),),
            directness=60 if is_read else 35,
            key=f"python place {own.function} {own.file}",
        )


def python_threads(stacks: PyStacks) -> Iterator[Finding]:
    """States what the main thread does, and which thread holds the global interpreter lock (GIL).

    Source: https://docs.python.org/3/glossary.html#term-global-interpreter-lock
    """
    for thread in stacks.threads:
        if thread.state.endswith("+gil") and thread.frames:
            yield _context(
                stacks, thread, f"{thread.label} runs and holds the GIL: {thread.own or thread.frames[0]}", 25
            )
    main = next((thread for thread in stacks.threads if thread.name == "MainThread" and thread.frames), None)
    if main and not main.state.endswith("+gil"):
        reads = main.frames[0].function in _SOCKET_READS and _SOCKET_FILES.match(main.frames[0].file)
        does = "waits for the network" if reads else f"[{main.state or 'unknown state'}] is"
        yield _context(stacks, main, f"{main.label} {does} in {main.own or main.frames[0]}", 30 if reads else 20)


def _context(stacks: PyStacks, thread: PyThread, title: str, directness: int) -> Finding:
    detail = f"Its stack: {_path(thread.frames[:6])}."
    return Finding("info", title, detail, evidence=(_quote(stacks, thread),), directness=directness)


def _label(thread: PyThread) -> str:
    return thread.label[0].upper() + thread.label[1:]


def _path(frames: Sequence[PyFrame]) -> str:
    return ", ".join(str(frame) for frame in frames[: _CALLERS + 2]) or "unknown code"


def _quote(stacks: PyStacks, thread: PyThread) -> EvidenceLines:
    state = f" ({thread.state})" if thread.state else ""
    return stacks.evidence.quote(
        thread.first_line, thread.last_line, f"Thread {thread.id}{state} {thread.label}", *map(str, thread.frames[:3])
    )


RULES: Final = (
    python_fatal_error,
    python_same_lock,
    python_event_loop_blocked,
    python_collective_operation,
    python_lock_wait,
    python_pool_exhausted,
    python_same_place,
    python_threads,
)
