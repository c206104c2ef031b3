"""plan.py: how a collector reaches its evidence."""

from __future__ import annotations

from dataclasses import replace

import pytest

from debugcapture.actions import Action, ReadApi, RunInDebugContainer, RunInTarget, Skip
from debugcapture.collectors.catalog import catalog, files_collector
from debugcapture.collectors.impact import Budget, Space
from debugcapture.collectors.plan import (
    CapturePolicy,
    ProbeResult,
    decide,
    in_order,
    is_denied,
    is_refused,
    programs_of,
)
from debugcapture.model import Collector, ContainerState, Process, Target, Tool, User
from tests.unit.builders import collector, target

ALLOWED = CapturePolicy("restricted", debug_image=True)
JAVA = Process(7, User(1000, 1000), "java", 300 << 20, ("/opt/java/bin/java", "/opt/java/lib/server/libjvm.so"))
SHELL = Process(9, User(1000, 1000), "sh", 1 << 20, ("/bin/sh",))
WAITS = ContainerState("waiting", "CrashLoopBackOff", restarts=3)
HAS_JCMD = ProbeResult((JAVA, SHELL), {("jcmd", "-h")})
BARE = ProbeResult((JAVA,), ())
HEAVY = collector(id="heap", invasive="heavy", from_debug=(Tool(("jattach", "{pid}"), output="/tmp/x"),), in_image=())


def decided(
    candidate: Collector, result: ProbeResult = BARE, policy: CapturePolicy = ALLOWED, of: Target | None = None
) -> Action:
    return decide(of or target(), candidate, result, policy, Budget())


def test_api_is_read_even_from_a_container_that_does_not_run() -> None:
    assert isinstance(decided(collector(reads_api="logs"), of=target(state=WAITS)), ReadApi)


def test_container_that_does_not_run_is_skipped_with_its_state() -> None:
    action = decided(collector(), HAS_JCMD, of=target(state=WAITS))
    assert action == Skip(collector(), "container app is not running: waiting (CrashLoopBackOff), 3 restarts")


def test_image_that_has_the_tool_uses_it_on_the_process_of_its_kind() -> None:
    threads = collector()
    assert decided(threads, HAS_JCMD) == RunInTarget(threads, threads.in_image[0], (7,), "by exec: the image has jcmd")


def test_a_process_of_another_kind_does_not_match() -> None:
    action = decided(collector(), ProbeResult((SHELL,), ()))
    assert action == Skip(collector(), "there is no Java process in container app", foreign=True)


def test_collector_for_any_process_takes_the_first() -> None:
    threads = collector(detect=None)
    action = decided(threads, ProbeResult((SHELL, JAVA), ()))
    assert isinstance(action, RunInDebugContainer)
    assert action.pids == (7,)


def test_each_process_of_the_kind_is_taken_but_a_dump_is_of_the_largest() -> None:
    both = ProbeResult((JAVA, replace(JAVA, pid=3, rss_bytes=1)), ())
    light, heavy = decided(collector(), both), decided(HEAVY, both)
    assert isinstance(light, RunInDebugContainer)
    assert isinstance(heavy, RunInDebugContainer)
    assert (light.pids, heavy.pids) == ((3, 7), (7,))


def test_image_without_tools_gets_a_debug_container() -> None:
    threads = collector()
    assert decided(threads) == RunInDebugContainer(threads, (7,), "from a debug container: the image has no jcmd")


@pytest.mark.parametrize(
    ("candidate", "policy", "reason"),
    [
        (collector(from_debug=()), ALLOWED, "the image has no jcmd, and neither has the debug image"),
        (collector(), replace(ALLOWED, debug_image=False), "the image has no jcmd, and no debug image is set"),
        (
            collector(needs=("NET_RAW",)),
            ALLOWED,
            "it needs NET_RAW, which the security profile restricted does not grant",
        ),
        (HEAVY, replace(ALLOWED, no_heavy="not today"), "not today"),
    ],
    ids=["no tool", "no image", "no right", "too soon"],
)
def test_what_cannot_or_may_not_be_collected_is_skipped_with_its_reason(
    candidate: Collector, policy: CapturePolicy, reason: str
) -> None:
    assert decided(candidate, policy=policy) == Skip(candidate, reason)


