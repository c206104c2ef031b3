"""goroutines.py: profiles, full dumps of several Go versions, and hostile text."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debugcapture.findings.evidence import Evidence
from debugcapture.findings.explain import explain, subjects_of
from debugcapture.findings.parsers.goroutines import GoDump, parse, recognize
from tests.unit.hostile import FRAGMENTS, TEXT
from tests.unit.linear import assert_linear

DUMP = """goroutine 1 [running]:
main.main()
\t/src/main.go:9 +0x25

goroutine 7 gp=0xc000002380 m=nil [chan receive (scan), 12 minutes, locked to thread]:
example.com/shop/store.(*Store[...]).Get(0xc000200000, {0x1, 0x2})
\t/src/store/store.go:31 +0x55
created by example.com/shop/store.New in goroutine 1
\t/src/store/store.go:12 +0x55
"""
PROFILE = """goroutine profile: total 5
4 @ 0x43bb96 0x44c9ce
# labels: {"a":"b"}
#\t0x6e5c\texample.com/shop/store.(*Store).Get+0xf4\t/src/store/store.go:31

1 @ 0x1
#\t0x6e5c\tmain.main+0xf4\tD:/src/main.go:10
"""
MARKS = (
    *("goroutine profile: total 3\n", "3 @ 0x1 0x2\n", "#\t0x1\tmain.f+0x1\t/a.go:1\n", "goroutine 1 [running]:\n"),
    *("goroutine 2 [semacquire, 9 minutes]:\n", "main.(*T).f(0xc000000000)\n", "\t/a/b.go:12 +0x1\n", "panic: x\n"),
    *("sync.(*Mutex).Lock(0xc000000008)\n", "sync.(*RWMutex).RLock(...)\n", "created by main.f in goroutine 1\n"),
    *("fatal error: all goroutines are asleep - deadlock!\n", "goroutine 3 [chan send (nil chan)]:\n", "\n"),
)


def parsed(text: str) -> GoDump | None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "go.txt"
        path.write_bytes(text.encode(errors="surrogatepass"))
        evidence = Evidence(path, path.name)
        return parse(evidence) if recognize(evidence) else None


def test_a_full_dump() -> None:
    dump = parsed(DUMP)
    assert dump is not None
    first, second = dump.goroutines
    assert (first.id, first.state, str(first.own)) == (1, "running", "main.main (main.go:9)")
    assert (second.id, second.state, second.minutes) == (7, "chan receive", 12)
    assert (str(second.own), second.creator) == ("store.(*Store[...]).Get (store.go:31)", "example.com/shop/store.New")
    assert (second.first_line, second.last_line) == (5, 9)


def test_a_profile() -> None:
    dump = parsed(PROFILE)
    assert dump is not None
    assert (dump.total, [group.count for group in dump.groups]) == (5, [4, 1])
    assert str(dump.groups[0].stack[0]) == "store.(*Store).Get (store.go:31)"
    assert dump.groups[1].stack[0].file == "D:/src/main.go"


def test_lines_may_have_the_prefix_of_a_system_log() -> None:
    dump = parsed("".join(f"Jan 02 10:00:00.5 node shop[7]: {line}\n" for line in DUMP.splitlines() if line))
    assert dump is not None
    assert [str(goroutine.own) for goroutine in dump.goroutines] == [
        "main.main (main.go:9)",
        "store.(*Store[...]).Get (store.go:31)",
    ]


def test_a_dump_at_the_end_of_the_output_of_a_program() -> None:
    dump = parsed("starting\npanic: no ledger\n\n" + DUMP)
    assert dump is not None
    assert [(line.number, line.text) for line in dump.ends] == [(2, "panic: no ledger")]


def test_the_lock_that_a_goroutine_waits_for() -> None:
    dump = parsed(
        "goroutine 7 [sync.Mutex.Lock, 3 minutes]:\n"
        "internal/sync.(*Mutex).lockSlow(0xc000134930)\n\t/go/src/internal/sync/mutex.go:149 +0x15d\n"
        "sync.(*Mutex).Lock(...)\n\t/go/src/sync/mutex.go:46\nmain.(*T).f(0xc000134900)\n\t/src/a.go:3 +0x1\n"
        "goroutine 8 [semacquire]:\nsync.(*WaitGroup).Wait(0xc000134930)\n\t/go/src/sync/waitgroup.go:9 +0x1\n"
        "main.g()\n\t/src/a.go:9 +0x1\n"
    )
    assert dump is not None
    assert [(g.lock_kind, g.lock) for g in dump.goroutines] == [("Mutex", "0xc000134930"), ("", "")]


def test_a_log_with_a_panic_at_its_end_is_a_log() -> None:
    assert parsed("order accepted\n" * 100 + "panic: no ledger\n\n" + DUMP) is None
    assert parsed("goroutines are cheap\n") is None


@given(st.lists(st.sampled_from(MARKS) | st.sampled_from(FRAGMENTS) | TEXT, max_size=40).map("".join))
def test_hostile_text_is_parsed_without_an_exception(text: str) -> None:
    dump = parsed(text)
    assert dump is None or dump.total >= 0


@pytest.mark.parametrize("unit", ["ample.c", "a.(*b).", "a[b].", "a/b.c[d.e]", ": a.b", "\t/a.go:1 "])
def test_a_long_name_is_read_in_linear_time(unit: str) -> None:
    assert_linear(lambda content: parsed(f"goroutine 1 [running]:\n{content.decode()}\n"), unit.encode())


@pytest.mark.parametrize(
    "text", [DUMP.replace("main.go:9", f"main.go:{'9' * 5000}"), PROFILE.replace(":31", ":" + "3" * 5000)]
)
def test_a_line_number_of_5000_digits_is_not_one(text: str) -> None:
    dump = parsed(text)
    assert dump is not None
    assert not [frame for group in dump.groups for frame in group.stack if frame.line > 1000]


GO_DEADLOCK = """POTENTIAL DEADLOCK:
Previous place where the lock was grabbed
goroutine 21 lock 0xc0000b4010
../shop/cart.go:39 shop.(*Cart).Add { c.mu.Lock() } <<<<<
../shop/main.go:12 main.main { cart.Add(1) }

Have been trying to lock it again for more than 30s
goroutine 22 lock 0xc0000b4010
../shop/cart.go:52 shop.(*Cart).Total { c.mu.Lock() } <<<<<

Here is what goroutine 21 doing now
"""


@pytest.mark.parametrize("stacks", ["", DUMP * 5])
def test_a_report_of_go_deadlock_is_explained_like_a_log(tmp_path: Path, stacks: str) -> None:
    path = tmp_path / "app.log"
    path.write_text(GO_DEADLOCK + stacks)
    evidence = Evidence(path, "app.log")
    assert [subject.name for subject in subjects_of(evidence)] == [*(["Goroutines"] if stacks else []), "Log"]
    titles = [finding.title for finding in explain([evidence], lambda _file, _error: None)]
    assert "go-deadlock reports a deadlock: a lock was not released within 30s" in titles
