"""traces.py: stack traces of each language, and the frame that belongs to the application."""

from __future__ import annotations

import pytest

from debugcapture.findings.parsers.traces import Trace, trace_of
from tests.unit.linear import assert_linear

JAVA = """java.lang.IllegalStateException: no ledger
\tat org.apache.http.Client.run(Client.java:7)
\tat com.example.Ledger.open(Ledger.java:12)
\tat java.base/java.lang.Thread.run(Thread.java:840)
Caused by: java.io.IOException: closed
\tat java.base/java.io.File.read(File.java:3)
\t... 3 more"""
PYTHON = """Traceback (most recent call last):
  File "/app/main.py", line 12, in run
    load()
  File "/usr/lib/python3.12/json/__init__.py", line 3, in load
    raise ValueError("no json")
ValueError: no json"""
GO = """panic: runtime error: index out of range [3] with length 3

goroutine 7 [running]:
main.(*Ledger).entry(0xc000010000, 0x3)
\t/src/ledger.go:42 +0x1d
main.main()
\t/src/main.go:9 +0x25"""
NODE = """TypeError: Cannot read properties of undefined (reading 'id')
    at Ledger.open (/app/ledger.js:10:5)
    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)"""
DOTNET = """Unhandled exception. System.InvalidOperationException: no ledger
   at System.Linq.Enumerable.First[T](IEnumerable`1 source)
   at Shop.Ledger.Open(String name) in /src/Ledger.cs:line 12"""
RUBY = """/app/ledger.rb:12:in `open': no ledger (KeyError)
\tfrom /app/main.rb:3:in `<main>'"""
PHP = """PHP Fatal error:  Uncaught RuntimeException: no ledger in /app/ledger.php:3
Stack trace:
#0 /app/main.php(7): open()
#1 {main}"""


def trace(text: str) -> Trace:
    head, *following = text.splitlines()
    entry = trace_of(head, following)
    assert entry is not None
    return entry


@pytest.mark.parametrize(
    ("text", "error", "own"),
    [
        (JAVA, "java.lang.IllegalStateException: no ledger", "com.example.Ledger.open (Ledger.java:12)"),
        (PYTHON, "ValueError: no json", "run (/app/main.py:12)"),
        (GO, "panic: runtime error: index out of range [3] with length 3", "main.(*Ledger).entry (/src/ledger.go:42)"),
        (NODE, "TypeError: Cannot read properties of undefined (reading 'id')", "Ledger.open (/app/ledger.js:10:5)"),
        (DOTNET, "System.InvalidOperationException: no ledger", "Shop.Ledger.Open (/src/Ledger.cs:12)"),
        (RUBY, "no ledger (KeyError)", "<main> (/app/main.rb:3)"),
        (PHP, "RuntimeException: no ledger in /app/ledger.php:3", "open() (/app/main.php:7)"),
    ],
)
def test_the_error_and_the_frame_of_the_application(text: str, error: str, own: str) -> None:
    entry = trace(text)
    assert entry.error == error
    assert str(entry.own_frame) == own


def test_the_innermost_cause_is_known() -> None:
    assert trace(JAVA).cause == "java.io.IOException: closed"
    assert trace(NODE).cause == ""


def test_a_prefix_of_a_system_log_does_not_matter() -> None:
    prefixed = "\n".join(f"Jan 02 10:00:00.5 node ledger[7]: {line}" for line in GO.splitlines() if line)
    assert str(trace(prefixed).own_frame) == "main.(*Ledger).entry (/src/ledger.go:42)"


def test_a_panic_of_rust_has_its_message() -> None:
    entry = trace_of("thread 'main' panicked at src/main.rs:12:30:", ["no ledger", "note: run with RUST_BACKTRACE=1"])
    assert entry is not None
    assert entry.error == "thread 'main' panicked at src/main.rs:12:30: no ledger"


def test_an_error_of_pydantic_has_the_field() -> None:
    text = PYTHON.replace("ValueError: no json", "ValidationError: 1 validation error for Settings")
    head, *following = f"{text}\nstore_url\n  Field required [type=missing]\n  For more information".splitlines()
    entry = trace_of(head, following)
    assert entry
    assert entry.error == "ValidationError: 1 validation error for Settings store_url Field required [type=missing]"
    head, *following = f"{PYTHON}\nstore_url\n".splitlines()
    entry = trace_of(head, following)
    assert entry
    assert entry.error == "ValueError: no json"


def test_the_trace_of_another_record_is_not_its_trace() -> None:
    assert trace_of("ERROR no space", ["2026-01-02 10:00:00 ERROR other", *JAVA.splitlines()]) is None
    assert trace_of("ERROR no space", ["all is well"]) is None


def test_a_cut_traceback_keeps_its_head() -> None:
    assert trace(PYTHON.rpartition("\n")[0]).error == "Traceback (most recent call last):"


@pytest.mark.parametrize("unit", [b"ample.c", b"a.(*b).", b"a[b].", b": a.b"])
def test_a_long_name_of_a_go_function_is_read_in_linear_time(unit: bytes) -> None:
    def work(content: bytes) -> object:
        return trace_of("goroutine 1 [running]:", [content.decode(), "\t/src/ledger.go:42 +0x1d"])

    assert_linear(work, unit)
