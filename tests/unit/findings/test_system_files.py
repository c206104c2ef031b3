"""Files of the system collectors: processes and limits, connections, disks, usage, and changes of a release."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debugcapture.capture.describe import describe, describe_node, event_table, metrics_table
from tests.unit.findings.kube_evidence import (
    alarms,
    by_rule,
    container,
    ended,
    event,
    findings,
    only,
    pod,
    waiting,
)
from tests.unit.hostile import TEXT

NOW = datetime(2026, 11, 30, 12, tzinfo=timezone.utc)
PROCESSES = """== processes: pid, parent, state, threads, resident memory, name
1 0 S 16 {rss} kB shop
26 1 S 7 3076 kB run-tool

== /proc/1/limits
Limit                     Soft Limit           Hard Limit           Units
Max cpu time              unlimited            unlimited            seconds
Max open files            100                  524288               files

== /proc/1/fd
total 0
{descriptors}
== /proc/loadavg
4.02 5.74 6.78 15/1856 195

== /proc/pressure/memory
some avg10=0.00 avg60=0.04 avg300=0.24 total=15180766
full avg10=0.00 avg60=0.00 avg300=0.03 total=2758373
"""


def processes(*sections: tuple[str, str], rss: int = 9000, descriptors: int = 5, rows: str = "") -> str:
    links = "".join(f"lrwx------    1 0 0 64 Nov 30 00:04 {fd} -> socket:[{fd}]\n" for fd in range(descriptors))
    text = PROCESSES.replace("{rss}", str(rss)).replace("{descriptors}", links)
    text = text.replace("\n\n== /proc/1/limits", f"\n{rows}\n== /proc/1/limits")
    return text + "".join(f"\n== /proc/1/root/sys/fs/cgroup/{name}\n{content}\n" for name, content in sections)


def test_a_healthy_container_has_no_finding() -> None:
    sections = (
        ("memory.current", "84066304"),
        ("memory.max", "268435456"),
        ("memory.events", "low 0\nhigh 0\nmax 3\noom 0\noom_kill 0"),
        ("memory.pressure", "some avg10=0.00 avg60=0.50 avg300=0 total=1\nfull avg10=0.00 avg60=0.10 avg300=0 total=1"),
        ("cpu.stat", "usage_usec 660546\nnr_periods 1000\nnr_throttled 0"),
        ("pids.current", "16"),
        ("pids.max", "max"),
    )
    assert not findings(processes(*sections))


@pytest.mark.parametrize(
    ("used", "limit", "stat", "is_near"),
    [
        ("260000000", "268435456", "anon 250000000\ninactive_file 1000", True),
        ("260000000", "268435456", "anon 50000000\ninactive_file 200000000", False),
        ("260000000", "max", "anon 250000000", False),
        ("100000000", "268435456", "anon 90000000", False),
    ],
)
def test_memory_near_its_limit(used: str, limit: str, stat: str, is_near: bool) -> None:
    text = processes(("memory.current", used), ("memory.max", limit), ("memory.stat", stat), rss=240_000)
    shown = by_rule(text, "memory-is-near-its-limit")
    assert bool(shown) == is_near
    if is_near:
        assert "96 %" in shown[0].title
        assert "shop (PID 1)" in shown[0].detail


def test_memory_near_its_limit_in_version_1() -> None:
    text = processes(
        ("memory/memory.usage_in_bytes", "260000000"),
        ("memory/memory.limit_in_bytes", "268435456"),
        ("memory/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2"),
    )
    assert by_rule(text, "memory-is-near-its-limit")
    assert "killed 2 processes" in only(text, "processes-were-killed-for-memory").title
    unlimited = processes(("memory/memory.usage_in_bytes", "260000000"), ("memory/memory.limit_in_bytes", "9" * 19))
    assert not findings(unlimited)


@pytest.mark.parametrize(("throttled", "severity"), [(400, "warning"), (30, "info")])
def test_throttling(throttled: int, severity: str) -> None:
    stat = f"usage_usec 1\nnr_periods 1000\nnr_throttled {throttled}"
    finding = only(processes(("cpu.max", "50000 100000"), ("cpu.stat", stat)), "cpu-is-throttled")
    assert finding.severity == severity
    assert "CPU limit 0.50 cores" in finding.detail


def test_few_periods_say_nothing_about_throttling() -> None:
    assert not findings(processes(("cpu.stat", "nr_periods 20\nnr_throttled 20")))


def test_pressure() -> None:
    high = "some avg10=60.00 avg60=55.00 avg300=9 total=1\nfull avg10=9.00 avg60=30.10 avg300=0 total=1"
    finding = only(processes(("memory.pressure", high)), "tasks-wait-for-resources")
    assert (finding.severity, finding.title) == ("warning", "Tasks of the container wait for memory")
    node = processes().replace("some avg10=0.00 avg60=0.04", "some avg10=0.00 avg60=70.0")
    assert only(node, "tasks-wait-for-resources").severity == "info"


@pytest.mark.parametrize(("count", "severity"), [(99, "critical"), (85, "warning"), (50, "")])
def test_file_descriptors(count: int, severity: str) -> None:
    shown = by_rule(processes(descriptors=count), "file-descriptors-run-out")
    assert [finding.severity for finding in shown] == ([severity] if severity else [])
    assert all(f"{count} open files of 100 allowed" in finding.title for finding in shown)


@pytest.mark.parametrize(("count", "severity"), [("100", "critical"), ("95", "warning"), ("20", "")])
def test_process_ids(count: str, severity: str) -> None:
    shown = by_rule(processes(("pids.current", count), ("pids.max", "100")), "process-ids-run-out")
    assert [finding.severity for finding in shown] == ([severity] if severity else [])


def test_zombies_and_processes_that_wait_for_the_disk() -> None:
    rows = "".join(f"{pid} 1 Z 1 - sh\n" for pid in range(100, 130))
    finding = only(processes(rows=rows), "zombies-accumulate")
    assert (finding.severity, "30 processes" in finding.title) == ("warning", True)
    assert "Parent: shop (PID 1)" in finding.detail
    assert only(processes(rows="100 1 Z 1 - sh\n"), "zombies-accumulate").severity == "info"
    assert "shop-db (PID 7)" in only(processes(rows="7 1 D 4 100 kB shop-db\n"), "processes-wait-for-the-disk").detail


KERNEL = """
== ss -tuanpie
Netid State Recv-Q Send-Q Local Address:Port   Peer Address:PortProcess

