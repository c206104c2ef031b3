"""threads.py: threads of each runtime become stacks with their states."""

from __future__ import annotations

from pathlib import Path

import pytest

from debugcapture.findings.evidence import Evidence
from debugcapture.findings.explain import subjects_of
from debugcapture.picture import Stacks

JAVA = """Full thread dump OpenJDK 64-Bit Server VM (21.0.4+7-LTS mixed mode, sharing):

"pay-1" #12 prio=5 os_prio=0 cpu=1.00ms elapsed=10.00s tid=0x1 nid=0x2 waiting for monitor entry  [0x3]
   java.lang.Thread.State: BLOCKED (on object monitor)
\tat shop.Checkout.pay(Checkout.java:27)
\t- waiting to lock <0x00000000fc55bb90> (a java.lang.Object)
\tat java.lang.Thread.run(java.base@21.0.4/Thread.java:1583)

"GC Thread#0" os_prio=0 cpu=1.00ms elapsed=10.00s tid=0x4 nid=0x5 runnable

"""
PYTHON = """Thread 7 (active+gil): "MainThread"
    charge (shop/billing.py:12)
    <module> (app.py:3)
"""
GO = """goroutine 1 [chan receive, 5 minutes]:
main.wait(0xc000012345)
\t/src/main.go:12 +0x1d
main.main()
\t/src/main.go:5 +0x1d

goroutine 2 [chan receive, 7 minutes]:
main.wait(0xc000012345)
\t/src/main.go:12 +0x1d
main.main()
\t/src/main.go:5 +0x1d
"""
NATIVE = """Thread 2 (Thread 0x7f0 (LWP 17) "worker"):
#0  0x00007f futex_wait () from /lib/libc.so.6
#1  0x00007f shop::pay (this=0x1) at pay.cpp:7
"""
NET = """Thread (0x1A):
  System.Private.CoreLib!System.Threading.Monitor.Wait(class System.Object,int32)
  Shop!Shop.Pay.Charge(int32)
"""
RUBY = """pay - /app/shop.rb:7
<main> - /app/shop.rb:20
"""


def stacks(folder: Path, text: str) -> Stacks:
    path = folder / "stacks.txt"
    path.write_text(text)
    evidence = Evidence(path, "stacks.txt", "shop-1")
    subject = next(subjects_of(evidence))
    examined = subject.examine(subject.parse(evidence), evidence.pod)
    assert examined.pictures.pod == "shop-1"
    (only,) = examined.pictures.stacks
    return only


@pytest.mark.parametrize(
    ("text", "title", "state", "own", "frames"),
    [
        (JAVA, "Java threads", "BLOCKED", 0, ("Checkout.pay(Checkout.java:27)", "Thread.run(Thread.java:1583)")),
        (PYTHON, "Python threads", "active+gil", 0, ("charge (shop/billing.py:12)", "<module> (app.py:3)")),
        (NATIVE, "Native threads", "", 1, ("futex_wait (libc.so.6)", "shop::pay (pay.cpp:7)")),
        (NET, ".NET threads", "", 1, ("System.Threading.Monitor.Wait", "Shop.Pay.Charge")),
        (RUBY, "Ruby stacks", "", 0, ("pay (/app/shop.rb:7)", "<main> (/app/shop.rb:20)")),
    ],
)
def test_threads_have_their_state_and_their_stack(
    tmp_path: Path, text: str, title: str, state: str, own: int, frames: tuple[str, ...]
) -> None:
    drawn = stacks(tmp_path, text)
    assert (drawn.title, drawn.total, drawn.file) == (title, 1, "stacks.txt")
    (group,) = drawn.groups
    assert (group.state, group.own, group.frames) == (state, own, frames)


def test_goroutines_are_counted_with_their_longest_wait(tmp_path: Path) -> None:
    drawn = stacks(tmp_path, GO)
    assert (drawn.total, drawn.unit) == (2, "goroutines")
    (group,) = drawn.groups
    assert (group.count, group.state) == (2, "chan receive, up to 7 min")


def test_threads_of_the_jvm_itself_have_no_stack_and_are_left_out(tmp_path: Path) -> None:
    assert stacks(tmp_path, JAVA).groups[0].names == ("pay-1",)
