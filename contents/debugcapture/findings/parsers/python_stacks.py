"""Parses stacks of Python threads: of `py-spy dump` and of the module faulthandler."""

import re
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from ..evidence import Evidence, Line

_THREAD: Final = re.compile(r'^\s*Thread (\d{1,20}|0x[0-9A-Fa-f]{1,16}) \(([a-z+ ]{1,40})\)(?:: "(.{0,200})")?\s*$')
_FAULT_THREAD: Final = re.compile(
    r"^(?:Current thread|Thread) (0x[0-9a-f]{1,16})(?: \[([^\]]{0,100})\])? \(most recent call first\):"
)
_FRAME: Final = re.compile(r"^\s{2,}(\S.{0,300}?) \((\S.{0,400}?)(?::(\d{1,9}))?\)\s*$")
_FAULT_FRAME: Final = re.compile(r'^\s+File "([^"]{1,500})", line (\d{1,9}) in (.{1,200}?)\s*$')
_ENDED: Final = re.compile(r"^(Fatal Python error: .{1,300}|Timeout \(\d+:\d\d:\d\d(?:\.\d+)?\)!)")
_MOST_THREADS: Final = 20_000
_MOST_FRAMES: Final = 200
_STANDARD: Final = re.compile(
    r"(?:.*/lib(?:64)?/python3(?:\.\d+)?/(?!site-packages|dist-packages)|<frozen )"
    r"|(?:_base|_bootstrap|abc|asyncio/|base_events|popen_fork|runners|selector_events|synchronize|thread\.py$|unix_events|base64|bisect|code|collections|concurrent/|contextlib|copy|ctypes/|email/|functools|heapq"
    r"|http/|importlib/|json/|logging/|multiprocessing/|os|pickle|queue|runpy|select|selectors|shutil|signal|sched|smtplib"
    r"|socket|socketserver|sqlite3/|ssl|subprocess|tempfile|threading|time|traceback|unittest/|urllib/|weakref|xmlrpc/"
    r"|zipfile)(?:[^/]*\.py)?(?:$|(?<=/))"
)
_LIBRARY: Final = re.compile(
    r"(?:.*/(?:site|dist)-packages/)?(?:requests|urllib3|httpx|httpcore|aiohttp|psycopg2?|sqlalchemy|django|flask|werkzeug"
    r"|gunicorn|uvicorn|starlette|fastapi|anyio|uvloop|torch|deepspeed|redis|pymongo|kombu|celery|amqp|pika|billiard|gevent"
    r"|eventlet|kafka|botocore|boto3|grpc|google|pymysql|MySQLdb|asyncpg|tornado|trio|twisted|numpy|pandas|click|typer"
    r"|apscheduler|sentry_sdk|ray|dask|distributed|tensorflow|horovod)(?:/|\.py$)|.*/(?:site|dist)-packages/"
)


class PyFrame(NamedTuple):
    """A function of a stack, and where it is. ``line`` is 0 for native code."""

    function: str
    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.function} ({self.file}:{self.line})" if self.line else f"{self.function} ({self.file})"

    @property
    def is_native(self) -> bool:
        """Return whether it is C, C++ or Rust code."""
        return not self.line or self.file.endswith((".c", ".cc", ".cpp", ".rs", ".h", ".S", ".so"))

    @property
    def is_standard(self) -> bool:
        """Return whether it belongs to the standard library."""
        return _STANDARD.match(self.file) is not None

    @property
    def is_own(self) -> bool:
        """Return whether it belongs to the application: not to the standard library or a known package."""
        return not (self.is_native or self.is_standard or _LIBRARY.match(self.file))


@dataclass(frozen=True, slots=True)
class PyThread:
    """A thread."""

    id: str
    name: str
    """"" if unknown."""
    state: str
    """Of py-spy: "idle", "active", "active+gil"; "" if unknown."""
    frames: tuple[PyFrame, ...]
    """Python frames, the innermost first."""
    native: tuple[PyFrame, ...]
    """Native frames before the first Python frame, the innermost first."""
    first_line: int
    last_line: int

    @property
    def label(self) -> str:
        """Return its name in quotes, or its ID."""
        return f'"{self.name}"' if self.name else f"thread {self.id}"

    @property
    def is_idle(self) -> bool:
        """Return whether it waits; a thread of unknown state may."""
        return self.state in ("idle", "")

    @property
    def own(self) -> PyFrame | None:
        """Return its innermost frame of the application."""
        return next((frame for frame in self.frames if frame.is_own), None)


@dataclass(slots=True)
class PyStacks:
    """The threads of one or more Python processes."""

    evidence: Evidence
    threads: list[PyThread] = field(default_factory=list)
    ended: Line | None = None
    """The message of faulthandler: "Fatal Python error: …" or "Timeout …"; None if there is none."""


def recognize(evidence: Evidence) -> bool:
    """Return whether the file contains stacks of Python threads."""
    lines = [line.rstrip("\r") for line in evidence.head.split("\n")]  # as Evidence.lines has them
    heads = [number for number, line in enumerate(lines) if _THREAD.match(line) or _FAULT_THREAD.match(line)]
    if not heads:
        return False
    frames = sum(1 for line in lines if _FRAME.match(line) or _FAULT_FRAME.match(line))
    return (frames + len(heads)) * 2 >= sum(1 for line in lines if line.strip())


class _Thread:
    """A thread while its lines are read."""

    def __init__(self, identity: str, name: str, state: str, number: int) -> None:
        self.id, self.name, self.state = identity, name, state
        self.frames: list[PyFrame] = []
        self.native: list[PyFrame] = []
        self.first = self.last = number

    def add(self, frame: PyFrame, number: int) -> None:
        """Add the next outer frame."""
        self.last = number
        if frame.is_native and not self.frames:
            self.native.append(frame)
        elif not frame.is_native and len(self.frames) < _MOST_FRAMES:
            self.frames.append(frame)

    def thread(self) -> PyThread:
        """Return the thread."""
        return PyThread(
            self.id, self.name, self.state, tuple(self.frames), tuple(self.native), self.first, self.last
        )  # fmt: skip


def parse(evidence: Evidence) -> PyStacks:
    """Return the threads of the file."""
    stacks = PyStacks(evidence)
    current: _Thread | None = None
    for line in evidence.lines():
        if started := _parse_start(line):
            if current:
                stacks.threads.append(current.thread())
            current = started
            if len(stacks.threads) >= _MOST_THREADS:
                break
        elif current and (frame := _frame(line.text)):
            current.add(frame, line.number)
        elif stacks.ended is None and (ended := _ENDED.match(line.text)):
            stacks.ended = Line(line.number, ended[1])
    if current:
        stacks.threads.append(current.thread())
    return stacks


def _parse_start(line: Line) -> _Thread | None:
    if match := _THREAD.match(line.text):
        return _Thread(match[1], match[3] or "", match[2].strip(), line.number)
    match = _FAULT_THREAD.match(line.text)
    if not match:
        return None
    name = match[2] or ("the current thread" if line.text.startswith("Current") else "")
    return _Thread(match[1], name, "", line.number)


def _frame(text: str) -> PyFrame | None:
    if match := _FAULT_FRAME.match(text):
        return PyFrame(match[3], match[1], int(match[2]))
    match = _FRAME.match(text)
    return PyFrame(match[1], match[2], int(match[3] or 0)) if match else None
