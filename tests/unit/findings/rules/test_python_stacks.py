"""rules/python_stacks.py: each rule on stacks that show it, and on similar stacks that do not."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debugcapture.finding import Finding
from debugcapture.findings.evidence import Evidence
from debugcapture.findings.explain import explain
from tests.unit.findings.parsers.test_python_stacks import FAULT, MARKS
from tests.unit.hostile import FRAGMENTS

LOOP = (
    "_run (asyncio/events.py:88)",
    "_run_once (asyncio/base_events.py:1987)",
    "run_forever (asyncio/base_events.py:641)",
)
THREAD = ("run (threading.py:1010)", "_bootstrap (threading.py:1030)")


def thread(name: str, *frames: str, state: str = "idle") -> str:
    return f'Thread {sum(name.encode())} ({state}): "{name}"\n' + "".join(f"    {frame}\n" for frame in frames)


def findings(text: str) -> list[Finding]:
    def never(_file: Evidence, error: Exception) -> None:
        raise AssertionError from error

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "python.txt"
        path.write_text(text)
        return explain([Evidence(path, path.name)], never)


def alarms(text: str) -> list[str]:
    return [finding.rule for finding in findings(text) if finding.severity != "info"]


def test_threads_that_reached_one_line_on_different_ways_wait_for_a_lock() -> None:
    main = thread("MainThread", "flush (shop/metrics.py:51)", "record (shop/metrics.py:20)", "<module> (shop.py:3)")
    flusher = thread("Flusher", "flush (shop/metrics.py:51)", "loop (shop/metrics.py:70)", *THREAD)
    finding = findings(main + flusher)[0]
    assert finding.severity == "critical"
    assert (
        finding.title
        == '"MainThread" and "Flusher" wait at the same line, probably for a lock: flush (shop/metrics.py:51)'
    )
    assert '"MainThread" came through record in the same file, and may hold the lock' in finding.detail


def test_workers_of_a_pool_wait_at_one_line_with_one_stack() -> None:
    workers = (thread(f"worker_{n}", "run (shop/worker.py:30)", *THREAD) for n in range(4))
    assert alarms("".join(workers)) == []
    idle = (thread(f"pool_{n}", "_worker (concurrent/futures/thread.py:89)", *THREAD) for n in range(4))
    assert alarms("".join(idle)) == []


def test_a_synchronous_call_blocks_the_event_loop() -> None:
    finding = findings(thread("MainThread", "read (shop/radio.py:17)", "pump (shop/pump.py:22)", *LOOP))[0]
    assert (finding.rule, finding.severity) == ("python-event-loop-blocked", "warning")
    assert finding.title == 'The event loop of "MainThread" is blocked by a synchronous call: read (shop/radio.py:17)'
    assert finding.detail == "Called by pump (shop/pump.py:22)."


def test_an_event_loop_that_waits_or_computes_is_not_blocked() -> None:
    assert alarms(thread("MainThread", "select (selectors.py:468)", *LOOP[1:])) == []
    assert alarms(thread("MainThread", "total (shop/cart.py:17)", *LOOP, state="active+gil")) == []


def test_a_collective_operation() -> None:
    finding = findings(
        thread(
            "MainThread",
            "all_reduce (torch/distributed/distributed_c10d.py:11)",
            "step (shop/train.py:5)",
            state="active",
        )
    )[0]
    assert (finding.rule, finding.severity) == ("python-collective-operation", "warning")
    assert "Called by step (shop/train.py:5)." in finding.detail
    assert alarms(thread("MainThread", "reduce (shop/cart.py:5)", "step (shop/train.py:5)")) == []


def test_native_frames_show_a_wait_for_a_lock() -> None:
    waits = thread(
        "w", "__futex_wait (libc.so.6)", "PyThread_acquire_lock_timed (python3.12)", "load (shop/store.py:4)", *THREAD
    )
    assert alarms(waits) == ["python-lock-wait"]
    sleeps = thread("w", "clock_nanosleep (libc.so.6)", "load (shop/store.py:4)", *THREAD)
    assert alarms(sleeps) == []


def test_a_wait_for_an_import() -> None:
    waits = thread("w", "acquire (<frozen importlib._bootstrap>:120)", "load (shop/store.py:4)", *THREAD)
    assert alarms(waits) == ["python-lock-wait"]
    assert (
        alarms(thread("w", "exec_module (<frozen importlib._bootstrap_external>:90)", "load (shop/store.py:4)")) == []
    )


def test_threads_that_wait_for_the_same_server() -> None:
    calls = ("readinto (socket.py:707)", "getresponse (http/client.py:1377)", "prices (shop/prices.py:9)", *THREAD)
    finding = findings("".join(thread(f"w{n}", *calls) for n in range(3)))[0]
    assert finding.title == "3 threads wait for an answer from the network in prices (shop/prices.py:9)"
    assert alarms("".join(thread(f"w{n}", *calls) for n in range(2))) == []
    idle = ("recv (socket.py:707)", "drain_events (kombu/transport.py:3)", "consume (shop/tasks.py:9)", *THREAD)
    assert alarms("".join(thread(f"w{n}", *idle) for n in range(3))) == []


def test_threads_that_wait_for_a_connection_of_a_pool() -> None:
    pool = ("wait (threading.py:359)", "get (sqlalchemy/util/queue.py:153)", "_do_get (sqlalchemy/pool/impl.py:166)")
    waiting = [thread(f"web-{number}", *pool, "orders (app/orders.py:31)", *THREAD) for number in (1, 2)]
    (finding,) = [finding for finding in findings("".join(waiting)) if finding.rule == "python-pool-exhausted"]
    assert finding.title == "2 threads wait for a connection from the pool of SQLAlchemy"
    assert "called from orders (app/orders.py:31)" in finding.detail
    assert alarms(waiting[0]) == []
    opens = ("connect (psycopg/connection.py:9)", *pool[2:], "orders (app/orders.py:31)", *THREAD)
    assert alarms(thread("web-1", *opens) + thread("web-2", *opens)) == []


def test_a_crash_of_the_interpreter() -> None:
    (finding,) = findings(FAULT)
    assert (finding.severity, finding.title) == ("critical", "Python ended: Fatal Python error: Segmentation fault")
    assert "load (/app/shop/store.py:40)" in finding.detail
    assert findings(FAULT.partition("\n\n")[2]) == []


@pytest.mark.parametrize(
    ("text", "title"),
    [
        (
            thread("a", "total (shop/cart.py:17)", state="active+gil"),
            '"a" runs and holds the GIL: total (shop/cart.py:17)',
        ),
        (
            thread("MainThread", "wait (threading.py:3)", "main (shop/app.py:1)"),
            '"MainThread" [idle] is in main (shop/app.py:1)',
        ),
        (
            thread("MainThread", "recv (socket.py:3)", "main (shop/app.py:1)"),
            '"MainThread" waits for the network in main (shop/app.py:1)',
        ),
    ],
)
def test_what_threads_do_is_context(text: str, title: str) -> None:
    (finding,) = findings(text)
    assert (finding.severity, finding.title) == ("info", title)


@given(st.lists(st.sampled_from(MARKS) | st.sampled_from(FRAGMENTS[:40]), max_size=40).map("".join))
def test_hostile_text_is_parsed_without_an_exception(text: str) -> None:
    for finding in findings(text.encode(errors="replace").decode()):
        assert finding.title
