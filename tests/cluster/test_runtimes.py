"""Every runtime × (tools in its image, shell-less, crashed), in a namespace that enforces `restricted`.

docs/collectors.md shows the table. Update it with DEBUG_CAPTURE_WRITE_DOCS=1.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from debugcapture.findings.evidence import Evidence
from debugcapture.findings.explain import explain
from debugcapture.manifest import Artifact
from lab.paths import REPO
from tests.cluster.captures import CaptureRun
from tests.cluster.deep import Deep

pytestmark = pytest.mark.xdist_group("runtimes")

PAGE = REPO / "docs" / "collectors.md"
BEGIN, END = "<!-- runtimes: written by tests/cluster/test_runtimes.py -->\n", "<!-- /runtimes -->\n"
RUNTIMES = {
    "java17": "Java 17",
    "java25": "Java 25",
    "python": "CPython",
    "node": "Node.js",
    "go": "Go",
    "go-silent": "Go without pprof",
    "native": "C",
    "ruby": "Ruby",
    "php": "PHP",
    "dotnet31": ".NET Core 3.1",
    "dotnet8": ".NET 8",
    "dotnet10": ".NET 10, single file",
}
ALWAYS = ("processes", "network-state", "disk")
SITUATIONS = {
    "full": "tools in the image",
    "busybox": "busybox only, as in Alpine",
    "bare": "no shell in the image",
    "crash": "crash-looping",
}
# The text that each dump must contain.
CONTENT = {
    "jvm-thread-dump": rb"Full thread dump",
    "jvm-virtual-threads": rb'"threadDump"',
    "jvm-heap-histogram": rb"java\.lang\.String",
    "jvm-info": rb"JDK|OpenJDK",
    "jvm-flight-recording": rb"\AFLR\0",
    "jvm-heap-dump": rb"\AJAVA PROFILE 1\.0",
    "python-stacks": rb"Thread .*\n(.*\n)*.*service\.py",
    "python-native-stacks": rb"service\.py",
    "python-profile": rb"speedscope",
    "node-stacks": rb"\S",
    "node-report": rb'"nodejsVersion"|"nodejs|"header"',
    "node-cpu-profile": rb'"nodes"',
    "node-heap-snapshot": rb'"snapshot"',
    "go-goroutines": rb"goroutine \d+ ",
    "go-heap-profile": rb"\A\x1f\x8b",
    "go-cpu-profile": rb"\A\x1f\x8b",
    "ruby-stacks": rb"\S",
    "ruby-profile": rb"speedscope",
    "native-stacks": rb"(?i)thread|TID",
    "core-dump": rb"\A\x1f\x8b",
    "dotnet-stacks": rb"Thread \(0x[0-9A-F]+\): \".*\"",
    "dotnet-counters": rb"\[System\.Runtime\]\n",
    "dotnet-heap": rb" bytes +objects  type\n",
    "dotnet-trace": rb"\ANettrace",
    "dotnet-dump": rb"\A\x1f\x8b",
}
# The services with a deadlock and 40,000 orders.
DOTNET = [f"{runtime}-{variant}" for runtime in ("dotnet31", "dotnet8") for variant in ("bare", "busybox")]


@pytest.fixture(scope="module")
def run(deep: Deep) -> CaptureRun:
    return deep.run


def test_every_pod_is_captured_completely_with_the_restricted_profile_only(run: CaptureRun) -> None:
    short = [
        (artifact.pod, artifact.title, artifact.reason)
        for artifact in run.manifest.artifacts
        if artifact.outcome in ("failed", "truncated")
    ]
    # A container in a crash loop may run at one moment and be down at the next.
    assert [entry for entry in short if "-crash-" not in entry[0]] == []
    assert not [line for line in run.log if "attached" in line and "profile restricted" not in line]


def test_no_line_is_a_stack_trace(run: CaptureRun) -> None:
    assert not [line for line in run.log if "Traceback" in line or "\n  File" in line]


def test_output_of_a_shell_is_verified(run: CaptureRun) -> None:
    ran = [artifact for artifact in run.manifest.artifacts if artifact.origin in ("exec", "debug-container")]
    assert ran
    # A container in a crash loop ends while a tool runs, so that the output of the tool cannot be verified.
    complete = [artifact for artifact in ran if artifact.bytes and artifact.outcome == "complete"]
    assert {artifact.integrity for artifact in complete} == {"verified"}


@pytest.mark.parametrize("collector", CONTENT)
def test_the_dump_contains_the_expected_text(collector: str, run: CaptureRun) -> None:
    artifacts = [artifact for artifact in run.manifest.artifacts if artifact.collector == collector and artifact.file]
    assert artifacts
    for entry in artifacts:
        content = (run.folder / entry.file).read_bytes()[: 1 << 20]
        assert re.search(CONTENT[collector], content), entry.file


@pytest.mark.parametrize("app", ["java17-crash", "java25-crash"])
def test_crashed_jvm_leaves_its_heap_dump_and_its_error_log(app: str, deep: Deep) -> None:
    files = {artifact.file.rpartition("/")[2] for artifact in deep.of(app)}
    assert any(file.endswith(".hprof") for file in files)
    assert any("hs_err_pid" in file for file in files)


@pytest.mark.parametrize("app", DOTNET)
def test_stacks_of_dotnet_show_the_deadlock(app: str, deep: Deep) -> None:
    file = _file(deep, app, "dotnet-stacks")
    stacks = deep.run.text(file)
    for frames in (("TakeLedger()", "TransferAtoB()"), ("TakeAccounts()", "TransferBtoA()")):
        assert "\n".join(f"  Service!Lab.Service.{frame}" for frame in frames) in stacks
    assert stacks.count("likely waits for a lock") == 2
    titles = [finding.title for finding in explain([Evidence(deep.run.folder / file, file)], _never)]
    assert titles == ["2 threads wait for locks in 2 different methods and do not move: likely a deadlock"]


def _never(file: Evidence, error: Exception) -> None:
    raise AssertionError(file.name) from error


@pytest.mark.parametrize("app", DOTNET)
def test_heap_of_dotnet_has_exactly_the_orders(app: str, deep: Deep) -> None:
    histogram = deep.run.text(_file(deep, app, "dotnet-heap"))
    assert re.search(r"^ +\d+ +40000  Lab\.Order$", histogram, re.MULTILINE)


def test_dotnet_without_a_writable_tmp_is_skipped_with_the_reason(deep: Deep) -> None:
    skipped = [artifact for artifact in deep.of("dotnet8-without-tmp") if artifact.collector.startswith("dotnet-")]
    assert [artifact.outcome for artifact in skipped] == ["skipped"]  # a preset states each reason once
    assert "/tmp is on a read-only file system. Mount a volume (emptyDir) at /tmp" in skipped[0].reason


def _file(deep: Deep, app: str, collector: str) -> str:
    return next(artifact.file for artifact in deep.of(app) if artifact.collector == collector)


def test_page_shows_the_current_table(deep: Deep) -> None:
    text = PAGE.read_text()
    head, rest = text.split(BEGIN)
    shown, tail = rest.split(END)
    table = "".join(rows(deep))
    if os.environ.get("DEBUG_CAPTURE_WRITE_DOCS"):
        PAGE.write_text(head + BEGIN + table + END + tail)
        return
    assert shown == table


def rows(deep: Deep) -> Iterator[str]:
    yield f"| Runtime | {' | '.join(SITUATIONS.values())} |\n|{' --- |' * (len(SITUATIONS) + 1)}\n"
    for app, title in RUNTIMES.items():
        cells = [cell(deep.of(f"{app}-{situation}"), situation) for situation in SITUATIONS]
        if app == "go-silent":
            cells = ["", "", cell(deep.of(app), "bare"), ""]
        yield f"| {title} | {' | '.join(cells)} |\n"


def cell(artifacts: list[Artifact], situation: str) -> str:
    """The artifacts by exec and from the debug container, without those of every running container.

    Blank if there is no such workload: Microsoft's tools for .NET are not available here.
    """
    if not artifacts:
        return ""
    if situation == "crash":
        remaining = [
            Path(artifact.file).name for artifact in artifacts if artifact.collector == "crash-dumps" and artifact.file
        ]
        return "; ".join(["logs", *(f"`{name}`" for name in sorted(remaining))])
    ways = {"exec": "exec", "debug-container": "debug container"}
    processes_by_pod: dict[str, list[str]] = {}
    for captured_artifact in artifacts:
        way = ways.get(captured_artifact.origin, "")
        if captured_artifact.file and way and captured_artifact.collector not in ALWAYS:
            processes_by_pod.setdefault(way, []).append(f"`{captured_artifact.collector}`")
    return "; ".join(f"{way}: {', '.join(sorted(set(names)))}" for way, names in sorted(processes_by_pod.items()))