== cat /proc/1/net/tcp
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
"""


def kernel(*rows: tuple[int, str, str, str], tail: str = "") -> str:
    """Rows: count, state, address of the peer, received bytes, in the notation of the kernel."""
    lines = [
        f"   {index}: 0F00620A:{40000 + index:04X} {peer} {state} 00000000:{unread} 00:00000000 00000000  1000 0 5"
        for count, state, peer, unread in rows
        for index in range(count)
    ]
    return KERNEL + "\n".join(lines) + "\n" + tail


def test_connections_that_nobody_closes() -> None:
    finding = only(kernel((40, "08", "0500000A:1538", "00000000")), "connections-are-not-closed")
    assert finding.severity == "warning"
    assert finding.title.startswith("40 connections are in CLOSE_WAIT")
    assert "10.0.0.5:5432 (40)" in finding.detail
    assert only(kernel((2, "08", "0500000A:1538", "00000000")), "connections-are-not-closed").severity == "info"


def test_connections_that_get_no_answer() -> None:
    finding = only(kernel((5, "02", "0900000A:01BB", "00000000")), "connections-get-no-answer")
    assert (finding.severity, finding.title) == ("warning", "5 connections get no answer from 10.0.0.9:443 (SYN_SENT)")
    assert not findings(kernel((50, "01", "0900000A:01BB", "00000000"), (3, "06", "0900000A:01BB", "00000000")))


def test_an_address_of_version_6() -> None:
    peer = "0000000000000000FFFF00000500000A:1538"
    assert "10.0.0.5:5432" in only(kernel((40, "08", peer, "00000000")), "connections-are-not-closed").detail
    peer = "B80D0120000000000000000001000000:0050"
    assert "[2001:db8::1]:80" in only(kernel((40, "08", peer, "00000000")), "connections-are-not-closed").detail


def test_a_full_queue_and_data_that_is_not_read() -> None:
    finding = only(kernel((1, "0A", "00000000:0000", "00000081")), "connections-wait-to-be-accepted")
    assert finding.title == "129 connections wait to be accepted at 10.98.0.15:40000"
    finding = only(kernel((1, "01", "0500000A:1538", "00200000")), "data-is-not-read")
    assert "2.0 MiB from 10.0.0.5:5432" in finding.title


def test_counters_of_the_network() -> None:
    tail = "\n== cat /proc/1/net/snmp\nTcp: RtoAlgorithm OutSegs RetransSegs\nTcp: 1 10000 900\n"
    tail += "\n== cat /proc/1/net/netstat\nTcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 0 12 13\n"
    assert only(kernel(tail=tail), "packets-are-lost").title == "9% of the TCP segments were sent again"
    assert "12 connections were dropped" in only(kernel(tail=tail), "connections-wait-to-be-accepted").title


@pytest.mark.parametrize(
    ("header", "row"),
    [
        (
            "State      Recv-Q Send-Q Local Address:Port  Peer Address:Port Process",
            'CLOSE-WAIT 1      0      10.98.0.15:40000    10.0.0.5:5432     users:(("shop",pid=1,fd=7))',
        ),
        (
            "Proto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name",
            "tcp        1      0 10.98.0.15:40000        10.0.0.5:5432           CLOSE_WAIT  1/shop",
        ),
    ],
)
def test_tables_of_ss_and_netstat(header: str, row: str) -> None:
    finding = only("\n".join([header, *[row] * 30]), "connections-are-not-closed")
    assert "10.0.0.5:5432 (30)" in finding.detail


DISK = """== file systems
/proc/1/root/: UNKNOWN, blocks of 4096 bytes: 66053021, free for users: {free}; inodes: 16777216, free: {inodes}
/proc/1/root/data: ext2/ext3, blocks of 4096 bytes: 66053021, free for users: {free}; inodes: 16777216, free: {inodes}
/proc/1/root/media: squashfs, blocks of 4096 bytes: 100, free for users: 0; inodes: 10, free: 0
/proc/1/root/config: tmpfs, blocks of 4096 bytes: 10, free for users: 0; inodes: 0, free: 0

