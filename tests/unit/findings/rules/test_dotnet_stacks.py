"""Stacks of .NET: parsers/dotnet_stacks.py and rules/dotnet_stacks.py."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.findings.rules.dotnet import HEAD, findings
from tests.unit.hostile import FRAGMENTS, TEXT

ENTER = "[HelperMethodFrame_1OBJ: 00007f2b862b9760] System.Threading.Monitor.Enter(System.Object)"
MARKS = (
    *(
        "OS Thread Id: 0x2a (7)\n        Child SP               IP Call Site\n",
        "Thread (0x2A):\n",
        "  [Native Frames]\n",
    ),
    *(
        "00007F2B862B9610 00007f305abc6360 [GCFrame: 00007f2b862b9610]\n",
        "00007F2B862B98B0 00007F2FE392A9E5 Shop.Cart.Add()\n",
    ),
    *("   41 000000000143D038          9         1 00007F2B542D28C0 2a  20   00007f2e90080fb8 System.Object\n",),
    *(
        "Index         SyncBlock MonitorHeld\n",
        "  System.Private.CoreLib.il!System.Threading.Monitor.Wait(class System.Object)\n",
    ),
)


def sos(identity: str, *frames: str) -> str:
    rows = "".join(f"00007F2B862B9610 00007f305abc6360 {frame}\n" for frame in frames)
    return f"OS Thread Id: 0x{identity} (20)\n        Child SP               IP Call Site\n{rows}"


def monitors(*rows: tuple[int, str]) -> str:
    head = "Index         SyncBlock MonitorHeld Recursion Owning Thread Info          SyncBlock Owner\n"
    return head + "".join(
        f"   {number} 000000000143D038          {held}         1 00007F2B542D28C0 {owner}  20   "
        "00007f2e90080fb8 Shop.Gate\n"
        for number, (held, owner) in enumerate(rows, 41)
    )


def tool(identity: str, *frames: str) -> str:
    return f"Thread (0x{identity}):\n  [Native Frames]\n" + "".join(f"  {frame}\n" for frame in frames) + "\n"


def alarms(text: str) -> list[str]:
    return [finding.rule for finding in findings(text) if finding.severity != "info"]


def test_owners_that_wait_for_monitors_wait_for_each_other() -> None:
    first = sos("1a", ENTER, "Shop.Cart.Add() [/src/Cart.cs @ 57]")
    second = sos("1b", ENTER, "Shop.Stock.Take() [/src/Stock.cs @ 53]")
    finding = findings(first + second + monitors((3, "1a"), (3, "1b")))[0]
    assert finding.severity == "critical"
    assert (
        finding.title
        == "Deadlock: the threads 0x1a and 0x1b hold monitors, and each waits for a monitor of another one"
    )
    assert "0x1a waits in System.Threading.Monitor.Enter, called by Shop.Cart.Add (Cart.cs:57)" in finding.detail


def test_an_owner_that_runs_is_not_a_deadlock() -> None:
    first = sos("1a", ENTER, "Shop.Cart.Add()")
    second = sos("1b", "Shop.Stock.Count()")
    text = first + second + monitors((3, "1a"), (3, "1b"))
    assert "dotnet-deadlock" not in alarms(text)


def test_waiters_of_a_monitor_are_counted() -> None:
    waiting = "".join(sos(f"2{n}", ENTER, "Shop.Cart.Add() [/src/Cart.cs @ 36]") for n in range(3))
    (finding,) = findings(waiting + sos("1a", "Shop.Cart.Load()") + monitors((41, "1a")))
    assert (finding.severity, finding.title) == ("critical", "20 threads wait for a monitor that thread 0x1a holds")
    assert "MonitorHeld is 41" in finding.detail
    assert "called by Shop.Cart.Add (Cart.cs:36)" in finding.detail
    assert "the owner is in Shop.Cart.Load" in finding.detail
    assert alarms(sos("1a", "Shop.Cart.Load()") + monitors((1, "1a"))) == []


def test_waits_without_a_list_of_monitors() -> None:
    enter = "System.Private.CoreLib.il!System.Threading.Monitor.Enter(class System.Object)"
    text = "".join(tool(f"2{n}", enter, "Shop!Shop.Cart.Add(int32)") for n in range(2))
    (finding,) = findings(text)
    assert finding.title == "2 threads wait for a monitor, 2 of them in Shop.Cart.Add"
    assert alarms(tool("21", enter, "Shop!Shop.Cart.Add(int32)")) == []


def test_threads_of_the_pool_that_wait_for_tasks() -> None:
    wait = "System.Private.CoreLib.il!System.Threading.Tasks.Task.InternalWaitCore(int32)"
    pool = "System.Private.CoreLib.il!System.Threading.ThreadPoolWorkQueue.Dispatch()"
    text = "".join(tool(f"2{n}", wait, "Shop!Shop.Cart.Price(int32)", pool) for n in range(3))
    (finding,) = findings(text)
    assert finding.title == "3 threads of the thread pool wait synchronously for a task, in Shop.Cart.Price"
    assert alarms("".join(tool(f"2{n}", wait, "Shop!Shop.Program.Main()") for n in range(3))) == []
    (single,) = findings(tool("21", wait, "Shop!Shop.Cart.Price(int32)", pool))
    assert single.title == "1 thread of the thread pool waits synchronously for a task, in Shop.Cart.Price"
    assert single.severity == "info"


def inspected(identity: str, name: str, *frames: str, waits: bool = False) -> str:
    """Return a thread as dotnet-inspect writes it."""
    mark = ", likely waits for a lock" if waits else ""
    rows = "".join(f"  {frame}\n" for frame in frames)
    return f'\nThread (0x{identity}): "{name}"{mark}\n  [Native Frames]\n{rows}'


SLEEPS = "System.Private.CoreLib!System.Threading.Thread.Sleep(int32)"
FIRST = ("Service!Lab.Service.TakeLedger()", "Service!Lab.Service.TransferAtoB()")
SECOND = ("Service!Lab.Service.TakeAccounts()", "Service!Lab.Service.TransferBtoA()")


def test_threads_that_wait_in_different_methods_are_likely_deadlocked() -> None:
    main = inspected("1", "dotnet", SLEEPS, "Service!Lab.Service.Main(class System.String[])")
    waiting = inspected("1a", "transfer-a-b", *FIRST, waits=True) + inspected("1b", "", *SECOND, waits=True)
    (finding,) = findings(HEAD + main + waiting)
    assert (finding.rule, finding.severity) == ("dotnet-likely-deadlock", "warning")
    assert finding.title == "2 threads wait for locks in 2 different methods and do not move: likely a deadlock"
    assert (
        "transfer-a-b waits in Lab.Service.TakeLedger, called by Lab.Service.TransferAtoB; "
        "0x1b waits in Lab.Service.TakeAccounts, called by Lab.Service.TransferBtoA."
    ) in finding.detail


def test_one_place_to_wait_is_not_a_deadlock() -> None:
    main = inspected("1", "dotnet", SLEEPS, "Service!Lab.Service.Main(class System.String[])")
    assert alarms(HEAD + main + inspected("1a", "a", *FIRST, waits=True)) == []
    assert alarms(HEAD + main + inspected("1a", "a", *FIRST) + inspected("1b", "b", *SECOND)) == []
    same = "".join(inspected(f"2{n}", f"worker {n}", *FIRST, waits=True) for n in range(3))
    assert alarms(HEAD + main + same) == ["dotnet-threads-wait-for-lock"]


def test_threads_of_the_pool_in_stacks_of_dotnet_inspect() -> None:
    frames = (
        "System.Private.CoreLib!System.Threading.Monitor.Wait(class System.Object,int32)",
        "System.Private.CoreLib!System.Threading.ManualResetEventSlim.Wait(int32)",
        "System.Private.CoreLib!System.Threading.Tasks.Task.Wait()",
        "Starved!Shop.Program.Price(int32)",
        "System.Private.CoreLib!System.Threading.ThreadPoolWorkQueue.Dispatch()",
    )
    (finding,) = findings(HEAD + "".join(inspected(f"2{n}", ".NET TP Worker", *frames) for n in range(3)))
    assert finding.title == "3 threads of the thread pool wait synchronously for a task, in Shop.Program.Price"


def test_idle_threads_are_healthy() -> None:
    idle = "System.Private.CoreLib.il!System.Threading.WaitHandle.WaitOneNoCheck(int32)"
    assert alarms("".join(tool(f"2{n}", idle, "Shop!Shop.Worker.Run()") for n in range(9))) == []


@given(st.lists(st.sampled_from(MARKS) | st.sampled_from(FRAGMENTS) | TEXT, max_size=40).map("".join))
def test_hostile_text_is_parsed_without_an_exception(text: str) -> None:
    for finding in findings(text):
        assert finding.title
