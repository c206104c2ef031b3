"""impact.py: the effects of a dump on its target, and how often a dump may be taken."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from debugcapture.collectors.impact import (
    Budget,
    Space,
    is_tmp_in_memory,
    lacks_memory,
    memory_budget,
    pod_disk_space,
    probe_budget_s,
    tmp_space,
    too_heavy,
    too_soon,
)
from debugcapture.collectors.processes import MemoryUse
from debugcapture.model import Json, Process, Tool, User
from tests.unit.builders import collector, container, pod

NOON = datetime(2026, 1, 2, 12, tzinfo=timezone.utc)
DUMP = collector(
    invasive="heavy", in_image=(), from_debug=(Tool(("jattach", "{pid}"), output="/proc/{pid}/root/tmp/x"),)
)
SNAPSHOT = collector(
    invasive="heavy", copies_heap=True, in_image=(), from_debug=(Tool(("node-inspect",), output="/tmp/x"),)
)
DISK = "disk that the container may use"
ROOMY = Budget(memory_limit_bytes=4 << 30, memory_left_bytes=2 << 30)
SMALL = Space(500 << 20, "volume at /tmp (sizeLimit)")
GIB = [Process(1, User(1, 1), "java", 1 << 30, ())]


@pytest.mark.parametrize(
    ("budget", "reason"),
    [
        (Budget(), ""),
        (Budget(probe_s=60, disk=Space(2 << 30, DISK)), ""),
        (
            Budget(probe_s=10),
            "1,024 MiB of memory would stop the process for about 12 s, but the liveness probe restarts the",
        ),
        (Budget(disk=Space(500 << 20, DISK)), "does not fit into the 500 MiB of disk that the container may use, and"),
        (Budget(disk=SMALL), "1,024 MiB of memory does not fit into the 500 MiB of volume at /tmp (sizeLimit)"),
        (Budget(memory_limit_bytes=2 << 30, memory_left_bytes=900 << 20), ""),
        (
            Budget(memory_limit_bytes=2 << 30, memory_left_bytes=900 << 20, tmp_in_memory=True),
            "a dump of 1,024 MiB in /tmp, which is in memory, counts as memory of the container, but only 900 MiB of "
            "memory are left below the limit of 2,048 MiB, and the container would be killed",
        ),
        (Budget(tmp_in_memory=True), ""),
    ],
    ids=["no limits", "enough", "probe", "disk", "volume", "memory", "volume in memory", "no limit of memory"],
)
def test_a_dump_is_compared_with_the_limits_of_the_target(budget: Budget, reason: str) -> None:
    refusal = too_heavy(DUMP, GIB, budget, writes_in_target=True)
    assert (reason in refusal) if reason else refusal == ""


def test_dump_of_dotnet_contains_memory_that_is_not_resident() -> None:
    process = Process(1, User(1, 1), "dotnet", 172 << 20, (), private_bytes=262 << 20)
    dump = collector(invasive="heavy", in_image=(), from_debug=(Tool(("dotnet-inspect",), fills_target=True),))
    assert dump.from_debug[0].writes_in_target
    reason = too_heavy(
        dump, [process], Budget(disk=Space(300 << 20, "volume at /tmp (sizeLimit)")), writes_in_target=True
    )
    assert "a dump of 342 MiB of memory does not fit into the 300 MiB of volume at /tmp (sizeLimit)" in reason
    assert too_heavy(dump, [process], Budget(disk=Space(350 << 20, DISK)), writes_in_target=True) == ""


def test_the_impact_of_light_collectors_is_not_estimated() -> None:
    assert too_heavy(collector(), GIB, Budget(probe_s=0, disk=Space(0, DISK)), writes_in_target=True) == ""


@pytest.mark.parametrize(
    ("probe", "seconds"),
    [
        (None, None),
        ({}, None),
        ({"periodSeconds": 10, "failureThreshold": 3, "timeoutSeconds": 5}, 25.0),
        ({"httpGet": {}}, 21.0),
    ],
)
def test_liveness_probe_gives_the_time_that_a_pause_may_take(probe: Json | None, seconds: float | None) -> None:
    assert probe_budget_s(container(livenessProbe=probe)) == seconds


def test_a_snapshot_that_doubles_the_memory_is_compared_with_the_limit() -> None:
    budget = Budget(memory_limit_bytes=1200 << 20, memory_left_bytes=150 << 20)
    assert too_heavy(SNAPSHOT, GIB, budget, writes_in_target=False) == (
        "too heavy: the process may need 1,024 MiB of additional memory, but only 150 MiB of memory are left below the "
        "limit of 1,200 MiB, and the container would be killed (to dump anyway, set force)"
    )
    assert too_heavy(SNAPSHOT, GIB, ROOMY, writes_in_target=False) == ""
    assert too_heavy(DUMP, GIB, budget, writes_in_target=True) == ""


def test_a_dump_that_the_debug_container_writes_needs_no_disk_of_the_target() -> None:
    budget = Budget(disk=Space(0, DISK))
    assert too_heavy(SNAPSHOT, GIB, budget, writes_in_target=False) == ""
    assert "does not fit" in too_heavy(DUMP, GIB, budget, writes_in_target=True)
    assert "does not fit" in too_heavy(SNAPSHOT, GIB, budget, writes_in_target=True)


JCMD = Tool(("jcmd",), memory_mib=32)


@pytest.mark.parametrize(
    ("tool", "left_mib", "reason"),
    [
        (JCMD, 12, "only 12 MiB of memory are left below the limit of 128 MiB, and jcmd needs about 32 MiB"),
        (JCMD, 32, ""),
        (JCMD, None, ""),
        (Tool(("cat",)), 0, ""),
    ],
    ids=["too little", "enough", "unknown", "needs none"],
)
def test_a_tool_that_needs_memory_of_the_target_is_compared_with_its_limit(
    tool: Tool, left_mib: int | None, reason: str
) -> None:
    left_bytes = None if left_mib is None else left_mib << 20
    assert lacks_memory(tool, Budget(memory_limit_bytes=128 << 20, memory_left_bytes=left_bytes)) == reason


def tmp(*volumes: Json, path: str = "/tmp") -> tuple[Json, Json]:
    """A pod with ``volumes``, and its container, which mounts the first at ``path``."""
    mounted = container(volumeMounts=[{"name": "t", "mountPath": path}])
    return pod(spec={"containers": [mounted], "volumes": [{"name": "t", **volume} for volume in volumes]}), mounted


@pytest.mark.parametrize(
    ("limits", "limit_mib", "in_memory"),
    [
        (tmp({"emptyDir": {"sizeLimit": "16Mi"}}), 16, False),
        (tmp({"emptyDir": {"medium": "Memory"}}, path="/tmp/"), None, True),
        (tmp({"emptyDir": {"sizeLimit": "16Mi", "medium": "Memory"}}), 16, True),
        (tmp({"emptyDir": {"sizeLimit": "16Mi", "medium": "Memory"}}, path="/data"), None, False),
        (tmp({"emptyDir": None}), None, False),
        (tmp({"persistentVolumeClaim": {"claimName": "x"}}), None, False),
        ((pod(), container()), None, False),
    ],
    ids=["small", "in memory", "both", "elsewhere", "empty", "a claim", "no volume"],
)
def test_limits_of_the_volume_at_tmp_apply(limits: tuple[Json, Json], limit_mib: int | None, in_memory: bool) -> None:
    space = tmp_space(*limits)
    assert (space.bytes >> 20 if space else None) == limit_mib
    assert is_tmp_in_memory(*limits) is in_memory


def test_the_limit_of_ephemeral_storage_applies_to_every_file_of_the_pod() -> None:
    limited = container(resources={"limits": {"ephemeral-storage": "500Mi"}})
    budget = Budget(pod_disk=pod_disk_space(limited))
    assert pod_disk_space(container()) is None
    for writes_in_target in (True, False):
        reason = too_heavy(SNAPSHOT, GIB, budget, writes_in_target=writes_in_target)
        assert "does not fit into the 500 MiB of disk that the container may use" in reason


LIMITED = container(resources={"limits": {"memory": "128Mi"}})


@pytest.mark.parametrize(
    ("of", "memory", "limit_mib", "left_mib"),
    [
        (LIMITED, MemoryUse(256 << 20, 100 << 20), 128, 28),
        (LIMITED, MemoryUse(64 << 20, 100 << 20), 64, 0),
        (LIMITED, MemoryUse(None, 100 << 20), 128, 28),
        (LIMITED, None, 128, None),
        (container(), MemoryUse(None, 100 << 20), None, None),
    ],
    ids=["spec", "group", "no limit of the group", "unknown use", "no limit"],
)
def test_memory_is_left_up_to_the_lowest_limit(
    of: Json, memory: MemoryUse | None, limit_mib: int | None, left_mib: int | None
) -> None:
    def to_bytes(mib: int | None) -> int | None:
        return None if mib is None else mib << 20

    expected = Budget(memory_limit_bytes=to_bytes(limit_mib), memory_left_bytes=to_bytes(left_mib))
    assert memory_budget(of, memory) == expected


def ago(*seconds: int) -> list[datetime]:
    return [NOON - timedelta(seconds=second) for second in seconds]


@pytest.mark.parametrize(
    ("dumped", "reason"),
    [
        ([], ""),
        (ago(700), ""),
        (ago(90_000, 599), "heavy collectors ran on its workload 599 s ago; the cooldown is 600 s"),
        (ago(3600, 7200, 10_800), "heavy collectors ran on its workload 3 times in the last 24 hours; the limit is 3"),
        (ago(3600, 7200, 90_000), ""),
    ],
    ids=["never", "long ago", "just now", "too often", "not today"],
)
def test_a_flapping_alert_does_not_cause_repeated_dumps(dumped: list[datetime], reason: str) -> None:
    assert too_soon(dumped, NOON, 600, 3) == reason
