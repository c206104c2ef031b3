"""dump_options.py: the options of each runtime say where its dumps are, and how they are called."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

import pytest

from debugcapture.capture.dump_options import NAMES, dump_folders, dump_names
from tests.unit.builders import container, pod


def options(*command: str, working_folder: str = "", **variables: str) -> tuple[list[str], list[str]]:
    """Return the folders and the own names of dumps of a container with ``command`` and ``variables``."""
    env = [{"name": name, "value": value} for name, value in variables.items()]
    more: dict[str, Any] = {"workingDir": working_folder} if working_folder else {}
    pod_json = pod(spec={"containers": [container(command=list(command), env=env, **more)]})
    names = [name for name in dump_names(pod_json, "app") if name not in NAMES]
    return dump_folders(pod_json, "app"), names


OPTIONS = {
    "a file": (("-XX:HeapDumpPath=/dumps/heap.bin",), "/dumps", "heap.bin"),
    "a file without a suffix": (("-XX:HeapDumpPath=/dumps/oom",), "/dumps", "oom"),
    "a folder": (("-XX:HeapDumpPath=/data/dumps/",), "/data/dumps", ""),
    "a folder below the root": (("-XX:HeapDumpPath=/dumps",), "/dumps", "dumps"),
    "a file below the root": (("-XX:HeapDumpPath=/a.heap",), "/", "a.heap"),
    "in a shell": (("sh", "-c", "exec java -XX:ErrorFile='/dumps/err_%p.txt' -jar a.jar"), "/dumps", "err_*.txt"),
    "compiler replay": (("-XX:ReplayDataFile=/dumps/replay.%p",), "/dumps", "replay.*"),
    "a flight recording": (
        ("-XX:StartFlightRecording=dumponexit=true,filename=/dumps/last.rec",),
        "/dumps",
        "last.rec",
    ),
    "OpenJ9": (("-Xdump:heap:events=systhrow,file=/dumps/h.%Y%m%d.%pid.%seq",), "/dumps", "h.***.*.*"),
    "OpenJ9, a folder": (("-Xdump:directory=/dumps/j9/",), "/dumps/j9", ""),
    "Node.js": (("node", "--report-directory=/dumps/", "a.js"), "/dumps", ""),
    "Node.js, two words": (("node --diagnostic-dir /dumps/node/ a.js",), "/dumps/node", ""),
    "Ruby": (("ruby", "--crash-report=/dumps/%e.%p"), "/dumps", ""),
    "a sanitizer": (("env", "ASAN_OPTIONS=abort_on_error=1:log_path=/dumps/asan:fast=1"), "/dumps", "asan.*"),
}


@pytest.mark.parametrize(("command", "folder", "name"), OPTIONS.values(), ids=OPTIONS.keys())
def test_options_of_the_command(command: tuple[str, ...], folder: str, name: str) -> None:
    assert options(*command) == ([folder], [name] if name else [])


VARIABLES = {
    "JAVA_TOOL_OPTIONS": ("-Xmx1g -XX:+HeapDumpOnOutOfMemoryError -XX:HeapDumpPath=/dumps/x.heap", "x.heap"),
    "NODE_OPTIONS": ("--report-dir=/dumps/ --report-filename=crash.txt", ""),
    "OPENJ9_JAVA_OPTIONS": ("-Xdump:java:file=/dumps/threads.txt", "threads.txt"),
    "DOTNET_DbgMiniDumpName": ("/dumps/crash.%p", "crash.*"),
    "COMPlus_DbgMiniDumpName": ("/dumps/crash.{pid}", "crash.*"),
    "RUBY_CRASH_REPORT": ("/dumps/ruby-%p.txt", "ruby-*.txt"),
    "ERL_CRASH_DUMP": ("/dumps/beam", "beam"),
    "IBM_COREDIR": ("/dumps/", ""),
}


@pytest.mark.parametrize(("variable", "value"), VARIABLES.items(), ids=VARIABLES.keys())
def test_options_in_variables(variable: str, value: tuple[str, str]) -> None:
    folders, names = options(**{variable: value[0]})
    assert folders == ["/dumps"]
    assert (value[1] in names) is bool(value[1])


def test_a_variable_in_a_path_gets_its_value_and_an_unknown_one_ends_the_folder() -> None:
    assert options("-XX:HeapDumpPath=/dumps/$(TEAM)/a.heap", TEAM="shop") == (["/dumps/shop"], ["a.heap"])
    assert options("sh", "-c", "java -XX:HeapDumpPath=/dumps/${HOSTNAME}.heap") == (
        ["/dumps"],
        ["checkout-7d9f-abcde.heap"],
    )
    assert options("-XX:HeapDumpPath=/dumps/$(SECRET)/x/a.heap") == (["/dumps"], ["a.heap"])
    assert options("-XX:HeapDumpPath=/dumps/$SECRET") == (["/dumps"], [])


def test_a_relative_path_is_below_the_working_folder_of_the_container() -> None:
    assert options("-XX:HeapDumpPath=logs/a.heap", working_folder="/srv/app") == (["/srv/app/logs"], ["a.heap"])
    assert options("-XX:HeapDumpPath=logs/a.heap") == ([], ["a.heap"])


def test_a_name_is_no_pattern_of_find_and_never_matches_everything() -> None:
    assert options("-XX:HeapDumpPath=/dumps/a[1]*?.heap") == (["/dumps"], [r"a\[1\]\*\?.heap"])
    assert options("-XX:HeapDumpPath=/dumps/%p.%t") == (["/dumps"], [])


FILES = {
    "java_pid7.hprof": True, "core": True, "core.7": True, "core.java.7": True, "core.java.7.1690000000": True,
    "core-java-7": True, "core_20260106_165550": True, "coredump.7": True, "coredump.7.crashreport.json": True,
    "heapdump.20260101.120000.7.0001.phd": True, "javacore.20260101.120000.7.0002.txt": True,
    "Snap.20260101.120000.7.0003.trc": True, "report.20260101.120000.7.0.001.json": True, "erl_crash.dump": True,
    "app.gcdump": True, "core.js": False, "core.css": False, "core-utils.sh": False, "core_model.py": False,
    "database.dump": False, "score.7": False,
}  # fmt: skip


@pytest.mark.parametrize(("file", "is_dump"), FILES.items(), ids=FILES.keys())
def test_names_that_runtimes_give(file: str, is_dump: bool) -> None:
    assert any(fnmatchcase(file, name) for name in NAMES) is is_dump
