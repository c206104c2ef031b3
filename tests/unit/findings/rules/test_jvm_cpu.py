"""Rules about threads that use a processor: each is shown true, and silent on a dump that resembles it."""

from __future__ import annotations

from pathlib import Path

from tests.unit.findings.jvm_dumps import (
    IDLE,
    WORKER,
    Thread,
    blocked,
    dump,
    of_rule,
    pool,
)


def test_a_thread_uses_a_processor_all_the_time(tmp_path: Path) -> None:
    lines = ("at com.shop.Regex.match(Regex.java:99)", *WORKER)
    (finding,) = of_rule(
        tmp_path, "java-busy-thread", dump(Thread("web-1", lines, "RUNNABLE", cpu_ms=59_000, elapsed_s=60))
    )
    assert "59.0 s of CPU in 60.0 s (98%)" in finding.detail
    assert (
        of_rule(tmp_path, "java-busy-thread", dump(Thread("web-1", lines, "RUNNABLE", cpu_ms=9_000, elapsed_s=60)))
        == []
    )
    assert (
        of_rule(
            tmp_path,
            "java-busy-thread",
            dump(Thread("C2 CompilerThread0", lines, "RUNNABLE", cpu_ms=59_000, elapsed_s=60)),
        )
        == []
    )


def test_the_collector_uses_more_cpu_than_the_application(tmp_path: Path) -> None:
    collectors = "".join(
        f'"GC Thread#{n}" os_prio=0 cpu={{}}ms elapsed=200.00s tid=0x{n} nid=0x{n} runnable\n\n' for n in range(4)
    )
    assert of_rule(
        tmp_path, "java-gc-uses-cpu", dump(Thread("web-1", IDLE, elapsed_s=200)), collectors.replace("{}", "40000.00")
    )
    assert (
        of_rule(
            tmp_path, "java-gc-uses-cpu", dump(Thread("web-1", IDLE, elapsed_s=200)), collectors.replace("{}", "400.00")
        )
        == []
    )


def test_a_thread_runs_at_the_same_line_in_all_dumps(tmp_path: Path) -> None:
    def round_at(line: int) -> str:
        return dump(Thread("web-1", (f"at com.shop.Loop.spin(Loop.java:{line})", *WORKER), "RUNNABLE"))

    rule = "java-runs-at-same-place"
    (finding,) = of_rule(tmp_path, rule, *[round_at(7)] * 3)
    assert finding.title == '"web-1" runs at the same line in all 3 dumps'
    assert of_rule(tmp_path, rule, round_at(7), round_at(8), round_at(7)) == []
    idle = dump(Thread("web-1", (*IDLE, *WORKER)))
    assert of_rule(tmp_path, rule, *[idle] * 3) == []


def test_threads_are_in_a_map_without_a_lock(tmp_path: Path) -> None:
    lines = ("at java.util.HashMap.getEntry(HashMap.java:465)", "at com.shop.Cache.get(Cache.java:7)")
    rule = "java-map-without-lock"
    (finding,) = of_rule(tmp_path, rule, dump(*pool("web-", 3, lines, "RUNNABLE")))
    assert "HashMap.getEntry(HashMap.java:465), called from Cache.get(Cache.java:7)" in finding.detail
    assert of_rule(tmp_path, rule, dump(*pool("web-", 1, lines, "RUNNABLE"))) == []


def test_pools_that_nobody_closes(tmp_path: Path) -> None:
    leaked = [Thread(f"pool-{number}-thread-1", (*IDLE, *WORKER), number=number) for number in range(1, 31)]
    (finding,) = of_rule(tmp_path, "java-thread-leak", dump(*leaked))
    assert finding.title == '30 thread pools with names like "pool-1-thread-1": pools are created and not closed'
    one_pool = [Thread(f"pool-1-thread-{number}", (*IDLE, *WORKER), number=number) for number in range(1, 31)]
    assert of_rule(tmp_path, "java-thread-leak", dump(*one_pool)) == []


def test_the_finalizer_is_blocked(tmp_path: Path) -> None:
    lines = (
        *blocked("0x1", "com.shop.Log", "com.shop.Handle.finalize(Handle.java:5)"),
        "at java.lang.ref.Finalizer.runFinalizer(Finalizer.java:87)",
    )
    (finding,) = of_rule(
        tmp_path, "java-finalizer-blocked", dump(Thread("Finalizer", lines, "BLOCKED (on object monitor)"))
    )
    assert "Handle.finalize(Handle.java:5)" in finding.detail
    idle = (
        "at java.lang.Object.wait0(Native Method)",
        "- waiting on <0x2> (a java.lang.ref.ReferenceQueue$Lock)",
        "at java.lang.ref.ReferenceQueue.remove(ReferenceQueue.java:158)",
    )
    assert of_rule(tmp_path, "java-finalizer-blocked", dump(Thread("Finalizer", idle))) == []
