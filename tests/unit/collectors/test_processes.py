"""processes.py: the list of processes, and those that a collector applies to."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from debugcapture.collectors.catalog import catalog
from debugcapture.collectors.processes import (
    MAX_PROCESSES,
    MemoryUse,
    listing_command,
    matching,
    owner_of_unreadable,
    parse,
)
from debugcapture.kube.ephemeral_container import DebugContainer, container_spec
from debugcapture.kube.scripts import script
from debugcapture.model import Detect, Process, User
from tests.unit.builders import collector, written
from tests.unit.fakes import JAVA

STATUS = "Name:\t{name}\nState:\tS\nUid:\t1000\t0\t0\t0\nGid:\t2000\t0\t0\t0\nVmRSS:\t  64 kB\nThreads:\t1\n"
MAPS = "00-01 r-xp 0 08:01 2  /opt/java/bin/java\n00-02 r-xp 0 08:01 2  /opt/java/bin/java\n00-03 rw-p 0 0:0 0 [heap]\n"
LIBRARY = "7f00-7f01 r-xp 0 08:01 1  /usr/lib/server/libjvm.so\n"
ID = "abc123"


def listed(folder: Path) -> str:
    """The output of the listing, on a /proc of files."""
    listing = script("processes")
    moved = listing.replace("/proc/", f"{folder}/").replace(" /sys/", f" {folder}/sys/")
    assert moved != listing
    argv = ["sh", "-c", moved, "debug-capture", ID]
    process = subprocess.run(argv, capture_output=True, text=True, check=True)
    assert process.stderr == ""
    return process.stdout.replace(str(folder), "/proc")


def process(folder: Path, pid: int, name: str, maps: str = MAPS, cgroup: str = "0::/\n") -> None:
    written(folder, f"{pid}/status", STATUS.format(name=name))
    written(folder, f"{pid}/maps", maps)
    written(folder, f"{pid}/cgroup", cgroup)


def test_processes_of_the_container_are_distinguished_from_others(tmp_path: Path) -> None:
    process(tmp_path, 1, "pause")
    process(tmp_path, 12, "java", MAPS + LIBRARY + LIBRARY, f"5:cpu:/x\n1:memory:/kubepods/{ID}\n")
    (tmp_path / "13").mkdir()  # it has ended in the meantime
    (java,) = parse(listed(tmp_path)).processes
    assert java == Process(12, User(1000, 2000), "java", 64 * 1024, ("/opt/java/bin/java", "/usr/lib/server/libjvm.so"))


OTHER = "9f8e7d"
# Files /proc/PID/cgroup as containers see them: the target's own process, and others.
VIEWS = {
    "version 2, containerd with systemd": ("0::/\n", f"0::/../cri-containerd-{OTHER}.scope\n"),
    "version 2, CRI-O": ("0::/\n", f"0::/../crio-{OTHER}.scope\n"),
    "version 2, cgroupfs driver": ("0::/\n", f"0::/../{OTHER}\n"),
    "version 2, another pod": ("0::/\n", f"0::/../../podffff/{OTHER}\n"),
    "version 2, the node": ("0::/\n", "0::/../../../../init.scope\n"),
    "version 2, systemd in the container": ("0::/init.scope\n", f"0::/../{OTHER}\n"),
    "version 2, the parent of the container": ("0::/\n", "0::/..\n"),
    "version 2, privileged": (f"0::/kubepods.slice/cri-containerd-{ID}.scope\n", "0::/system.slice/kubelet.service\n"),
    "version 1": (f"5:cpu:/kubepods/podx/{ID}\n0::/\n", f"5:cpu:/kubepods/podx/{OTHER}\n0::/\n"),
    "version 1 in its own namespace": ("5:cpu,cpuacct:/\n", f"5:cpu,cpuacct:/../{OTHER}\n"),
}


@pytest.mark.parametrize(("own", "other"), VIEWS.values(), ids=VIEWS)
def test_of_shared_processes_only_those_of_the_container_count(own: str, other: str, tmp_path: Path) -> None:
    process(tmp_path, 1, "pause", cgroup=other)
    process(tmp_path, 12, "java", MAPS + LIBRARY, own)
    process(tmp_path, 13, "java", MAPS + LIBRARY, other)
    listing = parse(listed(tmp_path), shares_processes=True)
    assert [process.pid for process in listing.processes] == [12]
    assert not listing.ambiguous


@pytest.mark.parametrize("cgroup", ["0::/\n", "", "7:pids:/\n"], ids=["version 2", "no groups", "the same for all"])
def test_shared_processes_that_cannot_be_distinguished_are_refused(cgroup: str, tmp_path: Path) -> None:
    process(tmp_path, 1, "pause", cgroup=cgroup)
    process(tmp_path, 12, "java", MAPS + LIBRARY, cgroup)
    listing = parse(listed(tmp_path), shares_processes=True)
    assert (listing.processes, listing.ambiguous) == ((), True)
    probe = parse(listed(tmp_path), from_debug=True, shares_processes=True)
    assert (probe.processes, probe.ambiguous) == ((), True)


def test_a_shell_outside_the_group_of_the_container_does_not_show_its_processes() -> None:
    listing = parse("S 9\nP 1 0 0 5 app\nF\nP 9 0 0 5 sh\nF\nP 12 0 0 5 x\n", shares_processes=True)
    assert (listing.processes, listing.ambiguous) == ((), True)


def test_processes_of_debug_containers_of_other_captures_are_not_the_targets(tmp_path: Path) -> None:
    process(tmp_path, 1, "java", MAPS + LIBRARY)
    process(tmp_path, 40, "run-tool", cgroup=f"0::/../cri-containerd-{OTHER}.scope\n")
    assert [process.pid for process in parse(listed(tmp_path)).processes] == [1]


def test_a_debug_container_sees_the_target_by_its_id(tmp_path: Path) -> None:
    process(tmp_path, 1, "pause", cgroup=f"0::/../cri-containerd-{OTHER}.scope\n")
    process(tmp_path, 12, "java", MAPS + LIBRARY, f"0::/../cri-containerd-{ID}.scope\n")
    process(tmp_path, 40, "run-tool", cgroup="0::/\n")
    listing = parse(listed(tmp_path), from_debug=True, shares_processes=True)
    assert [(process.pid, process.files[-1]) for process in listing.processes] == [(12, "/usr/lib/server/libjvm.so")]


def test_a_debug_container_that_does_not_know_the_id_takes_the_processes_of_the_other_group() -> None:
    output = "S 9\nP 1 0 0 5 java\nF\nM /opt/java\nP 7 0 0 5 run-tool\nP 9 0 0 5 sh\n"
    (process,) = parse(output, from_debug=True).processes
    assert (process.pid, process.files) == (1, ("/opt/java",))


def test_files_of_foreign_processes_are_not_read(tmp_path: Path) -> None:
    process(tmp_path, 1, "java", MAPS + LIBRARY, "0::/../../system.slice\n")
    assert "M " not in listed(tmp_path)


def test_without_markers_all_processes_except_the_shell_belong_to_the_container(tmp_path: Path) -> None:
    process(tmp_path, 1, "java")
    process(tmp_path, 2, "worker process")
    probe = parse(listed(tmp_path).replace("P 2 ", "P 2 "))
    assert [(process.pid, process.name) for process in probe.processes] == [(1, "java"), (2, "worker")]
    assert probe.shared


def test_a_debug_containers_own_first_process_means_that_none_is_shared(tmp_path: Path) -> None:
    debug = DebugContainer("toolbox:1", "restricted", None, 90, "app")
    command: list[str] = container_spec("debug-capture-1a2b3c", debug, "t")["command"]
    process(tmp_path, 1, "run-tool")
    written(tmp_path, "1/cmdline", "".join(f"{word}\0" for word in command))
    probe = parse(listed(tmp_path))
    assert (probe.processes, probe.shared) == ((), False)


@pytest.mark.parametrize("separator", ["\\012", "\u2028", "\\\\n"])
def test_the_name_of_a_mapped_file_adds_no_line(tmp_path: Path, separator: str) -> None:
    """The kernel shows a line break in the name as \\012. The echo of some shells would print it as a line break."""
    forged = separator.join(("00-01 r-xp 0 08:01 2  /data/x", "P 31337 0 0 999999 forged", "T", "M /libjvm.so"))
    process(tmp_path, 12, "app", f"{forged}\n")
    (java,) = parse(listed(tmp_path)).processes
    assert (java.pid, len(java.files)) == (12, 1)
    process(tmp_path, 13, "worker")
    assert [process.pid for process in parse(listed(tmp_path)).processes] == [12, 13]


def group(folder: Path, **files: str) -> None:
    for name, text in files.items():
        written(folder, name.replace("__", "."), text)


V2 = {
    "memory__max": "134217728\n",
    "memory__current": "100000000\n",
    "memory__stat": "anon 5\ninactive_file 40000000\n",
}
V1 = {
    "memory/memory__limit_in_bytes": "134217728\n",
    "memory/memory__usage_in_bytes": "100000000\n",
    "memory/memory__stat": "inactive_file 5\ntotal_inactive_file 40000000\n",
}
USE = MemoryUse(134217728, 60_000_000)


@pytest.mark.parametrize(
    ("files", "use"),
    [
        (V2, USE),
        (V1, USE),
        (V2 | {"memory__max": "max\n"}, MemoryUse(None, 60_000_000)),
        (V1 | {"memory/memory__limit_in_bytes": "9223372036854771712\n"}, MemoryUse(None, 60_000_000)),
        ({"memory__current": "7\n"}, MemoryUse(None, 7)),
        ({"cpu__max": "max\n"}, None),
    ],
    ids=["version 2", "version 1", "no limit", "no limit of version 1", "use only", "the root"],
)
def test_the_listing_has_the_memory_of_the_container(
    files: dict[str, str], use: MemoryUse | None, tmp_path: Path
) -> None:
    process(tmp_path, 7, "java", cgroup=f"0::/../{ID}\n")
    group(tmp_path / "sys/fs/cgroup", **files)
    group(tmp_path / "7/root/sys/fs/cgroup", **V1, memory__current="1")
    assert parse(listed(tmp_path)).memory == use
    (tmp_path / "sys").rename(tmp_path / "elsewhere")
    group(tmp_path / "7/root/sys/fs/cgroup", memory__current="100000000\n")
    assert parse(listed(tmp_path), from_debug=True).memory == USE


def test_only_the_targets_group_counts_for_a_debug_container() -> None:
    output = "G self 1 2 0\nS 9\nP 3 0 0 5 x\nG 3 9 9 0\nP 7 0 0 5 java\nT\nG 7 10 8 1\nP 8 0 0 5 y\nT\nG 8 5 5 5\n"
    assert parse(output, from_debug=True).memory == MemoryUse(10, 7)
    assert parse(output).memory == MemoryUse(1, 2)


@pytest.mark.parametrize(
    ("file", "text", "maps", "accepts"),
    [
        ("cmdline", "java\0-XX:+DisableAttachMechanism\0-jar\0x.jar\0", LIBRARY, False),
        ("environ", "A=1\0JAVA_TOOL_OPTIONS=-Xmx1g -XX:+DisableAttachMechanism\0", LIBRARY, False),
        ("environ", "A=two\nlines\0JAVA_TOOL_OPTIONS=-XX:+DisableAttachMechanism\0", LIBRARY, False),
        ("cmdline", "java\0-XX:-DisableAttachMechanism\0", LIBRARY, True),
        ("cmdline", "grep\0-XX:+DisableAttachMechanism\0", "", True),
        ("status2", "", LIBRARY, True),
    ],
    ids=["option", "variable", "variable of two lines", "turned on", "no JVM", "no options"],
)
def test_a_jvm_whose_options_turn_attach_off_is_known(
    file: str, text: str, maps: str, accepts: bool, tmp_path: Path
) -> None:
    process(tmp_path, 7, "java", MAPS + maps)
    written(tmp_path, f"7/{file}", text)
    (java,) = parse(listed(tmp_path)).processes
    assert java.accepts_attach is accepts
    assert "Xmx1g" not in listed(tmp_path)


@pytest.mark.parametrize(
    ("maps", "private_bytes"),
    [
        ("7f0-7f1 r-xp 0 8:1 5 /usr/share/dotnet/shared/Microsoft.NETCore.App/8.0.4/libcoreclr.so\n", 268_000 * 1024),
        ("7f0-7f1 rw-s 0 0:1 5 /memfd:doublemapper (deleted)\n", 268_000 * 1024),
        (LIBRARY, 0),
    ],
    ids=["runtime", "single-file application", "JVM"],
)
def test_private_memory_of_a_dotnet_process_is_known(maps: str, private_bytes: int, tmp_path: Path) -> None:
    process(tmp_path, 7, "dotnet", MAPS + maps)
    with (tmp_path / "7" / "status").open("a") as status:
        status.write("RssAnon:\t 142672 kB\nVmData:\t 268000 kB\nVmStk:\t 132 kB\n")
    (service,) = parse(listed(tmp_path)).processes
    assert service.private_bytes == private_bytes


@pytest.mark.parametrize("maps", ["/usr/share/dotnet/x/libcoreclr.so", "/memfd:doublemapper (deleted)"])
def test_single_file_applications_are_dotnet_too(maps: str) -> None:
    collectors = catalog()
    application = Process(7, User(1, 1), "shop", 1, ("/app/shop", maps))
    other = Process(8, User(1, 1), "shop", 1, ("/app/shop", "/memfd:other (deleted)", "/tmp/memfd:doublemapper"))
    assert matching(collectors["dotnet-stacks"], [application, other]) == [application]


def test_the_real_proc_has_this_process() -> None:
    completed = subprocess.run(listing_command(""), capture_output=True, text=True, check=True)
    names = {process.name for process in parse(completed.stdout).processes}
    assert any(name.startswith(("python", "pytest")) for name in names)


def test_the_listing_says_which_programs_there_are_and_runs_none(tmp_path: Path) -> None:
    runs = written(tmp_path, "bin/leaves-a-mark", f"#!/bin/sh\ntouch {tmp_path}/mark\n")
    runs.chmod(0o755)
    argv = listing_command("", ("leaves-a-mark", "cat", "no-such-program"))
    environment = os.environ | {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
    process = subprocess.run(argv, capture_output=True, text=True, check=True, env=environment)
    assert parse(process.stdout).programs == {"leaves-a-mark", "cat"}
    assert not (tmp_path / "mark").exists()


def test_a_process_cannot_claim_a_program() -> None:
    listing = parse("HAS cat\nS 9\nP 1 0 0 0 x\nHAS gdb\n")
    assert listing.programs == {"cat"}


@pytest.mark.parametrize("output", ["", "nonsense", "P x y z", "S 1\nM /a\n", "T\n"])
def test_what_is_not_a_listing_has_no_processes(output: str) -> None:
    assert parse(output).processes == ()


ONE = parse(JAVA).processes[0]


@pytest.mark.parametrize(
    ("detect", "matches"),
    [
        (Detect("maps", r"/libjvm\.so"), True),
        (Detect("exe", "java$"), True),
        (Detect("exe", "libjvm"), False),
        (Detect("comm", "^java$"), True),
        (Detect("comm", "^jav$"), False),
        (None, True),
    ],
)
def test_the_kind_of_a_process_follows_from_its_maps_its_program_or_its_name(
    detect: Detect | None, matches: bool
) -> None:
    assert bool(matching(collector(detect=detect), [ONE])) is matches


def test_a_service_with_hundreds_of_workers_is_not_captured_hundreds_of_times() -> None:
    many = [Process(pid, ONE.user, "java", 1, ONE.files) for pid in range(500, 0, -1)]
    matches = matching(collector(), many)
    assert [process.pid for process in matches] == list(range(1, MAX_PROCESSES + 1))


def test_processes_without_visible_maps_show_their_user() -> None:
    hidden = Process(5, User(7, 8), "java", 0, ())
    assert owner_of_unreadable([hidden, Process(9, User(1, 1), "x", 0, ())]) == User(7, 8)
    assert owner_of_unreadable([hidden, ONE]) is None
    assert owner_of_unreadable([]) is None


def test_a_tool_of_another_capture_is_not_a_target() -> None:
    jcmd = replace(ONE, pid=99, name="jcmd")
    assert matching(collector(), [ONE, jcmd]) == [ONE]


@pytest.mark.parametrize(
    "lie", ["S abc\n", f"S {'9' * 5000}\n", f"P {'9' * 5000} 0 0 0 x\n", "P ٣ 0 0 0 x\n", "P 1 0 0 0\nT\n", "OWN?\n"]
)
def test_a_false_listing_only_affects_its_own_process(lie: str) -> None:
    (process,) = parse(f"{lie}P 7 0 0 4 app\n").processes
    assert (process.pid, process.name) == (7, "app")


@pytest.mark.parametrize(
    ("name", "collector_id"),
    [
        ("python3", "python-stacks"),
        ("python3.11", "python-stacks"),
        ("java", "jvm-thread-dump"),
        ("node", "node-stacks"),
        ("ruby", "ruby-stacks"),
        ("php-fpm8.2", "php-stacks"),
        ("dotnet", "dotnet-stacks"),
    ],
)
def test_a_process_whose_files_cannot_be_read_is_recognized_by_its_name(name: str, collector_id: str) -> None:
    entry = catalog()[collector_id]
    hidden = Process(7, User(0, 0), name, 1 << 20, ())
    assert matching(entry, [hidden]) == [hidden]
    assert matching(entry, [replace(hidden, rss_bytes=0)]) == []
    assert matching(entry, [replace(hidden, name="sleep")]) == []


def test_a_process_that_can_be_read_comes_before_those_that_cannot() -> None:
    entry = catalog()["python-stacks"]
    master = Process(7, User(0, 0), "python3", 1 << 20, ())
    worker = Process(8, User(1000, 1000), "python3", 1 << 20, ("/usr/bin/python3",))
    assert matching(entry, [master, worker]) == [worker]
