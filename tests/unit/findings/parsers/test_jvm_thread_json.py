"""Thread dumps of a JVM in JSON."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from debugcapture.findings.evidence import Evidence
from debugcapture.findings.parsers import jvm_thread_json
from debugcapture.findings.rules import jvm_threads as thread_rules
from debugcapture.findings.subject import Subject
from tests.unit.findings.jvm_dumps import findings_of
from tests.unit.hostile import changed

THREADS = Subject("Threads of a JVM", jvm_thread_json.recognize, jvm_thread_json.parse, thread_rules.RULES)


def _thread(name: str, tid: str, waits: str, owns: str) -> dict[str, Any]:
    return {
        "tid": tid,
        "name": name,
        "virtual": True,
        "state": "BLOCKED",
        "blockedOn": waits,
        "stack": ["com.shop.Cart.add(Cart.java:31)", "java.base/java.lang.VirtualThread.run(VirtualThread.java:460)"],
        "monitorsOwned": [{"depth": 0, "locks": [owns, None]}],
    }


FILE = {
    "threadDump": {
        "processId": "7",
        "time": "2026-11-30T01:02:03Z",
        "threadContainers": [
            {
                "container": "<root>",
                "threads": [
                    _thread("a", "40", "com.shop.Cart@aa", "com.shop.Order@bb"),
                    _thread("b", "41", "com.shop.Order@bb", "com.shop.Cart@aa"),
                ],
            }
        ],
    }
}


def _managed(name: str, number: int, waits: str, owner: str, owned: int) -> dict[str, Any]:
    frame = {"className": "com.shop.Cart", "methodName": "add", "fileName": "Cart.java", "lineNumber": 31}
    return {
        "threadName": name,
        "threadId": number,
        "threadState": "BLOCKED",
        "lockName": waits,
        "lockOwnerName": owner,
        "lockedMonitors": [{"className": "com.shop.X", "identityHashCode": owned, "lockedStackDepth": 0}],
        "stackTrace": [frame],
    }


ACTUATOR = {"threads": [_managed("a", 1, "com.shop.X@aa", "b", 0xBB), _managed("b", 2, "com.shop.X@bb", "a", 0xAA)]}


@pytest.mark.parametrize("document", [FILE, ACTUATOR])
@pytest.mark.parametrize("indent", [2, None])
def test_a_deadlock_in_json(tmp_path: Path, document: dict[str, Any], indent: int | None) -> None:
    text = json.dumps(document, indent=indent)
    (finding,) = (item for item in findings_of(THREADS, tmp_path, text) if item.rule == "java-deadlock")
    assert finding.title == 'Deadlock between the threads "a" and "b"'
    assert '"a" waits at Cart.add(Cart.java:31)' in finding.detail


def test_frames_have_the_lines_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text(text := json.dumps(FILE, indent=2))
    first, second = jvm_thread_json.parse(Evidence(path, "file")).last.threads
    lines = text.splitlines()
    for thread in (first, second):
        assert f'"{thread.number[1:]}"' in lines[thread.line - 1]
        assert "com.shop.Cart.add(Cart.java:31)" in lines[thread.frames[0].line - 1]


def test_other_json_is_not_recognized(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text('{"threads": 3}')
    assert not jvm_thread_json.recognize(Evidence(path, "file"))


@given(changed(FILE) | changed(ACTUATOR))
def test_hostile_json_is_read(document: Any) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_text(json.dumps(document, indent=1))
        dumps = jvm_thread_json.parse(Evidence(path, "file"))
        assert all(finding.title for rule in thread_rules.RULES for finding in rule(dumps))
