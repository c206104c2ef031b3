"""Reads stack traces in logs: of Java, Python, Go, Node.js, .NET, Ruby, PHP and Rust."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from .goroutines import GO_FUNCTION

_MOST_HEAD_LINES: Final = 8  # between the head of a trace and its first frame
_CLASS: Final = re.compile(
    r"(?:^|[\s\[(:;])((?:[A-Za-z_$][\w$]{0,80}(?:\.|::|\\)){0,12}[A-Z][\w$]{0,100}"
    r"(?:Exception|Error|Throwable|Failure|Fault|Timeout|Exit|Interrupt|Warning))\b"
)
_CAUSE: Final = re.compile(r"^\s*(?:Caused by|\[cause\]|---> ?|\(Inner Exception #\d+\)):? ?(.*)")
_VALIDATION: Final = re.compile(r"\d validation errors? for \w")
_JAVA: Final = re.compile(
    r"\bat ((?:[\w.-]{1,80}(?:@[\w.]{1,20})?/)?[\w.$<>]{1,300})"
    r"\(([\w$-]{1,100}\.\w{1,10}(?::\d+)?|Native Method|Unknown Source|<generated>)\)"
)
_DOTNET: Final = re.compile(r"\bat ([\w.`<>|$\[\],+&]{1,300})\([^()]{0,300}\)(?: in (\S{1,300}):line (\d{1,18}))?\s*$")
_NODE: Final = re.compile(
    r"\bat (?:async )?(?:new )?(?:([^()\n]{1,200}) )?"
    r"\(?((?:file:|node:|/|[A-Za-z]:\\|internal/|\w)[^()\n]{1,300}:\d+:\d+)\)?\s*$"
)
_PYTHON: Final = re.compile(r'File "([^"]{1,300})", line (\d{1,18}), in (\S{1,200})')
_RUBY: Final = re.compile(r"(?:from )?([\w./-]{1,300}\.rb|\(\w+\)):(\d{1,18}):in ['`]([^'`]{1,200})'")
_PHP: Final = re.compile(r"#\d+ (\S{1,300}\.php)\((\d{1,18})\): (\S{1,200})")
_GO_PLACE: Final = re.compile(r"\s(\S{1,300}\.(?:go|s)):(\d{1,18})(?: \+0x[0-9a-f]+)?\s*$")
_RUST: Final = re.compile(r"^\s*\d+: +(?:0x[0-9a-f]+ - )?([\w:<>{}# ,&*]{3,300})$")
_LIBRARIES: Final = (
    *("java.", "javax.", "jakarta.", "sun.", "jdk.", "com.sun.", "java.base/", "org.apache.", "org.springframework."),
    *("com.zaxxer.", "io.netty.", "reactor.", "kotlin.", "kotlinx.", "scala.", "akka.", "org.hibernate.", "okhttp3."),
    *(
        "org.postgresql.",
        "com.mysql.",
        "org.eclipse.",
        "io.vertx.",
        "io.micrometer.",
        "com.fasterxml.",
        "redis.clients.",
    ),
    *("io.lettuce.", "com.mongodb.", "org.jboss.", "io.undertow.", "io.grpc.", "com.google.", "feign.", "retrofit2."),
    *("System.", "Microsoft.", "Npgsql.", "StackExchange.", "runtime.", "runtime/", "panic", "sync.", "net/", "net."),
    *("syscall.", "internal/", "reflect.", "database/sql", "os.", "io.", "testing.", "google.golang.org/", "core::"),
    *(
        "std::",
        "alloc::",
        "rust_begin_unwind",
        "tokio::",
        "anyhow::",
        "__rust",
        "__libc",
        "_start",
        "<unknown>",
        "main ",
    ),
)
_LIBRARY_FILES: Final = (
    *("/site-packages/", "/dist-packages/", "/lib/python", "<frozen", "node:", "node_modules", "internal/", "/gems/"),
    *("/vendor/", "/usr/lib/ruby", "/ruby/", "(eval", "/rustc/", "/go/pkg/mod/", "/usr/local/go/"),
)


_RECORD: Final = re.compile(
    r"\{\"|\S{0,12} ?\S{0,20}\d\d:\d\d:\d\d|.{0,40}\b(?:TRACE|DEBUG|INFO|WARN|WARNING|ERROR|FATAL)\b"
)


class Frame(NamedTuple):
    """A function in a stack, and its place: "File.java:12"."""

    function: str
    place: str

    def __str__(self) -> str:
        return f"{self.function} ({self.place})" if self.place else self.function

    @property
    def is_library(self) -> bool:
        """Return whether it belongs to a runtime or a known library."""
        return self.function.startswith(_LIBRARIES) or any(part in self.place for part in _LIBRARY_FILES)


@dataclass(frozen=True, slots=True)
class Trace:
    """A stack trace with its error."""

    error: str
    """Class of the error with its message, as written in the log."""
    cause: str
    """The innermost "Caused by"; "" if there is none."""
    frames: tuple[Frame, ...]
    """The innermost first."""
    length: int
    """Number of lines after the head."""

    @property
    def own_frame(self) -> Frame | None:
        """Return the innermost frame that belongs to the application; None if all belong to libraries."""
        return next((frame for frame in self.frames if not frame.is_library), None)


def has_error_class(text: str) -> bool:
    """Return whether ``text`` names the class of an error, such as "java.io.IOException: …"."""
    return _CLASS.search(text) is not None


def frame_of(line: str, before: str = "") -> Frame | None:
    """Return the frame in ``line``; None if it has none. For Go, ``before`` is the line with the function."""
    if match := _PYTHON.search(line):
        return Frame(match[3], f"{match[1]}:{match[2]}")
    if " at " in f" {line.lstrip()}" or "\tat " in line:
        return _frame_at(line)
    if match := _RUBY.search(line):
        return Frame(match[3], f"{match[1]}:{match[2]}")
    if match := _PHP.search(line):
        return Frame(match[3], f"{match[1]}:{match[2]}")
    if match := _GO_PLACE.search(line):
        function = GO_FUNCTION.search(before)
        return Frame(function[1], f"{match[1]}:{match[2]}") if function and "." in function[1] else None
    match = _RUST.search(line)
    return Frame(match[1].strip(), "") if match else None


def _frame_at(line: str) -> Frame | None:
    if match := _JAVA.search(line):
        return Frame(match[1], match[2])
    if match := _NODE.search(line):
        return Frame((match[1] or "").strip() or "(anonymous)", match[2])
    match = _DOTNET.search(line)
    return Frame(match[1], f"{match[2]}:{match[3]}" if match[2] else "") if match else None


def trace_of(head: str, following: Sequence[str]) -> Trace | None:
    """Return the stack trace whose first line is ``head``; None if no frames follow."""
    lines = (head, *following)
    if "panicked at" in head:
        error = f"{head.strip()} {following[0].strip()}" if head.rstrip().endswith(":") and following else head.strip()
        return Trace(error, "", tuple(frame for _, frame in _frames(lines, 1)), 1)
    first = _first_frame(lines)
    if not first:
        return None
    numbered = list(_frames(lines, first))
    last = numbered[-1][0]
    frames = tuple(frame for _, frame in numbered)
    python = "Traceback (most recent call last)" in "".join(lines[:first])
    if python:
        end = _end_of_python(lines, last)
        return Trace(_python_error(lines, end) if end else head, "", frames[::-1], end or last)
    causes = [match[1].strip() for line in lines[1 : last + 1] if (match := _CAUSE.match(line))]
    return Trace(_error(lines[:first]), causes[-1] if causes else "", frames, last)


def _python_error(lines: Sequence[str], end: int) -> str:
    """Return the error in the line ``end``. The lines below an error of pydantic name the fields that are wrong."""
    more = lines[end + 1 : end + 3] if _VALIDATION.search(lines[end]) else ()
    return " ".join(line.strip() for line in (lines[end], *more) if line.strip())


def _first_frame(lines: Sequence[str]) -> int:
    """Return the position of the first frame; 0 if another record of the log comes before it."""
    is_go = False
    for number in range(1, min(len(lines), _MOST_HEAD_LINES + 1)):
        if _frame_at_line(lines, number):
            return number
        if "goroutine " in lines[number]:
            is_go = True  # each line of Go may have the prefix of a system log
        elif not is_go and _RECORD.match(lines[number]):
            return 0
    return 0


def _frame_at_line(lines: Sequence[str], number: int) -> Frame | None:
    return frame_of(lines[number], lines[number - 1])


def _frames(lines: Sequence[str], first: int) -> Iterator[tuple[int, Frame]]:
    """Yield the frames with their positions, until something else than a trace follows."""
    gap = 0
    for number in range(first, len(lines)):
        frame = _frame_at_line(lines, number)
        if frame:
            gap = 0
            yield number, frame
        elif _CAUSE.match(lines[number]) or lines[number].strip().startswith("..."):
            gap = 0
        elif (gap := gap + 1) > 3:  # noqa: PLR2004 - the source line of Python, the function line of Go, a blank line
            return


def _end_of_python(lines: Sequence[str], last: int) -> int:
    """Return the position of the error after the last frame of a Python traceback; 0 if it was cut."""
    for number in range(last + 1, min(len(lines), last + 6)):
        if lines[number] and not lines[number][0].isspace() and _CLASS.search(f" {lines[number]}"):
            return number
    return next((n for n in range(last + 1, min(len(lines), last + 4)) if lines[n] and not lines[n][0].isspace()), 0)


def _error(head: Sequence[str]) -> str:
    """Return the error among the lines before the first frame: the last with the class of an error, or the first."""
    for line in reversed(head):
        if (match := _CLASS.search(line)) and not line.startswith("goroutine "):
            ruby = line.rstrip().endswith(")") and line.rstrip()[: match.end(1)].endswith(match[1]) and "': " in line
            return line.partition("': ")[2].strip() if ruby else line[match.start(1) :].strip()
    return head[0].strip()