== /proc/1/mounts
overlay / overlay ro,relatime 0 0
tmpfs /config tmpfs ro,relatime 0 0
/dev/vda /data ext4 rw,relatime 0 0

== deleted but open: bytes, descriptor, file
{deleted}
== largest folders, in KiB
64112\t/proc/1/root/
58712\t/proc/1/root/data/logs
"""


def disk(free: int = 11_993_799, inodes: int = 15_708_679, deleted: str = "") -> str:
    return DISK.replace("{free}", str(free)).replace("{inodes}", str(inodes)).replace("{deleted}", deleted)


def test_full_disks() -> None:
    finding = only(disk(free=100), "file-system-is-full")
    assert (finding.severity, "/data is 99 % full" in finding.title) == ("critical", True)
    assert "/data/logs 57.3 MiB" in finding.detail
    assert only(disk(free=2_000_000), "file-system-is-full").severity == "warning"
    assert "0 of 16777216 inodes are free" in only(disk(inodes=0), "file-system-is-full").title
    assert not findings(disk())


def test_deleted_files_that_are_open() -> None:
    rows = "2147483648 /proc/1/fd/7 /data/a.log (deleted)\n2147483648 /proc/1/fd/8 /data/a.log (deleted)\n"
    finding = only(disk(deleted=rows), "deleted-files-take-space")
    assert finding.severity == "warning"
    assert finding.title == "1 deleted file is still open and takes 2048.0 MiB"
    assert only(disk(deleted="10 /proc/1/fd/7 /data/a (deleted)\n"), "deleted-files-take-space").severity == "info"


def test_processes_of_other_containers_are_not_those_of_the_container() -> None:
    title = "== processes of other containers: pid, parent, state, threads, resident memory, name"
    rows = f"\n{title}\n7 1 Z 1 - sh\n8 1 D 1 - sh\n"
    assert not findings(processes(rows=rows))


def usage(memory: str) -> str:
    resources = {"resources": {"limits": {"memory": "256Mi"}}}
    value = pod(container(), spec={"containers": [{"name": "app", **resources}, {"name": "proxy"}]})
    measured = [{"name": "app", "usage": {"cpu": "1", "memory": memory}}, {"name": "proxy", "usage": {"memory": "1Gi"}}]
    return metrics_table({"containers": measured, "timestamp": "T"}, value)


def test_the_usage_of_a_container() -> None:
    assert "uses 97 %" in only(usage("250Mi"), "container-is-near-its-memory-limit").title
    assert not findings(usage("100Mi"))


def summary(value: dict[str, object]) -> str:
    value["metadata"]["uid"] = "11ea7482"  # type: ignore[index]
    return describe(value, NOW)


@pytest.mark.parametrize(
    ("spec", "status", "title", "advice"),
    [
        (
            {"readinessGates": [{"conditionType": "example.com/in-load-balancer"}]},
            {
                "phase": "Running",
                "containerStatuses": [container()],
                "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": "2026-11-30T11:50:00Z"}],
            },
            "is not ready: readiness gate example.com/in-load-balancer is not met for 10 min",
            "Look at the controller that sets this condition",
        ),
        (
            {"initContainers": [{"name": "setup"}]},
            {
                "phase": "Pending",
                "containerStatuses": [container("app", waiting("PodInitializing"), ready=False)],
                "initContainerStatuses": [
                    {"name": "setup", "state": {"running": {"startedAt": "2026-11-30T11:50:00Z"}}}
                ],
            },
            'hangs: container "setup": init container has run for 10 min',
            "Look at the log and the stacks of setup.",
        ),
    ],
    ids=["readiness gate", "init container"],
)
def test_what_a_pod_waits_for(spec: dict[str, Any], status: dict[str, Any], title: str, advice: str) -> None:
    value = pod(container(), spec=spec, status=status)
    finding = only(summary(value), "pod-hangs")
    assert (finding.severity, finding.title) == ("warning", f'Pod "shop-6d4f5b9c7d-x2x4k" {title}')
    assert finding.advice.startswith(advice)
    assert not by_rule(summary(pod(container())), "pod-hangs")


def test_the_summary_of_a_pod() -> None:
    value = pod(
        container("app", waiting("CrashLoopBackOff"), ended(137, "OOMKilled", 9), restarts=4, ready=False),
        container("web", ended(3, message="no DSN"), ready=False),
        ready=False,
        spec={"containers": [{"name": "app", "resources": {"limits": {"memory": "64Mi"}}}, {"name": "web"}]},
    )
    finding = only(summary(value), "container-killed-for-memory")
    assert "memory limit 64Mi" in finding.title
    assert "CrashLoopBackOff, 4 restarts" in finding.detail
    assert "The last run lasted 9 s" in finding.detail
    assert 'Container "web" ended with exit code 3' in only(summary(value), "container-keeps-failing").title
    assert not findings(summary(pod(container(restarts=0))))


def test_the_summary_of_a_node() -> None:
    node = {
        "metadata": {"name": "node-1"},
        "spec": {},
        "status": {"conditions": [{"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown"}]},
    }
    assert "Node node-1 is not ready" in only(describe_node(node), "node-is-unhealthy").title
    node["status"]["conditions"][0]["status"] = "True"  # type: ignore[index]
    assert not findings(describe_node(node))


def test_events_of_a_bundle_know_debug_containers() -> None:
    message = 'Failed to pull image "registry.test/toolbox:1": connection refused'
    about = {"kind": "Pod", "name": "shop-1", "fieldPath": "spec.ephemeralContainers{debug-1}"}
    failed = event("Failed", message, involvedObject=about)
    assert not findings(event_table([failed]))
    about["fieldPath"] = "spec.containers{app}"
    assert only(event_table([failed]), "image-cannot-be-pulled")


RELEASE = """--- revision 1 (shop-6f4f5d48bc)
+++ revision 2 (shop-547cd64cc7)
@@ -3,7 +3,10 @@
     app: shop
 spec:
   containers:
