"""Parses the `hs_err_pid` log that HotSpot writes when the JVM itself crashes.

Source: JDK, src/hotspot/share/utilities/vmError.cpp.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

from ..evidence import Evidence, Line
from .log_line import without_wrapping

_FATAL: Final = "A fatal error has been detected by the Java Runtime Environment"
_MEMORY: Final = "There is insufficient memory for the Java Runtime Environment to continue"
_MARK: Final = re.compile(
    rf"(?m)^(?:\d{{4}}-\d\d-\d\dT\S{{5,30}} (?:std(?:out|err) [FP] )?)?#[ \t]+(?:{_FATAL}|{_MEMORY})"
)
_MOST_FRAMES: Final = 200
_MOST_LIMITS: Final = 60
_MOST_LINE: Final = 600
_HEAD_CHARACTERS: Final = 4000
_SIGNAL = re.compile(r"#\s+((?:SIG[A-Z]+|EXCEPTION_[A-Z_]+)\b.*)$")
_ERROR = re.compile(r"#\s+((?:Internal Error|Out of Memory Error) \(.{1,200}\).*)$")
_FRAME = re.compile(r"[CVJjvA]\s{1,3}\S")
_FAILED = re.compile(
    r"# ((?:Native memory allocation|Cannot create|unable to create|Failed to|java\.lang\.OutOf).{1,300})$"
)
_THREAD = re.compile(r'Current thread \S+:?\s+(?:\w*Thread )?"?([^"\[]{1,300}?)"?\s*(?:daemon )?\[')
_ELAPSED = re.compile(r"elapsed time: ([\d.]{1,20}) seconds")
_OLD_ELAPSED = re.compile(r"elapsed time: (\d{1,12}) seconds")
_FREE_SPACE = re.compile(r"free space=(-?\d{1,12})k")
_LIMIT = re.compile(r"([a-z][a-z_ ]{3,60}): {0,3}(\S.{0,80})$")
_FIELDS: Final = {
    "Command Line": "command_line",
    "siginfo": "siginfo",
    "rlimit": "rlimit",
    "rlimit (soft/hard)": "rlimit",
}
_LIMITS: Final = (
    "memory_limit_in_bytes",
    "memory_usage_in_bytes",
    "maximum number of tasks",
    "current number of tasks",
)


@dataclass(frozen=True, slots=True)
class HsErr:
    """A crash of the JVM."""

    evidence: Evidence
    first: int = 0
    """Number of the line that says what happened; 0 if no line does."""
    signal: str = ""
    """`SIGSEGV (0xb) at pc=…`"""
    error: str = ""
    """`Internal Error (file.cpp:70), pid=1` or `Out of Memory Error (file.hpp:70)`"""
    message: str = ""
    """Message of a failed assertion, or of an operation that failed for lack of memory."""
    message_line: int = 0
    frame: str = ""
    """Problematic frame."""
    frame_line: int = 0
    is_memory: bool = False
    """It begins with "insufficient memory"."""
    thread: str = ""
    thread_line: int = 0
    compiling: str = ""
    compiling_line: int = 0
    native_frames: tuple[Line, ...] = ()
    java_frames: tuple[Line, ...] = ()
    siginfo: str = ""
    elapsed_s: float | None = None
    host: str = ""
    host_line: int = 0
    libc: str = ""
    libc_line: int = 0
    command_line: str = ""
    version: str = ""
    rlimit: str = ""
    memory: str = ""
    memory_line: int = 0
    limits: dict[str, Line] = field(default_factory=dict)
    """Limits of the container, by name."""
    out_of_memory: tuple[Line, ...] = ()
    """Counts of OutOfMemoryError before the crash."""
    free_stack_kib: int | None = None

    @property
    def signal_name(self) -> str:
        """Return the name of the signal: `SIGSEGV`."""
        return self.signal.split(" ")[0]

    @property
    def is_musl(self) -> bool:
        """Return whether the C library is musl, as in Alpine Linux."""
        return (
            self.libc.startswith("musl")
            or "Alpine" in self.host
            or any("ld-musl" in f.text for f in self.native_frames)
        )


def recognize(evidence: Evidence) -> bool:
    """Return whether the file is such a log, or contains its head, which the JVM prints into the log of the program."""
    return _MARK.search(evidence.head) is not None or _MARK.search(evidence.tail) is not None


def is_mixed(evidence: Evidence) -> bool:
    """Return whether the file is the log of a program in which the JVM printed the crash."""
    return not evidence.head[:_HEAD_CHARACTERS].lstrip().startswith("#")


def parse(evidence: Evidence) -> HsErr:
    """Return the crash in ``evidence``. What the program wrote before it is not read."""
    reader = _Reader(evidence)
    has_begun = False
    for line in evidence.lines():
        line = line._replace(text=without_wrapping(line.text))
        has_begun = has_begun or _MARK.match(line.text) is not None
        if has_begun:
            reader.read(line)
    return reader.finish()


class _Reader:
    def __init__(self, evidence: Evidence) -> None:
        self._crash = HsErr(evidence)
        self._section: Callable[[Line], None] | None = None
        self._native: list[Line] = []
        self._java: list[Line] = []
        self._counts: list[Line] = []
        self._limits: dict[str, Line] = {}

    def read(self, line: Line) -> None:
        text = line.text
        if text.startswith("#"):
            self._read_comment(line)
        elif not text.strip():
            self._section = None
        elif self._section is not None:
            self._section(line)
        else:
            self._read_line(line)

    def finish(self) -> HsErr:
        return replace(
            self._crash,
            native_frames=tuple(self._native),
            java_frames=tuple(self._java),
            limits=self._limits,
            out_of_memory=tuple(self._counts),
        )

    def _set(self, **values: object) -> None:
        self._crash = replace(self._crash, **values)  # type: ignore[arg-type]

    def _read_comment(self, line: Line) -> None:
        text, crash = line.text, self._crash
        if _MEMORY in text:
            self._set(is_memory=True, first=line.number)
        elif _FATAL in text and not crash.first:
            self._set(first=line.number)
        elif (match := _SIGNAL.match(text)) and not crash.signal:
            self._set(signal=match.group(1), first=line.number)
        elif (match := _ERROR.match(text)) and not crash.error:
            self._set(error=match.group(1), first=line.number)
        elif (match := _FAILED.match(text)) and not crash.message:
            self._set(message=match.group(1), message_line=line.number)
        else:
            self._read_comment_details(text[1:].strip(), line)

    def _read_comment_details(self, text: str, line: Line) -> None:
        crash = self._crash
        if text.startswith("Java VM:"):
            self._set(version=text[len("Java VM:") :].strip())
        elif _FRAME.match(text) and crash.signal and not crash.frame:
            self._set(frame=text, frame_line=line.number)
        elif crash.error and not crash.message and ("failed" in text or "rror" in text or "ncountered" in text):
            self._set(message=text, message_line=line.number)

    def _read_line(self, line: Line) -> None:
        text = line.text
        if text.startswith("Native frames:"):
            self._section = self._read_native
        elif text.startswith("Java frames:"):
            self._section = self._read_java
        elif text.startswith("Current CompileTask:"):
            self._section = self._read_task
        elif text.startswith("OutOfMemory and StackOverflow"):
            self._section = self._read_count
        elif text.startswith("container (cgroup) information"):
            self._section = self._read_limit
        elif text.startswith("Current thread") and not self._crash.thread:
            match = _THREAD.match(" ".join(text.split())[:_MOST_LINE])  # single blanks, so that it takes linear time
            self._set(thread=match.group(1).strip() if match else "", thread_line=line.number)
        else:
            self._read_facts(line)

    def _read_facts(self, line: Line) -> None:
        text = line.text
        name, colon, value = text.partition(":")
        value = value.strip()
        if name in ("Host", "OS") and not self._crash.host:
            self._set(host=value, host_line=line.number)
        elif name == "libc":
            self._set(libc=value, libc_line=line.number)
        elif name == "Memory":
            self._set(memory=value, memory_line=line.number)
        elif name in _FIELDS and colon:
            self._set(**{_FIELDS[name]: value})
        elif text.startswith("Stack:") and (match := _FREE_SPACE.search(text)):
            self._set(free_stack_kib=int(match.group(1)))
        elif match := _ELAPSED.search(text) or _OLD_ELAPSED.search(text):
            self._set(elapsed_s=_seconds(match.group(1)))

    def _read_native(self, line: Line) -> None:
        if len(self._native) < _MOST_FRAMES:
            self._native.append(line)

    def _read_java(self, line: Line) -> None:
        if len(self._java) < _MOST_FRAMES:
            self._java.append(line)

    def _read_task(self, line: Line) -> None:
        if not self._crash.compiling and "::" in line.text:
            self._set(compiling=line.text.strip(), compiling_line=line.number)

    def _read_count(self, line: Line) -> None:
        if len(self._counts) < _MOST_LIMITS:
            self._counts.append(line)

    def _read_limit(self, line: Line) -> None:
        match = _LIMIT.match(line.text)
        if match and match.group(1) in _LIMITS:
            self._limits[match.group(1)] = line


def _seconds(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