def test_a_dump_that_could_kill_the_container_is_refused_unless_the_job_forces_it() -> None:
    tight = Budget(probe_s=2)
    refused = decide(target(), HEAVY, BARE, ALLOWED, tight)
    assert isinstance(refused, Skip)
    assert "300 MiB of memory would stop the process for about 4 s" in refused.reason
    assert isinstance(decide(target(), HEAVY, BARE, replace(ALLOWED, force=True), tight), RunInDebugContainer)


LITTLE = Budget(memory_limit_bytes=128 << 20, memory_left_bytes=12 << 20)
JCMD = Tool(("jcmd", "{pid}"), ("jcmd", "-h"), memory_mib=32)


def test_a_container_near_its_memory_limit_is_not_burdened_with_a_tool() -> None:
    threads = collector(in_image=(JCMD,))
    reason = "only 12 MiB of memory are left below the limit of 128 MiB, and jcmd needs about 32 MiB"
    assert decide(target(), threads, HAS_JCMD, ALLOWED, LITTLE) == RunInDebugContainer(
        threads, (7,), f"from a debug container: {reason}"
    )
    without = replace(ALLOWED, debug_image=False)
    assert decide(target(), threads, HAS_JCMD, without, LITTLE) == Skip(
        threads, f"{reason}, so that the container could be killed (to run it anyway, set force)"
    )
    forced = decide(target(), threads, HAS_JCMD, replace(without, force=True), LITTLE)
    assert isinstance(forced, RunInTarget)


INSIDE = Tool(("jattach", "{pid}"), output="/proc/{pid}/root/tmp/x")
OUTSIDE = Tool(("jattach", "{pid}", "pipe"), output="/tmp/x", suffix=".gz")
NO_ROOM = Budget(disk=Space(16 << 20, "volume at /tmp (sizeLimit)"))


def test_a_dump_without_room_in_the_target_goes_to_the_debug_container() -> None:
    dump = collector(invasive="heavy", in_image=(replace(JCMD, output="/tmp/x"),), from_debug=(INSIDE, OUTSIDE))
    action = decide(target(), dump, HAS_JCMD, ALLOWED, NO_ROOM)
    reason = "from a debug container, which receives the dump: the target has no room for it"
    assert action == RunInDebugContainer(replace(dump, from_debug=(OUTSIDE,)), (7,), reason)
    assert isinstance(decide(target(), dump, BARE, ALLOWED, NO_ROOM), RunInDebugContainer)
    assert isinstance(decide(target(), dump, HAS_JCMD, ALLOWED, Budget()), RunInTarget)


@pytest.mark.parametrize(
    ("tools", "policy", "budget"),
    [
        ((INSIDE, OUTSIDE), replace(ALLOWED, debug_image=False), NO_ROOM),
        ((INSIDE,), ALLOWED, NO_ROOM),
        ((INSIDE, OUTSIDE), ALLOWED, replace(NO_ROOM, probe_s=1)),
        ((INSIDE, OUTSIDE), ALLOWED, replace(NO_ROOM, pod_disk=NO_ROOM.disk)),
    ],
    ids=["no image", "no such tool", "probe", "limit of the pod"],
)
def test_a_dump_without_an_alternative_is_refused(
    tools: tuple[Tool, ...], policy: CapturePolicy, budget: Budget
) -> None:
    dump = collector(invasive="heavy", in_image=(replace(JCMD, output="/tmp/x"),), from_debug=tools)
    action = decide(target(), dump, HAS_JCMD, policy, budget)
    assert isinstance(action, Skip)
    assert action.reason.startswith("too heavy: ")


