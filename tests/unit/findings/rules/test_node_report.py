"""Diagnostic reports of Node.js: parsers/node_report.py and rules/node_report.py."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from debugcapture.finding import Finding
from debugcapture.findings.evidence import Evidence
from debugcapture.findings.explain import explain
from tests.unit.hostile import changed

MB = 1_000_000


def report(event: str = "JavaScript API", trigger: str = "API", **parts: Any) -> dict[str, Any]:
    return {
        "header": {"event": event, "trigger": trigger, "nodejsVersion": "v20.1.0", "commandLine": ["node", "shop.js"]},
        "javascriptStack": {
            "message": "Error [ERR_SYNTHETIC]: JavaScript Callstack",
            "stack": ["at node:internal/x:1:1"],
        },
        "javascriptHeap": {
            "usedMemory": 50 * MB,
            "memoryLimit": 2000 * MB,
            "heapSpaces": {"old_space": {"used": 40 * MB}, "large_object_space": {"used": 10 * MB}},
        },
        "resourceUsage": {"rss": "90000000", "constrained_memory": 18446744073709552000},
        "libuv": [{"type": "timer", "is_active": True}, {"type": "tcp", "fd": 21, "writeQueueSize": 0}],
        "userLimits": {"open_files": {"soft": 1024, "hard": "unlimited"}},
        **parts,
    }


def findings(document: Any) -> list[Finding]:
    def never(_file: Evidence, error: Exception) -> None:
        raise AssertionError from error

    text = document if isinstance(document, str) else json.dumps(document, indent=2)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report.json"
        path.write_bytes(text.encode(errors="surrogatepass"))
        return explain([Evidence(path, path.name)], never)


def alarms(document: Any) -> list[str]:
    return [finding.rule for finding in findings(document) if finding.severity != "info"]


def heap(used: int, limit: int, **spaces: int) -> dict[str, Any]:
    parts = {name: {"used": size * MB} for name, size in spaces.items()}
    return {"usedMemory": used * MB, "memoryLimit": limit * MB, "heapSpaces": parts}


FULL = ("Allocation failed - JavaScript heap out of memory", "FatalError")


def test_a_report_on_demand_is_healthy() -> None:
    assert alarms(report()) == []


def test_a_full_heap() -> None:
    full, limit = findings(report(*FULL, javascriptHeap=heap(1950, 2000, old_space=1900)))
    assert (full.rule, limit.rule) == ("node-heap-full", "node-heap-limit")
    assert full.title == "Node.js ended because of its heap: Allocation failed - JavaScript heap out of memory"
    assert "Node.js v20.1.0, trigger FatalError. The heap uses 1,950 MB of 2,000 MB." in full.detail
    assert limit.title == "The JavaScript heap is nearly full: 1,950 MB of 2,000 MB are used"


def test_a_large_allocation_in_a_heap_that_is_not_full() -> None:
    header = {**report(*FULL)["header"], "commandLine": ["node", "--max-old-space-size=8192"]}
    spaces = heap(2900, 8600, large_object_space=2800, old_space=2)
    _, finding = findings(report(header=header, javascriptHeap=spaces))
    assert (
        finding.title
        == "The limit of the heap was not reached: 2,900 MB of 8,600 MB (--max-old-space-size=8192) were used"
    )
    assert finding.detail.startswith("large_object_space holds 2,800 MB")
    assert alarms(report(javascriptHeap=spaces)) == []


def test_an_error_that_nothing_handled() -> None:
    stack = {
        "message": "TypeError: no ledger",
        "stack": ["at open (node:fs:1:2)", "at Ledger.open (/app/ledger.js:10:5)"],
    }
    finding = findings(report("Uncaught exception", "Exception", javascriptStack=stack))[0]
    assert finding.severity == "critical"
    assert finding.title == "Node.js ended because of an error that nothing handled: TypeError: no ledger"
    assert "JavaScript was at Ledger.open (/app/ledger.js:10:5)." in finding.detail
    assert alarms(report("SIGUSR2", "Signal", javascriptStack=stack)) == []


def test_a_process_near_the_limit_of_its_container() -> None:
    assert alarms(report(resourceUsage={"rss": 500 * MB, "constrained_memory": 536870912})) == ["node-memory-limit"]
    assert alarms(report(resourceUsage={"rss": 100 * MB, "constrained_memory": 536870912})) == []


def test_connections_and_data_that_is_not_taken() -> None:
    remote = {"host": "ledger", "port": 5432}
    many = [{"type": "tcp", "remoteEndpoint": remote} for _ in range(500)]
    assert findings(report(libuv=many))[0].title == "Node.js has 500 connections to ledger:5432"
    assert alarms(report(libuv=many[:100])) == []
    stuck = [{"type": "tcp", "remoteEndpoint": remote, "writeQueueSize": 5_000_000}]
    assert findings(report(libuv=stuck))[0].title == "ledger:5432 does not take the data that Node.js wrote"


def test_file_descriptors_near_their_limit() -> None:
    assert alarms(report(libuv=[{"type": "tcp", "fd": 1010}])) == ["node-open-files"]
    assert alarms(report(libuv=[{"type": "tcp", "fd": 300}])) == []


def test_a_report_that_was_cut_keeps_its_fields() -> None:
    text = json.dumps(report(*FULL, javascriptHeap=heap(1950, 2000, old_space=1900)), indent=2)
    cut = text[: text.index('"resourceUsage"')]
    assert [finding.rule for finding in findings(cut)] == ["node-heap-full", "node-heap-limit"]


def test_other_json_is_not_a_report() -> None:
    assert alarms({"header": {"trigger": "FatalError"}, "event": "heap out of memory"}) == []


@given(changed(report(*FULL)) | changed(report()), st.integers(0, 400))
def test_hostile_reports_are_parsed_without_an_exception(document: Any, cut: int) -> None:
    text = json.dumps(document)
    for part in (text, text[: len(text) - cut]):
        for finding in findings(part):
            assert finding.title