-  - image: registry.test/shop:1
+  - env:
+    - name: RELEASE
+      value: new
+    image: registry.test/shop:{version}
     name: app
"""


def test_what_a_release_changed() -> None:
    finding = only(RELEASE.replace("{version}", "2"), "last-release-changed-the-pods")
    assert finding.severity == "info"
    assert finding.title.endswith("changed the pods: image: registry.test/shop:2")
    assert 'removed "image: registry.test/shop:1"' in finding.detail
    moved = only(RELEASE.replace("{version}", "1"), "last-release-changed-the-pods")
    assert "image" not in moved.title
    assert '"name: RELEASE"' in moved.detail


TEXTS = (processes(("memory.max", "1")), kernel((2, "08", "0500000A:1538", "00000000")), disk(), usage("1Gi"), RELEASE)
PARTS = tuple(dict.fromkeys(line for text in (*TEXTS, summary(pod(container()))) for line in text.splitlines()))


@given(st.sampled_from(TEXTS), st.lists(st.sampled_from(PARTS) | TEXT, max_size=30))
def test_files_of_any_form_break_nothing(text: str, parts: list[str]) -> None:
    head = text.partition("\n")[0]
    findings("\n".join([head, *parts]))
    findings("\n".join([text[: len(text) // 2], *parts]))


def test_healthy_files_have_no_alarm() -> None:
    assert not any(alarms(text) for text in (processes(), kernel(), disk(), usage("1Mi")))