def test_each_missing_tool_is_named_once() -> None:
    tools = tuple(Tool((name, "{pid}")) for name in ("jcmd", "jstack", "jcmd"))
    assert "has no jcmd or jstack" in decided(collector(in_image=tools)).reason


def test_image_without_a_shell_may_show_its_process_by_its_own_tool() -> None:
    threads = collector()
    result = ProbeResult(None, {("jcmd", "-h")}, found_pids=(12,))
    assert decided(threads, result) == RunInTarget(threads, threads.in_image[0], (12,), "by exec: the image has jcmd")


# The words of each tool of the debug image that may not look at a process: seen with those of tools.txt and JDK 17, as
# another user and on a process that is not dumpable (prctl(2), PR_SET_DUMPABLE).
DENIALS = [
    ("native-stacks", "gdb", 0, "ptrace: Operation not permitted.\n"),
    ("core-dump", "gdb", 1, "ptrace: Operation not permitted.\n"),
    ("native-stacks", "eu-stack", 2, "eu-stack: dwfl_linux_proc_report pid 7: Permission denied\n"),
    ("system-calls", "strace", 1, "strace: attach: ptrace(PTRACE_SEIZE, 7): Operation not permitted\n"),
    (
        "python-stacks",
        "py-spy",
        1,
        "Permission Denied: Try running again with elevated permissions by going 'sudo env \"PATH=$PATH\" !!'\n",
    ),
    (
        "python-profile",
        "py-spy",
        1,
        "Permission Denied\n\nIt looks like you are running in a docker container. Please make sure you started your "
        "container with the SYS_PTRACE capability. See "
        "https://github.com/benfred/py-spy#how-do-i-run-py-spy-in-docker for more details\n",
    ),
    (
        "ruby-stacks",
        "rbspy",
        1,
        "Something went wrong while rbspy was sampling the process. Here's what we know:\n"
        "- Failed to get process executable name. Check that the process is running.\n"
        "- Permission denied (os error 13)\n- Permission denied (os error 13)\n",
    ),
    (
        "jvm-thread-dump",
        "jattach",
        1,
        "Failed to change credentials to match the target process: Operation not permitted\n",
    ),
    (
        "jvm-thread-dump",
        "jcmd",
        1,
        "java.io.IOException: Operation not permitted\n"
        "\tat jdk.attach/sun.tools.attach.VirtualMachineImpl.sendQuitTo(Native Method)\n",
    ),
    ("jvm-thread-dump", "jstack", 1, "7: Operation not permitted\n"),
    ("node-stacks", "node-inspect", 13, "node-inspect: process 7: open /proc/7/fd: permission denied\n"),
    ("dotnet-stacks", "dotnet-inspect", 13, "dotnet-inspect: process 7: open /proc/7/fd: permission denied\n"),
    ("dotnet-dump", "sh", 13, "dotnet-inspect: process 7: open /proc/7/fd: permission denied\n"),
    ("php-stacks", "php-stacks", 13, "php-stacks: process 7: open /proc/7/maps: permission denied\n"),
    ("python-stacks", "py-spy", 1, "Error: EPERM: Operation not permitted\n"),
    ("python-stacks", "py-spy", 1, "Error: Operation not permitted (os error 1)\n"),
    (
        "ruby-stacks",
        "rbspy",
        1,
        "- Permission denied when reading from process 7. If the process is running as another user, try sudo.\n",
    ),
    (
        "php-stacks",
        "phpspy",
        1,
        "copy_proc_mem: Failed to copy executor_globals; err=Operation not permitted raddr=0x55d0c3a8 size=1792\n",
    ),
    (
        "native-stacks",
        "gdb",
        1,
        "Could not attach to process.  If your uid matches the uid of the target\nprocess, check the setting of "
        "/proc/sys/kernel/yama/ptrace_scope, or try\nagain as the root user.  For more details, see "
        "/etc/sysctl.d/10-ptrace.conf\nptrace: Operation not permitted.\n",
    ),
    (
        "dotnet-stacks",
        "dotnet-stack",
        1,
        "[ERROR] System.Net.Sockets.SocketException (13): Permission denied /tmp/dotnet-diagnostic-7-175662-socket\n",
    ),
    (
        "dotnet-gcdump",
        "dotnet-gcdump",
        1,
        "  0.1s: [Error] Exception during gcdump: System.Net.Internals.SocketExceptionFactory+ExtendedSocketException "
        "(13): Permission denied /tmp/dotnet-diagnostic-7-175662-socket\n",
    ),
    (
        "dotnet-dump",
        "dotnet-dump",
        1,
        "[createdump] The process or container does not have permissions or access: open(/proc/7/mem) FAILED "
        "Permission denied (13)\n",
    ),
    ("go-goroutines", "sh", 13, "this user cannot read the program of process 7\n"),
    (
        "packet-capture",
        "tcpdump",
        1,
        "tcpdump: any: You don't have permission to perform this capture on that device\n"
        "(socket: Operation not permitted)\n",
    ),
    (
        "python-stacks",
        "py-spy",
        1,
        "Error: Failed to open process - check if it is running.\nReason: Operation not permitted (os error 1)\n",
    ),
    (
        "python-native-stacks",
        "py-spy",
        1,
        "Error: Failed to get process executable name. Check that the process is running.\n"
        "Reason: Permission denied (os error 13)\n",
    ),
    (
        "ruby-profile",
        "rbspy",
        1,
        "Error. Causes: \n- Couldn't get ruby version: Couldn't determine Ruby version\n\nCaused by:\n"
        "    Permission denied when reading from process 7. If you're not running as root, try again with sudo.\n",
    ),
    ("system-calls", "strace", 1, "strace: attach: ptrace(PTRACE_ATTACH, ...): Operation not permitted\n"),
    ("system-calls", "strace", 1, "attach: ptrace(PTRACE_ATTACH, 7): Operation not permitted\n"),
    ("system-calls", "strace", 1, "strace: test_ptrace_seize: PTRACE_TRACEME: Operation not permitted\n"),
    ("native-stacks", "gdb", 1, "Cannot attach to process 7: ptrace: Operation not permitted.\n"),
    (
        "native-stacks",
        "eu-stack",
        2,
        "eu-stack: dwfl_thread_getframes tid 7 at 0x7f0c in /lib/libc.so.6: Operation not permitted\n",
    ),
    (
        "packet-capture",
        "tcpdump",
        1,
        "tcpdump: eth0: You don't have permission to capture on that device\n(socket: Operation not permitted)\n",
    ),
    ("packet-capture", "tcpdump", 1, "tcpdump: socket: Operation not permitted\n"),
    ("jvm-thread-dump", "jattach", 1, "Could not connect to socket: Permission denied\n"),
    ("jvm-thread-dump", "jcmd", 1, "java.io.IOException: Permission denied\n"),
    (
        "jvm-thread-dump",
        "jcmd",
        1,
        "java.io.IOException: well-known file /tmp/.java_pid7 is not secure: file should be owned by the current user "
        "(which is 0) but is owned by 1000\n",
    ),
    ("jvm-thread-dump", "jcmd", 1, "java.io.FileNotFoundException: /tmp/.attach_pid7 (Permission denied)\n"),
    ("jvm-thread-dump", "jstack", 1, "7: well-known file is not secure\n"),
    (
        "dotnet-dump",
        "dotnet-dump",
        1,
        "Unhandled exception: System.Reflection.TargetInvocationException: Exception has been thrown by the target.\n"
        " ---> System.Net.Sockets.SocketException (13): Permission denied\n",
    ),
    ("dotnet-dump", "dotnet-dump", 1, "[createdump] ptrace(ATTACH, 7) FAILED Operation not permitted (1)\n"),
    ("dotnet-dump", "dotnet-dump", 1, "[createdump] open(/proc/7/mem) FAILED 13 (Permission denied)\n"),
    ("files", "tar", 1, "tar: /proc/7/root: Cannot open: Permission denied\n"),
    ("files", "tar", 1, "tar: can't change directory to '/proc/7/root': Permission denied\n"),
]


