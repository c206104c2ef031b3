"""Every runtime × (tools in its image, shell-less, crashed), in a namespace that enforces `restricted`.

docs/collectors.md shows the table. Write it anew with DEBUG_CAPTURE_WRITE_DOCS=1.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from debugcapture.model import Artifact
from lab.kubernetes.kubectl import Kubectl
from lab.paths import REPO
from lab.process import wait_until
from tests.cluster.captures import Done, as_captures, captured

pytestmark = pytest.mark.xdist_group("runtimes")

NAMESPACE = "runtimes"
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
}
ALWAYS = ("processes", "network-state", "disk")
SITUATIONS = {"full": "tools in the image", "bare": "no shell in the image", "crash": "crash-looping"}
# What each dump must have in it, to be one.
CONTENT = {
    "jvm-thread-dump": rb"Full thread dump",
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
}


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory, kubectl: Kubectl) -> Done:
    """One deep capture of all, while those that crash are down, as the account that has the size capture."""
    wait_until("all that crash to be down", lambda: all(_down(pod) for pod in _crashing(kubectl)), 120)
    spool = tmp_path_factory.mktemp("spool")
    return captured(
        spool,
        namespace=NAMESPACE,
        selector="app",
        choose="all",
        max_pods="100",
        concurrency="12",
        collectors="deep",
        allow_heavy="true",
        **as_captures(),
    )


def _crashing(kubectl: Kubectl) -> list[dict[str, Any]]:
    pods = kubectl.json("get", "pods", f"--namespace={NAMESPACE}")["items"]
    return [one for one in pods if "-crash-" in one["metadata"]["name"]]


def _down(pod: dict[str, Any]) -> bool:
    return all("waiting" in one["state"] for one in pod["status"].get("containerStatuses") or [])


def of(done: Done, app: str) -> list[Artifact]:
    """The artifacts of the pod of ``app``."""
    pod = re.compile(rf"{re.escape(app)}-[0-9a-f]+-\w+")
    return [one for one in done.manifest.artifacts if pod.fullmatch(one.pod)]


def test_every_pod_is_captured_whole_and_nothing_else_than_restricted_was_asked_for(done: Done) -> None:
    short = [
        (one.pod, one.title, one.reason) for one in done.manifest.artifacts if one.outcome in ("failed", "truncated")
    ]
    # A container that crashes again and again may be up at the moment, and down a moment later.
    assert [one for one in short if "-crash-" not in one[0]] == []
    assert not [line for line in done.said if "attached" in line and "profile restricted" not in line]


def test_no_line_is_a_stack_trace(done: Done) -> None:
    assert not [line for line in done.said if "Traceback" in line or "\n  File" in line]


def test_what_came_through_a_shell_is_verified(done: Done) -> None:
    ran = [one for one in done.manifest.artifacts if "by exec" in one.how or "from a debug" in one.how]
    assert ran
    assert {one.integrity for one in ran if one.bytes} == {"verified"}


@pytest.mark.parametrize("collector", CONTENT)
def test_dump_is_what_it_says(collector: str, done: Done) -> None:
    found = [one for one in done.manifest.artifacts if one.collector == collector and one.file]
    assert found
    for one in found:
        content = (done.folder / one.file).read_bytes()[: 1 << 20]
        assert re.search(CONTENT[collector], content), one.file


@pytest.mark.parametrize("app", ["java17-crash", "java25-crash"])
def test_crashed_jvm_leaves_its_heap_dump_and_its_error_log(app: str, done: Done) -> None:
    files = {one.file.rpartition("/")[2] for one in of(done, app)}
    assert any(file.endswith(".hprof") for file in files)
    assert any("hs_err_pid" in file for file in files)


def test_page_shows_this_very_table(done: Done) -> None:
    text = PAGE.read_text()
    head, rest = text.split(BEGIN)
    shown, tail = rest.split(END)
    table = "".join(rows(done))
    if os.environ.get("DEBUG_CAPTURE_WRITE_DOCS"):
        PAGE.write_text(head + BEGIN + table + END + tail)
        return
    assert shown == table


def rows(done: Done) -> Iterator[str]:
    yield f"| Runtime | {' | '.join(SITUATIONS.values())} |\n|{' --- |' * (len(SITUATIONS) + 1)}\n"
    for app, title in RUNTIMES.items():
        cells = [cell(of(done, f"{app}-{situation}"), situation) for situation in SITUATIONS]
        if app == "go-silent":
            cells = ["", cell(of(done, app), "bare"), ""]
        yield f"| {title} | {' | '.join(cells)} |\n"


def cell(artifacts: list[Artifact], situation: str) -> str:
    """What was captured besides what every running container gives, by exec and from the debug container."""
    if situation == "crash":
        left = [Path(one.file).name for one in artifacts if one.collector == "left-behind" and one.file]
        return "; ".join(["logs", *(f"`{name}`" for name in sorted(left))])
    ways = {"by exec": "exec", "from a debug": "debug container"}
    found: dict[str, list[str]] = {}
    for one in artifacts:
        way = next((shown for begins, shown in ways.items() if one.how.startswith(begins)), "")
        if one.file and way and one.collector not in ALWAYS:
            found.setdefault(way, []).append(f"`{one.collector}`")
    return "; ".join(f"{way}: {', '.join(sorted(set(names)))}" for way, names in sorted(found.items()))
