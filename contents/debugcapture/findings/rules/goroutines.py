"""Rules for goroutines."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from ...finding import Finding, Severity
from ...text import shortened
from ..parsers.goroutines import GoDump, GoFrame, GoGroup, Goroutine, Stack

_MOST: Final = 160  # characters
_MANY: Final = 100
_SHARE: Final = 0.1  # of all goroutines
_SOME, _HALF = 20, 0.5  # in a small program
_SUMMARY_FROM: Final = 50
_WAITERS: Final = 5  # for one lock, without minutes
_LONG_SEND_MINUTES: Final = 5
_MOST_ASLEEP: Final = 5
_MOST_GROUPS: Final = 6
_SHORT_PLACE: Final = 90
_HOLDING_STATES: Final = ("chan receive", "chan send", "select", "IO wait", "sleep", "syscall", "semacquire", "running")
# Functions that run as long as the object to which they belong, and wait for work most of the time.
_BY_DESIGN: Final = re.compile(
    r"(?i)loop|\.run\b|\.run[A-Z]|serve|listen|accept|monitor|watch|worker|consume|dispatch|keepalive|heartbeat|background"
    r"|\.(?:start|handle\w*|process\w*|reader|writer|fileWriter|poll\w*|tick\w*|gc|sweep\w*|flush\w*)(?:\.func\d+)*$"
    r"|wait\.(?:Until|Forever|BackoffUntil|JitterUntil|PollUntil)|persistConn|http2?\.|grpc|readPump|writePump|informer"
)
# Functions that log a message and then panic or end the program.
_LOGGERS: Final = re.compile(
    r"go\.uber\.org/zap|github\.com/(?:sirupsen/logrus|rs/zerolog|golang/glog|go-logr/)|k8s\.io/klog|"
    r"k8s\.io/apimachinery/pkg/util/runtime\.|log\."
)
_SAID_FATAL: Final = {
    "all goroutines are asleep - deadlock!": "All goroutines wait, and none can continue",
    "concurrent map": "Goroutines use a map at the same time without a lock",
    "stack overflow": "A function calls itself without end",
    "invalid memory address or nil pointer": "A nil pointer was used",
    "out of memory": "The system refused to give memory to the program",
    "cannot allocate memory": "The system refused to give memory to the program",
    "thread-limit": "The program needs more threads than the Go runtime allows",
    "newosproc": "The system refused to create a thread",
    "assignment to entry in nil map": "A value was written into a nil map",
    "close of closed channel": "A channel was closed twice",
    "send on closed channel": "A value was sent on a closed channel",
    "negative WaitGroup counter": "WaitGroup.Done was called more often than WaitGroup.Add",
    "unlock of unlocked": "A lock that was not held was released",
}


def go_program_ended(dump: GoDump) -> Iterator[Finding]:
    """The Go program ended with a panic or a fatal error of the runtime.

    The first goroutine after the message is the one that failed. A fatal error cannot be recovered by the program.
    Source: https://go.dev/doc/effective_go#panic and https://pkg.go.dev/runtime
    """
    fatal = [line for line in dump.ends if line.text.startswith(("panic: ", "fatal error: "))]
    if not fatal:
        return
    line = fatal[-1]
    meaning = next((f"{text}." for word, text in _SAID_FATAL.items() if word in line.text), "")
    running = dump.goroutines[0] if dump.goroutines else None
    place = _describe_failure(running) if running else ""
    if "asleep" in line.text:
        place = " ".join(f"{_describe_activity(goroutine)}." for goroutine in dump.goroutines[:_MOST_ASLEEP])
    yield Finding(
        "critical",
        f'The Go program ended with "{shortened(line.text, _MOST)}"',
        " ".join(
            part for part in (meaning, place, *(f"{shortened(other.text, _MOST)}." for other in fatal[:-1])) if part
        ),
        "Correct the code at this place; the stack shows how it was reached.",
        (dump.evidence.quote(line.number, running.last_line if running else line.number, line.text),),
        directness=85,
        key=f"{re.sub('[0-9]+', '#', line.text)[:120]}",
    )


def go_handler_panicked(dump: GoDump) -> Iterator[Finding]:
    """A handler of an HTTP server panicked. The server recovers and continues; the request failed.

    Source: https://pkg.go.dev/net/http#Handler
    """
    panics = [line for line in dump.ends if line.text.startswith("panic serving ")]
    if not panics:
        return
    line = panics[-1]
    message = line.text.partition(": ")[2]
    place = _describe_failure(dump.goroutines[0]) if dump.goroutines else ""
    yield Finding(
        "warning",
        f"A handler of the Go HTTP server panicked: {shortened(message, _MOST)}",
        f"{place} {len(panics)} times.".strip() if len(panics) > 1 else place,
        "Correct the code at this place.",
        (dump.evidence.quote(line.number, line.number, line.text),),
        directness=75,
        key=f"handler {re.sub('[0-9]+', '#', message)[:100]}",
    )


def _describe_failure(goroutine: Goroutine) -> str:
    """Return where the goroutine failed: below the last panic, because handlers of panics lie above it."""
    panics = [position for position, frame in enumerate(goroutine.stack) if frame.function == "panic"]
    stack = goroutine.stack[panics[-1] + 1 :] if panics else goroutine.stack
    frames = [frame for frame in stack if not frame.function.startswith(("runtime.", "panic"))]
    frames = [frame for frame in frames if not _LOGGERS.match(frame.function)] or frames
    own = [frame for frame in frames if not frame.is_standard] or frames
    if not own:
        return f"Goroutine {goroutine.id} [{goroutine.state}]."
    callers = f", called by {own[1]}" if len(own) > 1 else ""
    standard = f" through {frames[0]}" if frames and frames[0] != own[0] else ""
    return f"Goroutine {goroutine.id} [{goroutine.state}] was in {own[0]}{standard}{callers}."


def go_lock_wait(dump: GoDump) -> Iterator[Finding]:
    """Goroutines wait for a Mutex or an RWMutex.

    A dump does not contain the owner of a lock. A goroutine in a method of the same type that waits for something else
    may hold it. A goroutine that waits for minutes shows that the lock is not released.
    Source: https://pkg.go.dev/sync#Mutex
    """
    waiting: dict[str, list[Goroutine]] = {}
    for goroutine in dump.goroutines:
        if goroutine.lock_kind:
            waiting.setdefault(goroutine.lock or str(goroutine.own), []).append(goroutine)
    for waiters in sorted(waiting.values(), key=lambda group: (-max(g.minutes for g in group), -len(group)))[:3]:
        yield _lock_finding(dump, waiters)


def _lock_finding(dump: GoDump, waiters: Sequence[Goroutine]) -> Finding:
    longest = max(waiters, key=lambda goroutine: goroutine.minutes)
    holders = _holders(dump, waiters)
    minutes = f" for {longest.minutes} minutes" if longest.minutes else ""
    subject = f"goroutine {longest.id} waits" if len(waiters) == 1 else f"{len(waiters)} goroutines wait"
    lock = f"the {longest.lock_kind} lock" + (f" {longest.lock}" if longest.lock else "")
    parts = [_waits(waiter) for waiter in (longest, *(w for w in waiters if w is not longest))][:3]
    if holders:
        parts.append(
            "May hold the lock, because it is in a method of the same type: "
            + "; ".join(map(_describe_activity, holders[:2]))
        )
    severity: Severity = "critical" if longest.minutes else "warning"
    if not longest.minutes and not holders and len(waiters) < _WAITERS:
        severity = "info"
    own = longest.own
    return Finding(
        severity,
        f"{subject[0].upper()}{subject[1:]}{minutes} for {lock} in {own or 'the standard library'}",
        ". ".join(parts) + ".",
        "While a goroutine holds this lock, it must not wait for a network, a channel or the lock.",
        tuple(
            dump.evidence.quote(goroutine.first_line, goroutine.last_line, _header(goroutine))
            for goroutine in (longest, *holders[:2])
        ),
        directness=80 if longest.minutes else 65,
        key=f"lock {own.name if own else ''}",
    )


def _holders(dump: GoDump, waiters: Sequence[Goroutine]) -> list[Goroutine]:
    """Return goroutines in methods of the type of the waiters, that wait for something else than the lock."""
    types = {frame.type for waiter in waiters for frame in waiter.stack[:8] if frame.type and not frame.is_standard}
    ids = {waiter.id for waiter in waiters}
    matching = [
        goroutine
        for goroutine in dump.goroutines
        if goroutine.id not in ids
        and not goroutine.lock_kind
        and goroutine.state.startswith(_HOLDING_STATES)
        and any(frame.type in types for frame in goroutine.stack)
        and not _is_other_object(goroutine, waiters)
    ]
    near = [goroutine for goroutine in matching if goroutine.own and goroutine.own.type in types]
    return near or matching


def _is_other_object(goroutine: Goroutine, waiters: Sequence[Goroutine]) -> bool:
    """Return whether the addresses show that it works on other objects than the waiters."""
    objects = {address for waiter in waiters for address in waiter.receivers}
    return bool(objects and goroutine.receivers and not objects & set(goroutine.receivers))


def _waits(goroutine: Goroutine) -> str:
    minutes = f" for {goroutine.minutes} minutes" if goroutine.minutes else ""
    lock = f" {goroutine.lock}" if goroutine.lock else ""
    return f"goroutine {goroutine.id} waits{minutes} for the {goroutine.lock_kind} lock{lock} in {goroutine.own or '?'}"


def _describe_activity(goroutine: Goroutine) -> str:
    minutes = f" for {goroutine.minutes} minutes" if goroutine.minutes else ""
    return f"goroutine {goroutine.id} [{goroutine.state}]{minutes} in {_place(goroutine.stack)}"


def _header(goroutine: Goroutine) -> str:
    minutes = f", {goroutine.minutes} minutes" if goroutine.minutes else ""
    return f"goroutine {goroutine.id} [{goroutine.state}{minutes}]: {goroutine.own or ''}"


def go_goroutines_leaked(dump: GoDump) -> Iterator[Finding]:
    """Goroutines wait for something that no other goroutine can reach: they never continue, and keep their memory.

    The Go runtime finds them with a garbage collection. It does not find all: a goroutine that waits for a global
    variable is not among them. Source: https://pkg.go.dev/runtime/pprof#Profile, "goroutineleak".
    """
    leaked = [group for group in dump.groups if group.is_leaked]
    if not leaked:
        return
    total = sum(group.count for group in leaked)
    subject = "1 goroutine is leaked" if total == 1 else f"{total} goroutines are leaked"
    waits = "it waits" if total == 1 else f"{leaked[0].count} of them wait"
    yield Finding(
        "warning",
        f"{subject}: {waits} forever in {_place(leaked[0].stack)}",
        "; ".join(f"{group.count} in {_describe(group)}" for group in leaked[:4]) + ".",
        "Look for the code that should send, receive, close or unlock there, and returns without it.",
        tuple(dump.evidence.quote(group.first_line, group.last_line, *_quote(group)) for group in leaked[:3]),
        directness=73,
        key=f"leaked {_place(leaked[0].stack)}",
    )


def go_many_equal_goroutines(dump: GoDump) -> Iterator[Finding]:
    """Very many goroutines wait at the same place, which is not a loop that runs as long as the program.

    Their work never ends, so their number grows until the memory is full.
    Source: https://pkg.go.dev/runtime/pprof#Profile
    """
    stuck = [
        group
        for group in dump.groups
        if _is_large(group, dump.total) and not _is_by_design(group) and not group.is_leaked
    ]
    if not stuck:
        return
    largest = stuck[0]
    yield Finding(
        "warning",
        f"{largest.count} of {dump.total} goroutines wait at the same place: {_place(largest.stack)}",
        "; ".join(f"{group.count} in {_describe(group)}" for group in stuck[:4]) + ".",
        "Compare with a later capture: a number that grows is a leak. Look at what each of them waits for.",
        tuple(dump.evidence.quote(group.first_line, group.last_line, *_quote(group)) for group in stuck[:3]),
        directness=70,
        key=f"goroutines {_place(largest.stack)}",
    )


def _is_large(group: GoGroup, total: int) -> bool:
    share = group.count / max(total, 1)
    return (group.count >= _MANY and share >= _SHARE) or (group.count >= _SOME and share >= _HALF)


def _is_by_design(group: GoGroup) -> bool:
    if group.state in ("IO wait", "sleep", "running", "runnable", "sync.Cond.Wait"):
        return True
    own = [frame for frame in group.stack if not frame.is_standard]
    if not own or any("pollWait" in frame.function or "notifyListWait" in frame.function for frame in group.stack):
        return True
    return any(_BY_DESIGN.search(frame.function) for frame in own[:2])


def go_channel_send_blocked(dump: GoDump) -> Iterator[Finding]:
    """Goroutines have waited for minutes to send on a channel from which no goroutine receives.

    Source: https://go.dev/ref/spec#Send_statements
    """
    senders = [
        goroutine
        for goroutine in dump.goroutines
        if goroutine.state == "chan send (nil chan)"
        or (goroutine.state == "chan send" and goroutine.minutes >= _LONG_SEND_MINUTES)
    ]
    groups: dict[str, list[Goroutine]] = {}
    for goroutine in senders:
        groups.setdefault(str(goroutine.own), []).append(goroutine)
    for place, group in sorted(groups.items(), key=lambda item: -len(item[1]))[:2]:
        longest = max(group, key=lambda goroutine: goroutine.minutes)
        subject = f"Goroutine {longest.id} waits" if len(group) == 1 else f"{len(group)} goroutines wait"
        time = f" for {longest.minutes} minutes" if longest.minutes else ""
        yield Finding(
            "warning",
            f"{subject}{time} to send on a channel in {place}: nobody receives",
            f"goroutine {longest.id} [{longest.state}], created by {longest.creator or 'unknown'}.",
            "Look at the receiver of this channel: it ended, or waits for something else.",
            (dump.evidence.quote(longest.first_line, longest.last_line, _header(longest)),),
            directness=68,
            key=f"chan send {place}",
        )


def go_goroutines(dump: GoDump) -> Iterator[Finding]:
    """States how many goroutines there are, and the largest groups with the same stack.

    Source: https://pkg.go.dev/runtime/pprof#Profile
    """
    if dump.total < _SUMMARY_FROM or not dump.groups:
        return
    groups = [group for group in dump.groups if group.count > 1][:_MOST_GROUPS]
    parts = [f"{group.count} in {_describe(group)}" for group in groups]
    yield Finding(
        "info",
        f"{dump.total} goroutines" + (f", the largest groups have {_counts(groups)}" if groups else ""),
        ("; ".join(parts) + ".") if parts else "",
        evidence=tuple(dump.evidence.quote(group.first_line, group.last_line, *_quote(group)) for group in groups[:3]),
        directness=30,
        key="goroutines",
    )


def _counts(groups: Sequence[GoGroup]) -> str:
    return ", ".join(str(group.count) for group in groups[:4])


def _describe(group: GoGroup) -> str:
    own = [frame for frame in group.stack if not frame.is_standard]
    state = f" [{group.state}{f', {group.minutes} minutes' if group.minutes else ''}]" if group.state else ""
    root = f" from {own[-1].name}" if len(own) > 1 else ""
    return _place(group.stack)[:_SHORT_PLACE] + root[:_SHORT_PLACE] + state


def _place(stack: Stack) -> str:
    own: GoFrame | None = next((frame for frame in stack if not frame.is_standard), None)
    return str(own or (stack[0] if stack else "an unknown place"))


def _quote(group: GoGroup) -> tuple[str, ...]:
    own = [frame for frame in group.stack if not frame.is_standard][:2]
    return (f"{group.count} goroutines", *(str(frame) for frame in own))


RULES: Final = (
    go_program_ended,
    go_handler_panicked,
    go_lock_wait,
    go_channel_send_blocked,
    go_goroutines_leaked,
    go_many_equal_goroutines,
    go_goroutines,
)