def tools(collector_id: str, program: str) -> list[Tool]:
    collectors = catalog() | {"files": files_collector(["/app"])}
    entry = collectors[collector_id]
    by_program = [
        tool for tool in (*entry.in_image, *entry.from_debug) if program in " ".join((*tool.present, *tool.run)).split()
    ]
    return [tool for tool in by_program if tool.denied_pattern or tool.denied_exit_code]


@pytest.mark.parametrize(("collector_id", "program", "exit_code", "errors"), DENIALS)
def test_each_tool_has_its_own_message_for_a_denial(
    collector_id: str, program: str, exit_code: int, errors: str
) -> None:
    denied = tools(collector_id, program)
    assert denied
    assert all(is_denied(tool, exit_code, errors) for tool in denied)


@pytest.mark.parametrize(("collector_id", "program", "_exit_code", "errors"), DENIALS)
def test_the_words_of_a_denial_elsewhere_in_a_line_are_not_a_denial(
    collector_id: str, program: str, _exit_code: int, errors: str
) -> None:
    log = "".join(f"config says: {line}\n" for line in errors.splitlines())
    log += "EACCES is fine, ptrace_scope ok, EPERM, Permission denied, Operation not permitted\n"
    assert not any(is_denied(tool, 1, log) for tool in tools(collector_id, program))


