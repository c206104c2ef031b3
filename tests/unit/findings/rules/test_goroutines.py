"""rules/goroutines.py: each rule on evidence that shows it, and on similar evidence that does not."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from debugcapture.finding import Finding
from debugcapture.findings.evidence import Evidence
from debugcapture.findings.explain import explain
from tests.unit.findings.parsers.test_goroutines import MARKS
from tests.unit.hostile import FRAGMENTS

STORE = "example.com/shop/store.(*Store)"
RUNNING = "goroutine 1 [running]:\nmain.main()\n\t/src/main.go:9 +0x25\n\n"


def goroutine(number: int, state: str, *frames: tuple[str, str]) -> str:
    lines = "".join(f"{function}\n\t{place} +0x1d\n" for function, place in frames)
    return f"goroutine {number} [{state}]:\n{lines}\n"


def locked(number: int, state: str, function: str, line: int) -> str:
    return goroutine(
        number, state,
        ("sync.(*Mutex).lockSlow(0xc000200010)", "/usr/local/go/src/sync/mutex.go:171"),
        ("sync.(*Mutex).Lock(...)", "/usr/local/go/src/sync/mutex.go:90"),
        (f"{function}(0xc000200000, 0x1)", f"/src/store.go:{line}"),
    )  # fmt: skip


def profile(total: int, *groups: tuple[int, str]) -> str:
    parts = (f"{count} @ 0x1 0x2\n#\t0x2\t{function}+0x1\t/src/a.go:7\n\n" for count, function in groups)
    return f"goroutine profile: total {total}\n" + "".join(parts)


def findings(text: str) -> list[Finding]:
    def never(_file: Evidence, error: Exception) -> None:
        raise AssertionError from error

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "go.txt"
        path.write_text(text)
        return explain([Evidence(path, path.name)], never)


def rules(text: str) -> list[str]:
    return [finding.rule for finding in findings(text) if finding.severity != "info"]


def test_a_panic_has_its_place_and_its_caller() -> None:
    frames = [("panic({0x1, 0x2})", "/usr/local/go/src/runtime/panic.go:884")]
    frames += [(f"{STORE}.Get(0x0)", "/src/store.go:31"), ("main.main()", "/src/main.go:9")]
    (finding,) = findings("panic: assignment to entry in nil map\n\n" + goroutine(7, "running", *frames))
    assert finding.title == 'The Go program ended with "panic: assignment to entry in nil map"'
    assert "was in store.(*Store).Get (store.go:31), called by main.main (main.go:9)" in finding.detail


def test_handlers_of_panics_and_loggers_are_not_the_place() -> None:
    handled = goroutine(
        7, "running",
        ("k8s.io/apimachinery/pkg/util/runtime.HandleCrash(0x0)", "/go/pkg/runtime.go:48"),
        ("panic(0x187e6a0, 0x2af1530)", "/usr/local/go/src/runtime/panic.go:969"),
        (f"{STORE}.Sweep(0xc0002085d8)", "/src/store.go:93"),
    )  # fmt: skip
    (finding, *_) = findings("panic: nil map\n\n" + handled)
    assert "was in store.(*Store).Sweep (store.go:93)" in finding.detail
    logged = goroutine(
        1, "running",
        ("go.uber.org/zap/zapcore.(*CheckedEntry).Write(0xc0000e4180)", "/go/pkg/entry.go:232"),
        ("go.uber.org/zap.(*SugaredLogger).Panicf(0xc0000122d8)", "/go/pkg/sugar.go:227"),
        (f"{STORE}.Open(0xc0002085d8)", "/src/store.go:56"),
    )  # fmt: skip
    (finding, *_) = findings("panic: access denied\n\n" + logged)
    assert "was in store.(*Store).Open (store.go:56)" in finding.detail
    only_logger = goroutine(1, "running", ("go.uber.org/zap.(*Logger).Panic(0xc0000122d8)", "/go/pkg/sugar.go:227"))
    (finding, *_) = findings("panic: access denied\n\n" + only_logger)
    assert "was in zap.(*Logger).Panic (sugar.go:227)" in finding.detail


def test_a_handler_that_panicked_does_not_end_the_program() -> None:
    frames = [("net/http.(*conn).serve.func1()", "/usr/local/go/src/net/http/server.go:1868")]
    frames += [
        ("panic({0x1, 0x2})", "/usr/local/go/src/runtime/panic.go:884"),
        (f"{STORE}.Get(0x0)", "/src/store.go:31"),
    ]
    text = "2026/01/02 10:00:00 http: panic serving 10.0.0.7:52312: no ledger\n" + goroutine(7, "running", *frames)
    (finding,) = findings(text)
    assert (finding.severity, finding.title) == ("warning", "A handler of the Go HTTP server panicked: no ledger")
    assert "store.(*Store).Get (store.go:31)" in finding.detail
    assert rules(text.replace("panic serving", "request of")) == []


def test_a_deadlock_that_the_runtime_reports() -> None:
    asleep = goroutine(1, "chan receive", ("main.main()", "/src/main.go:9"))
    asleep += goroutine(8, "chan send", ("main.work()", "/src/main.go:20"))
    (finding,) = findings("fatal error: all goroutines are asleep - deadlock!\n\n" + asleep)
    assert finding.severity == "critical"
    assert "goroutine 8 [chan send] in main.work (main.go:20)" in finding.detail


def test_a_dump_without_a_panic_is_not_a_crash() -> None:
    assert findings(RUNNING) == []
    assert rules("SIGQUIT: quit\n\n" + RUNNING) == []


def test_a_wait_of_minutes_for_a_lock_is_critical() -> None:
    (finding,) = findings(RUNNING + locked(7, "semacquire, 40 minutes", f"{STORE}.Put", 41))
    assert finding.severity == "critical"
    assert (
        finding.title
        == "Goroutine 7 waits for 40 minutes for the Mutex lock 0xc000200010 in store.(*Store).Put (store.go:41)"
    )
    assert "May hold" not in finding.detail


def test_a_goroutine_in_a_method_of_the_same_object_may_hold_the_lock() -> None:
    holder = goroutine(9, "IO wait", (f"{STORE}.refresh(0xc000200000)", "/src/store.go:61"))
    (finding,) = findings(locked(7, "sync.Mutex.Lock", f"{STORE}.Put", 41) + holder)
    assert finding.severity == "warning"
    assert "goroutine 9 [IO wait] in store.(*Store).refresh (store.go:61)" in finding.detail
    other = goroutine(9, "IO wait", (f"{STORE}.refresh(0xc000999000)", "/src/store.go:61"))
    assert rules(locked(7, "sync.Mutex.Lock", f"{STORE}.Put", 41) + other) == []


def test_a_short_wait_for_a_lock_is_context() -> None:
    assert rules(RUNNING + locked(7, "semacquire", f"{STORE}.Put", 41)) == []
    crowd = "".join(locked(number, "semacquire", f"{STORE}.Put", 41) for number in range(7, 13))
    assert rules(RUNNING + crowd) == ["go-lock-wait"]


def test_a_wait_group_is_not_a_lock() -> None:
    waits = goroutine(
        7, "semacquire, 40 minutes",
        ("sync.(*WaitGroup).Wait(0xc000200010)", "/usr/local/go/src/sync/waitgroup.go:116"),
        ("main.wait()", "/src/main.go:20"),
    )  # fmt: skip
    assert rules(RUNNING + waits) == []


def test_a_sender_that_waits_for_minutes_has_no_receiver() -> None:
    def send(minutes: str) -> str:
        return goroutine(7, f"chan send{minutes}", (f"{STORE}.Publish(0x1)", "/src/store.go:51"))

    (finding,) = findings(send(", 45 minutes"))
    assert finding.title == (
        "Goroutine 7 waits for 45 minutes to send on a channel in store.(*Store).Publish (store.go:51): nobody receives"
    )
    assert rules(send("")) == []
    assert rules(goroutine(7, "chan receive, 45 minutes", (f"{STORE}.consume(0x1)", "/src/store.go:51"))) == []


def test_many_goroutines_at_one_place_are_stated_with_their_share() -> None:
    text = profile(700, (300, f"{STORE}.Send"), (300, "main.broadcast.func1"), (100, "main.main"))
    finding, _ = findings(text)
    assert finding.title == "300 of 700 goroutines wait at the same place: store.(*Store).Send (a.go:7)"
    assert "300 in main.broadcast.func1 (a.go:7)" in finding.detail


def test_goroutines_that_the_runtime_found_leaked() -> None:
    text = profile(7, (7, f"{STORE}.Publish")).replace("goroutine profile", "goroutineleak profile")
    (finding,) = findings(text)
    assert (finding.rule, finding.severity) == ("go-goroutines-leaked", "warning")
    assert finding.title == "7 goroutines are leaked: 7 of them wait forever in store.(*Store).Publish (a.go:7)"
    assert findings("goroutineleak profile: total 0\n") == []


def test_a_leaked_goroutine_in_a_dump() -> None:
    frames = [("main.publish(0x1)", "/src/main.go:14")]
    (finding,) = findings(RUNNING + goroutine(7, "chan send (leaked), 2 minutes", *frames))
    assert finding.title == "1 goroutine is leaked: it waits forever in main.publish (main.go:14)"
    assert findings(RUNNING + goroutine(7, "chan send, 2 minutes", *frames)) == []


def test_loops_that_run_as_long_as_the_program_are_context() -> None:
    text = profile(2000, (1000, "example.com/mq.(*client).readLoop"), (1000, "example.com/mq.(*client).writeLoop"))
    (finding,) = findings(text)
    assert finding.severity == "info"
    assert finding.title == "2000 goroutines, the largest groups have 1000, 1000"
    assert findings(profile(12, (12, "main.work"))) == []


@given(st.lists(st.sampled_from(MARKS) | st.sampled_from(FRAGMENTS[:40]), max_size=40).map("".join))
def test_hostile_text_is_parsed_without_an_exception(text: str) -> None:
    for finding in findings(text.encode(errors="replace").decode()):
        assert finding.title
