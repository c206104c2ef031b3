"""Crashes of the JVM: what crashed, where, and for which reason; and logs that resemble them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debugcapture.finding import Finding
from debugcapture.findings.evidence import Evidence
from debugcapture.findings.explain import subjects_of
from debugcapture.findings.parsers import jvm_hs_err
from debugcapture.findings.rules.jvm_hs_err import RULES
from debugcapture.findings.subject import Subject
from tests.unit.findings.jvm_dumps import assert_quotes_are_in_the_file
from tests.unit.hostile import UTF8

SUBJECT = Subject("Crash of a JVM", jvm_hs_err.recognize, jvm_hs_err.parse, RULES)
HEAD = """#
# A fatal error has been detected by the Java Runtime Environment:
#
#  {signal}, pid=1, tid=42
#
# JRE version: OpenJDK Runtime Environment Temurin-21.0.4+7 (21.0.4+7) (build 21.0.4+7-LTS)
# Java VM: OpenJDK 64-Bit Server VM Temurin-21.0.4+7 (21.0.4+7-LTS, mixed mode, g1 gc, linux-amd64)
# Problematic frame:
# {frame}
#
"""
BODY = """
---------------  S U M M A R Y ------------

Command Line: -Xmx512m /app.jar

Host: Intel, 4 cores, 7G, {system}
Time: Mon Nov 30 01:02:03 2026 UTC elapsed time: 12.500000 seconds (0d 0h 0m 12s)

---------------  T H R E A D  ---------------

Current thread (0x00007f01):  JavaThread "{thread}" daemon [_thread_in_native, id=42, stack(0x1,0x2)]
{task}
Stack: [0x1,0x2],  sp=0x3,  free space=1007k
Native frames: (J=compiled Java code, j=interpreted, Vv=VM code, C=native code)
{frame}
{frames}

siginfo: si_signo: 11 (SIGSEGV), si_code: 1 (SEGV_MAPERR), si_addr: 0x10

---------------  S Y S T E M  ---------------

libc: {libc}
rlimit (soft/hard): STACK 8192k/infinity , NPROC 4096/4096 , NOFILE 1048576/1048576

container (cgroup) information:
container_type: cgroupv2
memory_limit_in_bytes: {limit}
memory_usage_in_bytes: 500 k
maximum number of tasks: 100
current number of tasks: 100

Memory: 4k page, physical 8048432k(123k free), swap 0k(0k free)

