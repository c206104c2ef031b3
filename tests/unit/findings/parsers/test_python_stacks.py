"""python_stacks.py: the formats of py-spy and faulthandler, and hostile text."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debugcapture.findings.evidence import Evidence
from debugcapture.findings.parsers.python_stacks import PyFrame, PyStacks, parse, recognize
from tests.unit.hostile import FRAGMENTS, TEXT

PY_SPY = """Process 7: python3 /app/shop.py
Python v3.12.3 (/usr/bin/python3.12)

Thread 7 (idle): "MainThread"
    wait (threading.py:355)
    main (shop/app.py:12)
    <module> (shop.py:3)
Thread 0x7F6D3C29D740 (active+gil): "worker_0"
    __futex_abstimed_wait (libc.so.6)
    PyThread_acquire_lock_timed (python3.12)
    load (shop/store.py:40)
    run (threading.py:1010)
"""
FAULT = """Fatal Python error: Segmentation fault

Current thread 0x00007f1 (most recent call first):
  File "/app/shop/store.py", line 40 in load
  File "/usr/lib/python3.12/threading.py", line 1010 in run

Thread 0x00007f2 [worker] (most recent call first):
  File "/app/shop/app.py", line 12 in main
"""
MARKS = (
    *('Thread 7 (idle): "MainThread"\n', "Thread 0x7 (active+gil)\n", "    f (shop/a.py:1)\n", "    g (libc.so.6)\n"),
    *("Current thread 0x1 (most recent call first):\n", '  File "/a.py", line 1 in f\n', "Fatal Python error: x\n"),
    *("    _run_once (asyncio/base_events.py:1)\n", "    select (selectors.py:1)\n", "    recv (socket.py:1)\n"),
    *(
        "    broadcast (torch/distributed/c.py:1)\n",
        "    acquire (<frozen importlib._bootstrap>:1)\n",
        "Timeout (0:00:05)!\n",
    ),
)


def parsed(text: str) -> PyStacks | None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "python.txt"
        path.write_bytes(text.encode(errors="surrogatepass"))
        evidence = Evidence(path, path.name)
        return parse(evidence) if recognize(evidence) else None


def test_a_dump_of_py_spy() -> None:
    stacks = parsed(PY_SPY)
    assert stacks is not None
    main, worker = stacks.threads
    assert (main.id, main.name, main.state, main.first_line, main.last_line) == ("7", "MainThread", "idle", 4, 7)
    assert str(main.own) == "main (shop/app.py:12)"
    assert [frame.function for frame in worker.native] == ["__futex_abstimed_wait", "PyThread_acquire_lock_timed"]
    assert (worker.state, str(worker.frames[0])) == ("active+gil", "load (shop/store.py:40)")


def test_a_dump_of_faulthandler() -> None:
    stacks = parsed(FAULT)
    assert stacks is not None
    assert stacks.ended is not None
    assert stacks.ended.text == "Fatal Python error: Segmentation fault"
    assert [(thread.label, str(thread.own)) for thread in stacks.threads] == [
        ('"the current thread"', "load (/app/shop/store.py:40)"),
        ('"worker"', "main (/app/shop/app.py:12)"),
    ]


@pytest.mark.parametrize(
    ("file", "own"),
    [
        ("shop/store.py", True),
        ("/app/queue_of_orders.py", True),
        ("threading.py", False),
        ("concurrent/futures/thread.py", False),
        ("/usr/lib/python3.12/json/__init__.py", False),
        ("/usr/local/lib/python3.12/site-packages/shopify/api.py", False),
        ("requests/sessions.py", False),
        ("<frozen importlib._bootstrap>", False),
    ],
)
def test_frames_of_the_application(file: str, own: bool) -> None:
    assert PyFrame("f", file, 1).is_own is own


def test_a_traceback_or_a_log_is_not_a_dump() -> None:
    assert parsed('Traceback (most recent call last):\n  File "/a.py", line 1, in f\nValueError: x\n') is None
    assert parsed("order accepted\n" * 50 + PY_SPY) is None


@given(st.lists(st.sampled_from(MARKS) | st.sampled_from(FRAGMENTS) | TEXT, max_size=40).map("".join))
def test_hostile_text_is_parsed_without_an_exception(text: str) -> None:
    stacks = parsed(text)
    assert stacks is None or stacks.threads