# What each tool writes about a JVM that accepts no attach: seen with JDK 17 and jattach 2.2 on a JVM with
# -XX:+DisableAttachMechanism, and on one without a writable /tmp.
REFUSALS = [
    ("jattach", "Could not start attach mechanism: No such file or directory\n"),
    ("jattach", "Could not start attach mechanism: Read-only file system\n"),
    (
        "jcmd",
        "com.sun.tools.attach.AttachNotSupportedException: The VM does not support the attach mechanism\n"
        "\tat jdk.attach/sun.tools.attach.HotSpotAttachProvider.testAttachable(HotSpotAttachProvider.java:154)\n",
    ),
    (
        "jcmd",
        "com.sun.tools.attach.AttachNotSupportedException: Unable to open socket file /proc/7/root/tmp/.java_pid7: "
        "target process 7 doesn't respond within 10500ms or HotSpot VM not loaded\n",
    ),
    ("jcmd", "java.io.IOException: Read-only file system\n"),
    ("jstack", "7: The VM does not support the attach mechanism\n"),
]


@pytest.mark.parametrize(("program", "errors"), REFUSALS)
def test_a_jvm_that_accepts_no_attach_is_recognized(program: str, errors: str) -> None:
    refusing = [tool for tool in tools("jvm-thread-dump", program) if tool.refused_pattern]
    assert refusing
    assert all(is_refused(tool, errors) and not is_denied(tool, 1, errors) for tool in refusing)
    assert not any(is_refused(tool, f"it says: {errors}") for tool in refusing)


def test_the_programs_of_collectors_are_listed_once_without_their_own_tests() -> None:
    scripted = collector(in_image=(Tool(("cat", "x"), present=("sh", "-c", "command -v cat")),), from_debug=())
    assert programs_of([collector(), collector(id="again"), scripted]) == ("jcmd", "jattach")


def test_artifacts_are_in_the_order_of_what_the_api_has_then_of_the_impact_on_the_process() -> None:
    heavy, safe, pauses = (collector(id=impact, invasive=impact) for impact in ("heavy", "safe", "pauses"))
    reader = collector(id="reader", reads_api="events")
    assert [collector.id for collector in in_order([heavy, safe, pauses, reader])] == [
        "reader",
        "safe",
        "pauses",
        "heavy",
    ]
