"""Parses threads as JSON: `jcmd Thread.dump_to_file -format=json`, and `/actuator/threaddump` of Spring Boot.

Sources: JDK, jdk.internal.vm.ThreadDumper and com.sun.management.HotSpotDiagnosticMXBean.dumpThreads; Spring Boot
Actuator API, "Thread Dump"; java.lang.management.ThreadInfo.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from ..evidence import Evidence, Line
from .jvm_model import Frame, JavaThread, Lock, ThreadDump, ThreadDumps, Wait
from .jvm_thread_dump import frame_of
from .jvm_thread_file import with_owner_names

_MOST_BYTES: Final = 24 << 20
_MOST_THREADS: Final = 50_000
_MOST_DEPTH: Final = 1024
_ID = re.compile(r'"(?:tid|threadId)"\s{0,4}:\s{0,4}"?(\d{1,18})')
_STACK: Final = '"stack": ['
_BLOCKS: Final[tuple[tuple[str, Wait], ...]] = (
    ("parkBlocker", "synchronizer"),
    ("blockedOn", "monitor"),
    ("waitingOn", "notify"),
)


def recognize(evidence: Evidence) -> bool:
    """Return whether the file is a dump in one of these formats."""
    head = evidence.head[:200_000]
    if not head.lstrip().startswith("{"):
        return False
    return '"threadContainers"' in head or ('"threads"' in head and '"threadName"' in head and '"stackTrace"' in head)


def parse(evidence: Evidence) -> ThreadDumps:
    """Return the dump of ``evidence``. Raises DamagedEvidence if it is too large or not JSON."""
    document = evidence.json(_MOST_BYTES)
    places = _places(evidence)
    dump = document.get("threadDump") if isinstance(document, dict) else None
    if isinstance(dump, dict):
        threads = [_thread(item, places) for item in _iterate_threads(dump)]
        date = dump.get("time")
    else:
        threads = [_parse_thread_info(item, places) for item in _dicts(document, "threads")]
        date = ""
    result = ThreadDump(1, date if isinstance(date, str) else "", tuple(threads[:_MOST_THREADS]))
    return ThreadDumps(evidence, (with_owner_names(result),))


@dataclass
class _Place:
    """Where a thread stands in the file."""

    first: int
    last: int
    text: str
    frames: list[Line] = field(default_factory=list)


def _places(evidence: Evidence) -> dict[str, _Place]:
    """Return the lines of each thread by its number. In a file that is one line, all threads have the line 1."""
    places: dict[str, _Place] = {}
    place: _Place | None = None
    in_stack = False
    for line in evidence.lines():
        text = line.text.strip()
        if match := _ID.search(text):
            place = places.setdefault(match.group(1), _Place(line.number, line.number, text))
        if place is None:
            continue
        place.last = line.number
        if text.endswith(_STACK):
            in_stack = True
        elif in_stack and text.startswith("]"):
            in_stack = False
        elif in_stack:
            place.frames.append(Line(line.number, text))
    return places


def _iterate_threads(dump: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for container in _dicts(dump, "threadContainers"):
        yield from _dicts(container, "threads")


def _dicts(parent: Any, name: str) -> list[dict[str, Any]]:
    """Return the objects in the list ``name`` of ``parent``; [] if there is no such list."""
    items = parent.get(name) if isinstance(parent, dict) else None
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []


def _text(parent: Mapping[str, Any], name: str) -> str:
    value = parent.get(name)
    return value if isinstance(value, str) else str(value) if isinstance(value, int) else ""


def _thread(item: Mapping[str, Any], places: Mapping[str, _Place]) -> JavaThread:
    place = places.get(_text(item, "tid"), _Place(1, 1, ""))
    stack = item.get("stack")
    lines = [line for line in stack if isinstance(line, str)][:_MOST_DEPTH] if isinstance(stack, list) else []
    thread = JavaThread(
        _text(item, "name"),
        place.first,
        place.last,
        place.text,
        number=f"#{_text(item, 'tid')}",
        state=_text(item, "state"),
        is_virtual=item.get("virtual") is True,
        frames=tuple(_frames(lines, place)),
        holds=tuple(_iterate_owned_locks(item, place)),
        carries=_text(item, "carrier"),
    )
    for name, wait in _BLOCKS:
        blocker = item.get(name)
        text = _text(blocker, "object") if isinstance(blocker, dict) else _text(item, name)
        if lock := _lock(text, place):
            owner = _text(blocker, "owner") if isinstance(blocker, dict) else ""
            holds = tuple(held for held in thread.holds if wait != "notify" or held.address != lock.address)
            return replace(thread, waits_for=lock, wait=wait, holds=holds, owner=f"#{owner}" if owner else "")
    return thread


def _frames(stack: list[str], place: _Place) -> Iterator[Frame]:
    for index, text in enumerate(stack):
        line = place.frames[index] if len(place.frames) == len(stack) else Line(place.first, "")
        yield frame_of(text, line.number)._replace(text=line.text)


def _iterate_owned_locks(item: Mapping[str, Any], place: _Place) -> Iterator[Lock]:
    for monitors in _dicts(item, "monitorsOwned"):
        locks = monitors.get("locks")
        for text in locks if isinstance(locks, list) else []:
            if isinstance(text, str) and (lock := _lock(text, place)):
                yield lock


def _lock(text: str, place: _Place) -> Lock | None:
    type_name, at, address = text.partition("@")
    return Lock(address[:40], type_name[:300], place.first) if at and address else None


def _parse_thread_info(item: Mapping[str, Any], places: Mapping[str, _Place]) -> JavaThread:
    """Return a thread in the format of java.lang.management.ThreadInfo."""
    place = places.get(_text(item, "threadId"), _Place(1, 1, ""))
    state = _text(item, "threadState")
    lock = _lock(_text(item, "lockName"), place)
    synchronizer = lock is not None and "java.util.concurrent." in lock.type_name
    wait: Wait = "monitor" if state == "BLOCKED" else "synchronizer" if synchronizer else "notify"
    held = [*_dicts(item, "lockedMonitors"), *_dicts(item, "lockedSynchronizers")]
    holds = tuple(lock for lock in (_identity(owned, place) for owned in held) if lock)
    released = lock.address if lock and wait == "notify" else ""
    return JavaThread(
        _text(item, "threadName"),
        place.first,
        place.last,
        place.text,
        number=f"#{_text(item, 'threadId')}",
        state=state,
        is_daemon=item.get("daemon") is True,
        wait=wait if lock else "",
        waits_for=lock,
        owner=_text(item, "lockOwnerName"),
        holds=tuple(owned for owned in holds if owned.address != released),
        frames=tuple(_element(frame, place) for frame in _dicts(item, "stackTrace")[:_MOST_DEPTH]),
    )


def _identity(owned: Mapping[str, Any], place: _Place) -> Lock | None:
    code = owned.get("identityHashCode")
    return Lock(f"{code:x}", _text(owned, "className")[:300], place.first) if isinstance(code, int) else None


def _element(frame: Mapping[str, Any], place: _Place) -> Frame:
    number = frame.get("lineNumber")
    file = _text(frame, "fileName")
    source = f"{file}:{number}" if isinstance(number, int) and number > 0 and file else file
    source = "Native Method" if frame.get("nativeMethod") is True else source or "Unknown Source"
    return Frame(f"{_text(frame, 'className')}.{_text(frame, 'methodName')}", source, place.first)
