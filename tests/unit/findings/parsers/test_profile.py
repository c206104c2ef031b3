"""profile.py: profiles for speedscope, of V8 and of Go."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debugcapture.findings.evidence import Evidence
from debugcapture.findings.parsers import profile
from debugcapture.findings.parsers.profile import ProfileFrame
from debugcapture.findings.pictures.profiles import profile_stacks
from tests.unit.findings.parsers.test_pprof import PROFILE
from tests.unit.hostile import tree

VALUES = tree(st.sampled_from(("id", "name", "file", "children", "unit")))
SCHEMA = "https://www.speedscope.app/file-format-schema.json"
PAY, MAIN = ProfileFrame("pay", "shop/billing.py", 7), ProfileFrame("<module>", "app.py", 1)


def evidence(folder: Path, content: Any) -> Evidence:
    path = folder / "profile"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return Evidence(path, "profile")


def speedscope(**fields: Any) -> dict[str, Any]:
    frames = [{"name": "<module>", "file": "app.py", "line": 1}, {"name": "pay", "file": "shop/billing.py", "line": 7}]
    profile = {"type": "sampled", "unit": "seconds", "samples": [[0, 1], [0], [0, 9]], "weights": [0.25, 0.01, 1]}
    return {"$schema": SCHEMA, "shared": {"frames": frames}, "profiles": [{**profile, **fields}]}


def v8() -> dict[str, Any]:
    def node(number: int, name: str, url: str, *children: int) -> dict[str, Any]:
        return {"id": number, "callFrame": {"functionName": name, "url": url, "lineNumber": 6}, "children": children}

    nodes = [
        node(1, "(root)", "", 2, 4),
        node(2, "pay", "file:///app/shop.js", 3),
        node(3, "readSync", "node:fs"),
        node(4, "(idle)", ""),
    ]
    return {"nodes": nodes, "samples": [3, 3, 2, 4], "timeDeltas": [3000, 4000, 5000, 90000]}


def test_speedscope_has_weights_in_milliseconds(tmp_path: Path) -> None:
    file = evidence(tmp_path, speedscope())
    assert profile.recognize(file)
    parsed = profile.parse(file)
    assert (parsed.title, parsed.unit) == ("Python profile", "ms")
    assert parsed.samples == [((PAY, MAIN), 250), ((MAIN,), 10), ((MAIN,), 1000)]


def test_speedscope_without_a_unit_of_time_counts_samples(tmp_path: Path) -> None:
    assert profile.parse(evidence(tmp_path, speedscope(unit="none", weights=[1, 1, 1]))).unit == "samples"


def test_a_profile_of_v8_leaves_out_the_time_in_which_nothing_runs(tmp_path: Path) -> None:
    file = evidence(tmp_path, v8())
    assert profile.recognize(file)
    pay = ProfileFrame("pay", "file:///app/shop.js", 7)
    parsed = profile.parse(file)
    assert parsed.samples == [((ProfileFrame("readSync", "node:fs", 7), pay), 7), ((pay,), 5)]
    (stacks,) = profile_stacks(parsed).stacks
    assert (stacks.total, stacks.unit, stacks.groups[0].own) == (12, "ms", 1)


def test_a_profile_of_go_is_in_milliseconds_of_cpu_time(tmp_path: Path) -> None:
    file = evidence(tmp_path, gzip.compress(PROFILE))
    assert profile.recognize(file)
    (stacks,) = profile_stacks(profile.parse(file)).stacks
    assert (stacks.title, stacks.total, stacks.unit) == ("Go CPU profile", 40, "ms")
    assert stacks.groups[0].frames == ("main.pay (main.go:42)", "runtime.main (proc.go:250)")


def test_a_profile_of_ruby_is_recognized_by_its_files(tmp_path: Path) -> None:
    content = speedscope()
    content["shared"]["frames"][0]["file"] = "/app/shop.rb"
    (stacks,) = profile_stacks(profile.parse(evidence(tmp_path, content))).stacks
    assert stacks.title == "Ruby profile"


def test_an_empty_profile_has_no_picture(tmp_path: Path) -> None:
    assert profile_stacks(profile.parse(evidence(tmp_path, speedscope(samples=[])))).stacks == ()


def test_a_profile_that_is_too_large_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profile, "MAX_BYTES", 10)
    with pytest.raises(ValueError, match="larger than"):
        profile.parse(evidence(tmp_path, speedscope()))


@given(VALUES, VALUES)
def test_hostile_json_has_no_stack_without_a_frame(
    tmp_path_factory: pytest.TempPathFactory, value: Any, other: Any
) -> None:
    folder = tmp_path_factory.mktemp("hostile")
    for content in (
        speedscope(samples=value, weights=other),
        {"$schema": SCHEMA, "shared": value, "profiles": other},
        {**v8(), "samples": value, "timeDeltas": other},
        {**v8(), "nodes": [{"id": 3, "callFrame": value, "children": other}, {"id": value, "children": [3]}]},
    ):
        for stack, weight in profile.parse(evidence(folder, content)).samples:
            assert all(isinstance(frame, ProfileFrame) for frame in stack)
            assert weight > 0


def test_a_node_that_is_its_own_parent_ends(tmp_path: Path) -> None:
    root = {"id": 1, "callFrame": {"functionName": "(root)"}, "children": [1]}
    document = {"nodes": [root], "samples": [1], "timeDeltas": [5000], "startTime": 0, "endTime": 1}
    assert profile.parse(evidence(tmp_path, document)).samples == []