END.
"""


def _log(frame: str = "C  [libzip.so+0x12ce7]  newEntry+0x27", **values: str) -> str:
    parts = {
        "signal": "SIGSEGV (0xb) at pc=0x00007f99",
        "frame": frame,
        "system": "Ubuntu 24.04.1 LTS",
        "thread": "worker-3",
        "task": "",
        "frames": "j  com.shop.Archive.open(Ljava/lang/String;)V+4\nj  java.lang.Thread.run()V+11 java.base@21.0.4",
        "libc": "glibc 2.39 NPTL 2.39",
        "limit": "unlimited",
    } | values
    return (parts.pop("head", HEAD) + BODY).format(**parts)


def _memory(message: str, error: str) -> str:
    return (
        "#\n# There is insufficient memory for the Java Runtime Environment to continue.\n"
        f"# {message}\n# Possible reasons:\n#   The system is out of physical RAM or swap space\n#\n"
        f"#  Out of Memory Error ({error}), pid=1, tid=42\n#\n"
    )


def _findings(folder: Path, text: str) -> list[Finding]:
    path = folder / "hs_err_pid1.log"
    path.write_text(text)
    file = Evidence(path, path.name)
    assert SUBJECT.recognize(file)
    reported = list(SUBJECT.explain(file))
    assert_quotes_are_in_the_file(file, reported)
    return reported


def _rules(folder: Path, text: str) -> list[str]:
    return [finding.rule for finding in _findings(folder, text)]


def test_a_native_library_crashes(tmp_path: Path) -> None:
    (finding,) = _findings(tmp_path, _log())
    assert finding.title == 'The JVM crashed with SIGSEGV in newEntry+0x27 (libzip.so) on the thread "worker-3"'
    for fact in ("0x00007f99", "12.50 s after its start", "native code", "com.shop.Archive.open", "si_addr: 0x10"):
        assert fact in finding.detail


def test_compiled_java_code_crashes(tmp_path: Path) -> None:
    frame = "J 1234 c2 com.shop.Cart.add(Ljava/lang/String;)V (56 bytes) @ 0x00007f0 [0x00007f0+0x10]"
    (finding,) = _findings(tmp_path, _log(frame))
    assert "in com.shop.Cart.add on the thread" in finding.title
    assert "compiled Java code" in finding.detail
    assert finding.advice.endswith("-XX:CompileCommand=exclude,com.shop.Cart::add")


def test_the_compiler_crashes(tmp_path: Path) -> None:
    task = "\nCurrent CompileTask:\nC2:13551 7355   !   4       com.shop.Price::total (168 bytes)\n"
    crash, compiler = _findings(
        tmp_path, _log("V  [libjvm.so+0x5c5c7d]  PhaseX::step(int)+0x2d", thread="C2 CompilerThread0", task=task)
    )
    assert (
        crash.title
        == 'The JVM crashed with SIGSEGV in PhaseX::step+0x2d (libjvm.so) on the thread "C2 CompilerThread0"'
    )
    assert compiler.title == "The JIT compiler crashed while it compiled com.shop.Price::total"


def test_a_library_for_glibc_on_alpine(tmp_path: Path) -> None:
    frames = "C  [ld-musl-x86_64.so.1+0x65c64]  dlopen+0x738\nj  io.fast.Native.load(Ljava/lang/String;)V+5"
    text = _log("C  0x0000000000020820", system="Alpine Linux v3.20", libc="musl - unknown", frames=frames)
    crash, musl = _findings(tmp_path, text)
    assert "while it loaded a native library (dlopen)" in crash.detail
    assert "io.fast.Native.load" in crash.detail
    assert musl.title.startswith("The image is Alpine Linux (musl)")


def test_the_jvm_itself_crashes_on_alpine(tmp_path: Path) -> None:
    assert _rules(tmp_path, _log("V  [libjvm.so+0x1]  Foo::bar()+0x1", system="Alpine Linux v3.20", libc="musl")) == [
        "jvm-crash"
    ]


def test_a_thread_is_refused_and_memory_is_not_the_reason(tmp_path: Path) -> None:
    head = _memory("Cannot create worker GC thread. Out of system resources.", "workerManager.hpp:70")
    refused, memory = _findings(tmp_path, _log(head=head))
    assert "Cannot create worker GC thread" in refused.title
    assert "workerManager.hpp:70" in refused.detail
    for fact in ("memory_limit_in_bytes: unlimited", "-Xmx512m", "maximum number of tasks: 100", "NPROC 4096/4096"):
        assert fact in memory.detail
    assert _rules(tmp_path, _log(head=head, limit="524288 k")) == ["jvm-thread-refused"]


def test_the_operating_system_refuses_memory(tmp_path: Path) -> None:
    message = "Native memory allocation (mmap) failed to map 16777216 bytes for committing reserved memory."
    (finding,) = _findings(tmp_path, _log(head=_memory(message, "os_linux.cpp:2795"), limit="524288 k"))
    assert message in finding.title
    for fact in ("os_linux.cpp:2795", "-Xmx512m", "123k free", "memory_limit_in_bytes: 524288 k"):
        assert fact in finding.detail


def test_an_assertion_of_the_jvm_fails(tmp_path: Path) -> None:
    head = HEAD.replace("{signal}", "Internal Error (g1.cpp:77)").replace(
        "# JRE", "#  guarantee(is_alive) failed: must be alive\n#\n# JRE"
    )
    (finding,) = _findings(tmp_path, _log(head=head))
    assert finding.title == "Internal error of the JVM: guarantee(is_alive) failed: must be alive"


def test_the_jvm_ends_when_the_heap_is_full(tmp_path: Path) -> None:
    head = HEAD.replace("{signal}", "Internal Error (debug.cpp:289)").replace(
        "# JRE", "#  fatal error: OutOfMemory encountered: Java heap space\n#\n# JRE"
    )
    (finding,) = _findings(tmp_path, _log(head=head))
    assert finding.title == "The JVM ended with an OutOfMemoryError: Java heap space"
    assert "-Xmx512m" in finding.detail


def test_the_heap_was_full_before(tmp_path: Path) -> None:
    counts = "\nOutOfMemory and StackOverflow Exception counts:\nOutOfMemoryError java_heap_errors=3\n\n"
    assert _rules(tmp_path, _log() + counts) == ["jvm-crash", "jvm-out-of-memory-before-crash"]
    other = "\nOutOfMemory and StackOverflow Exception counts:\nStackOverflowErrors=3\n\n"
    assert _rules(tmp_path, _log() + other) == ["jvm-crash"]


CONSOLE = HEAD.format(signal="SIGBUS (0x7) at pc=0x00007f50", frame="V  [libjvm.so+0x8fff2e]")


@pytest.mark.parametrize("stamp", ["", "2026-11-30T01:02:03.123456789Z ", "2026-11-30T01:02:03.123456789Z stdout F "])
@pytest.mark.parametrize("lines", [1, 40_000])
def test_a_crash_in_the_log_of_a_program(stamp: str, lines: int, tmp_path: Path) -> None:
    path = tmp_path / "log"
    crash = "".join(f"{stamp}{line}\n" for line in CONSOLE.splitlines())
    path.write_text("01:02:03 INFO  an order was accepted\n" * lines + crash + "Aborted\n")
    log = Evidence(path, "log")
    (finding,) = SUBJECT.explain(log)
    assert finding.title == "The JVM crashed with SIGBUS in libjvm.so"
    assert finding.evidence[0].first == lines + 4
    assert [subject.name for subject in subjects_of(log)] == ["Crash of a JVM", "Log"]


def test_memory_that_the_system_refused_in_the_log_of_a_program(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text(
        "OpenJDK 64-Bit Server VM warning: INFO: os::commit_memory(0x00d5, 715653120, 0) failed; (errno=12)\n#\n"
        "# There is insufficient memory for the Java Runtime Environment to continue.\n"
        "# Native memory allocation (mmap) failed to map 715653120 bytes for committing reserved memory.\n"
    )
    (finding,) = SUBJECT.explain(Evidence(path, "log"))
    assert finding.rule == "jvm-native-memory-exhausted"
    assert finding.detail == (
        "Native memory allocation (mmap) failed to map 715653120 bytes for committing reserved memory."
    )


@pytest.mark.parametrize(
    "text", ["", "# heading\n", "started\n# A fatal error has been detected\n", "Full thread dump\n"]
)
def test_other_text_is_not_recognized(tmp_path: Path, text: str) -> None:
    path = tmp_path / "log"
    path.write_text(text)
    assert not SUBJECT.recognize(Evidence(path, "log"))


@given(
    st.lists(
        st.sampled_from([*(f"{line}\n" for line in _log().splitlines()), *HEAD.splitlines(True)]) | UTF8, max_size=30
    )
)
def test_hostile_logs_are_read(pieces: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log"
        path.write_text("".join(pieces), errors="replace")
        crash = jvm_hs_err.parse(Evidence(path, "log"))
        for rule in RULES:
            assert all(finding.title and len(finding.title) <= 240 for finding in rule(crash))
