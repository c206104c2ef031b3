"""Valid evidence for each parser: what the property tests of all parsers change (test_hostile_evidence.py)."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.unit.findings import gc_java8 as java8
from tests.unit.findings.jvm_dumps import VIRTUAL, Thread, blocked, dump, parked, pool
from tests.unit.findings.kube_evidence import container, crashed, ended, event, listed, pod
from tests.unit.findings.packets import SYN, Talk, alert, capture, lookup, tcp
from tests.unit.findings.parsers import test_jvm_thread_json as jvm_thread_json
from tests.unit.findings.parsers.test_goroutines import DUMP, PROFILE
from tests.unit.findings.parsers.test_jvm_thread_dump import JAVA_5, MANAGEMENT, MOUNTED, SERVICEABILITY
from tests.unit.findings.parsers.test_pprof import PROFILE as GO_PROFILE
from tests.unit.findings.parsers.test_profile import speedscope, v8
from tests.unit.findings.parsers.test_python_stacks import FAULT, PY_SPY
from tests.unit.findings.parsers.test_traces import DOTNET, GO, JAVA, NODE, PHP, PYTHON, RUBY
from tests.unit.findings.rules import test_dotnet_heap as dotnet_heap
from tests.unit.findings.rules import test_dotnet_stacks as dotnet_stacks
from tests.unit.findings.rules import test_jvm_gc_log as jvm_gc_log
from tests.unit.findings.rules import test_jvm_heap as jvm_heap
from tests.unit.findings.rules import test_jvm_javacore as jvm_javacore
from tests.unit.findings.rules import test_log as log
from tests.unit.findings.rules import test_native_stacks as native_stacks
from tests.unit.findings.rules import test_node_report as node_report
from tests.unit.findings.rules import test_node_stacks as node_stacks
from tests.unit.findings.rules import test_script_stacks as script_stacks
from tests.unit.findings.rules.dotnet import HEAD as DOTNET_HEAD
from tests.unit.findings.rules.test_jvm_histogram import _histogram as histogram
from tests.unit.findings.rules.test_jvm_hs_err import _log as hs_err
from tests.unit.findings.rules.test_jvm_native_memory import NATIVE_MEMORY
from tests.unit.findings.rules.test_kube_rows import TABLE
from tests.unit.findings.system_files import disk, kernel, processes, summary, usage
from tests.unit.findings.test_across_files import CRASHED, DIFF, SET
from tests.unit.findings.test_across_files import pod as pod_of_set


def _unchanged(content: bytes) -> bytes:
    return content


@dataclass(frozen=True)
class Sample:
    """The content of a file, and how a capture calls the file."""

    content: bytes
    name: str = "evidence"
    collector: str = ""
    pack: Callable[[bytes], bytes] = _unchanged
    """Makes the file of the content, such as by compressing it."""


def _texts(*texts: str, name: str = "evidence", collector: str = "") -> tuple[Sample, ...]:
    return tuple(Sample(text.encode(), name, collector) for text in texts)


def _documents(*values: object) -> tuple[Sample, ...]:
    return _texts(*(json.dumps(value, indent=1) for value in values))


_JVM = dump(
    Thread("cart-1", blocked("0x1", "com.shop.Cart", "com.shop.Cart.add(Cart.java:31)"), "BLOCKED (on object)"),
    Thread("cart-2", parked("0x2", "java.util.concurrent.locks.ReentrantLock", "at com.shop.Order.pay(Order.java:8)")),
    *pool(
        "http-nio-8080-exec-",
        3,
        ("at com.shop.Cart.total(Cart.java:7)", "- locked <0x1> (a com.shop.Cart)"),
        "RUNNABLE",
    ),
)
_TALK = Talk()
_PACKETS = (
    *(*_TALK.opened(), *_TALK.sends(), *_TALK.sends(), *_TALK.answers(alert(40)), *_TALK.closed()),
    *(tcp(_TALK.client, ("10.1.0.5", 443), SYN), *lookup(1, "db.shop.svc", 3), *lookup(2, "db.shop.svc")),
)
_SHELL = "exec shop; if [ -f x ]; then"
_JAVACORE = jvm_javacore.JAVACORE_HEAD.format(
    event=jvm_javacore.USER, deadlock=jvm_javacore.DEADLOCK, blocked="", state="B"
)
_COUNTERS = (
    "# One column for each second\n\n[System.Runtime]\n"
    "cpu-usage                     0.0002   2.0  0.9  CPU Usage (%)\n"
    "threadpool-queue-length          183   161  133  ThreadPool Queue Length\n"
    "threadpool-thread-count            6     6    7  ThreadPool Thread Count\n"
)
_MONITORS = dotnet_stacks.sos("1a", dotnet_stacks.ENTER, "Shop.Cart.Add() [/src/Cart.cs @ 57]")
_INSPECTED = "".join(
    dotnet_stacks.inspected(identity, "worker", dotnet_stacks.SLEEPS, *frames, waits=True)
    for identity, frames in (("1a", dotnet_stacks.FIRST), ("1b", dotnet_stacks.SECOND))
)
_LOG_LINES = (
    log.REFUSED.format(1) + log.GOOD + '{"level":"error","msg":"no ledger","time":"2026-01-02T10:00:00Z"}\n',
    "".join((JAVA, PYTHON, GO, NODE, DOTNET, RUBY, PHP)),
)
_KILLED = pod(container(state=ended(137, "OOMKilled"), last=ended(137, "OOMKilled"), restarts=4))
_SCHEDULING = event("FailedScheduling", "0/1 nodes are available: 1 Insufficient cpu.", count=2)
_PROBE = event("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503", count=9)

SAMPLES: Mapping[str, tuple[Sample, ...]] = {
    "disk_file": _texts(disk(9, deleted="123 7 /tmp/a (deleted)")),
    "dotnet_counters": _texts(DOTNET_HEAD + _COUNTERS),
    "dotnet_heap": _texts(dotnet_heap.GCDUMP, dotnet_heap.heap((9, 5 << 20, "System.Byte[]"), (3, 99, "Shop.Cart"))),
    "dotnet_stacks": _texts(
        _MONITORS + dotnet_stacks.monitors((3, "1a"), (3, "1b")),
        dotnet_stacks.tool("1A", dotnet_stacks.SLEEPS, *dotnet_stacks.FIRST) * 3,
        DOTNET_HEAD + _INSPECTED,
    ),
    "goroutines": _texts(DUMP, PROFILE),
    "jvm_gc_log": _texts(
        jvm_gc_log.START
        + jvm_gc_log.YOUNG.format(at=1, number=1, ms=4)
        + "".join(jvm_gc_log.FULL.format(at=at, number=at, after=63, ms=2) for at in range(2, 9)),
        jvm_gc_log.OLD_FULL.format(at=3) * 4,
        java8.HEAD + java8.log(java8.PARALLEL, 3) + java8.log(java8.SERIAL_FULL, 2),
        java8.log(java8.CMS_FAILED, 2) + java8.log(java8.CMS_CYCLE, 2) + java8.log(java8.CMS_PROMOTION, 2),
        java8.dated(java8.log(java8.G1_MIXED, 2) + java8.log(java8.G1_FULL, 2), with_uptime=False),
    ),
    "jvm_heap": _texts(
        jvm_heap.HEAP_INFO.format(used=1_020_000), jvm_heap.PARALLEL.format(old=699_392), jvm_heap.JMAP.format(used=66)
    ),
    "jvm_histogram": _texts(histogram((5_000_000, 600 << 20, "com.shop.Session"))),
    "jvm_hs_err": _texts(hs_err(), hs_err("V  [libjvm.so+0x9]  os::commit", signal="Out of Memory Error")),
    "jvm_javacore": _texts(_JAVACORE),
    "jvm_native_memory": _texts(NATIVE_MEMORY.format(threads=2300)),
    "jvm_thread_dump": _texts(_JVM, _JVM + _JVM, MOUNTED, MANAGEMENT, JAVA_5, SERVICEABILITY),
    "jvm_thread_file": _texts(VIRTUAL),
    "jvm_thread_json": _documents(jvm_thread_json.FILE, jvm_thread_json.ACTUATOR),
    "kube_last_words": _texts(
        _LOG_LINES[0], "2026-11-30T01:00:00Z ERROR no ledger\n" * 3, name="logs/app.log", collector="pod-snapshot"
    ),
    "kube_objects": _texts(listed(_KILLED, _SCHEDULING, _PROBE), json.dumps([pod_of_set(CRASHED), SET])),
    "kube_summary": _texts(summary(pod(container(state=ended(1), restarts=3)))),
    "kube_text": _texts(crashed(1, script=_SHELL), TABLE),
    "log": _texts(*_LOG_LINES),
    "metrics_file": _texts(usage("250Mi")),
    "native_stacks": _texts(
        native_stacks.CORE, native_stacks.waits(17, "a", "f") + native_stacks.waits(18, "b", "g") + "__owner = 17\n"
    ),
    "network_file": _texts(kernel((40, "08", "0500000A:1538", "00000000"), (3, "02", "0500000A:0035", "00000009"))),
    "node_report": _documents(node_report.report(*node_report.FULL), node_report.report()),
    "node_stacks": _texts(
        node_stacks.text(node_stacks.RUNS + node_stacks.SYNC + node_stacks.OWN, "9000 TCPSocketWrap")
    ),
    "pcap": tuple(Sample(capture(*_PACKETS, link=link)) for link in (1, 101, 113, 276)),
    "pprof": (Sample(GO_PROFILE, pack=gzip.compress), Sample(gzip.compress(GO_PROFILE))),
    "process_file": _texts(processes(("memory.max", "9000"), ("memory.current", "8999"), ("pids.max", "12"))),
    "profile": _documents(speedscope(), v8()),
    "python_stacks": _texts(PY_SPY, FAULT),
    "release_diff": _texts(DIFF),
    "script_stacks": _texts(script_stacks.RUBY, script_stacks.PHP, script_stacks.SLOW * 3),
}
"""By the module of the parser. A new parser adds its own."""
