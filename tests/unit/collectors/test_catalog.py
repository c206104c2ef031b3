"""catalog.py and the catalog itself: strict, complete, and named in the form."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import yaml

from debugcapture.collectors.catalog import FOLDER, PRESETS, catalog, choose, files_collector, load, presets
from debugcapture.collectors.processes import parse_pids
from debugcapture.errors import BadInput
from debugcapture.model import FILES, Collector, Detect, Tool
from debugcapture.settings.capture import CaptureSettings
from lab.paths import REPO
from tests.unit.builders import written
from tools.yaml_text import read_yaml

CATALOG = catalog()
TOOLS = [tool for collector in CATALOG.values() for tool in (*collector.in_image, *collector.from_debug)]
ENTRY: dict[str, Any] = {
    "id": "mine",
    "title": "Mine",
    "file": "mine.txt",
    "time_limit_s": 1,
    "size_limit_bytes": 1,
    "source": "https://example.org",
    "in_image": [{"run": ["mine", "{pid}"]}],
}


def load_entries(folder: Path, *entries: dict[str, Any]) -> list[Collector]:
    return load(written(folder, "some.yaml", yaml.safe_dump(list(entries))))


@pytest.mark.parametrize("collector", CATALOG.values(), ids=CATALOG.keys())
def test_an_entry_contains_everything_that_a_capture_needs(collector: Collector) -> None:
    assert collector.title
    assert collector.source.startswith("https://")
    assert bool(collector.in_image or collector.from_debug) is not bool(collector.reads_api)
    assert bool(collector.file) is not bool(collector.reads_api)
    assert collector.looks_for or not collector.detect


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.run[0])
def test_tool_can_be_looked_for_and_a_file_it_writes_is_its_own(tool: Tool) -> None:
    assert bool(tool.find) is bool(tool.pid_pattern)
    assert not tool.output or "{id}" in tool.output
    assert not tool.output or tool.removes
    assert "{id}" not in "".join(tool.run) or tool.output


@pytest.mark.parametrize("collector", CATALOG.values(), ids=CATALOG.keys())
def test_a_tool_that_may_need_more_privileges_declares_how_to_recognize_a_denial(collector: Collector) -> None:
    always_end_well = ("processes", "network-state", "disk")
    if not collector.unproved and collector.id not in always_end_well:
        tools = [
            tool for tool in collector.from_debug if tool.present != ("phpspy", "-v")
        ]  # no registry offers it for a test
        assert all(tool.denied_pattern or tool.denied_exit_code for tool in tools)


@pytest.mark.parametrize(
    ("tool", "mistake"),
    [
        ({"denied_pattern": "("}, "the pattern of denied_pattern is not valid"),
        ({"denied_pattern": 3}, "denied_pattern must be one line of text"),
        ({"denied_exit_code": 0}, "denied_exit_code must be a number from 1 to 255"),
        ({"denied_exit_code": 256}, "denied_exit_code must be a number from 1 to 255"),
        ({"denied_exit_code": True}, "denied_exit_code must be a number from 1 to 255"),
        ({"denied_exit_code": "13"}, "denied_exit_code must be a number from 1 to 255"),
    ],
)
def test_a_denial_without_a_pattern_or_an_exit_code_is_an_error(
    tool: dict[str, Any], mistake: str, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match=mistake):
        load_entries(tmp_path, ENTRY | {"in_image": [{"run": ["mine"], **tool}]})


def test_no_two_collectors_share_an_id_or_a_file() -> None:
    entries = [entry for file in FOLDER.glob("*.yaml") if file != PRESETS for entry in read_yaml(file.read_text())]
    ids = [entry["id"] for entry in entries]
    files = [entry["file"] for entry in entries if entry.get("file")]
    assert len(set(ids)) == len(ids)
    assert len(set(files)) == len(files)


@pytest.mark.parametrize("name", presets())
def test_presets_name_existing_collectors(name: str) -> None:
    preset = presets()[name]
    assert preset.title
    assert set(preset.collectors) <= CATALOG.keys()
    assert preset.name not in CATALOG


def test_only_deep_presets_have_heavy_collectors() -> None:
    heavy = {collector.id for collector in CATALOG.values() if collector.invasive == "heavy"}
    assert {name for name, preset in presets().items() if heavy & set(preset.collectors)} <= {"deep", "memory", "heap"}
    assert not {collector.id for collector in choose("quick").collectors if collector.invasive != "safe"}


def test_the_form_lists_every_preset_and_its_default_is_a_preset() -> None:
    rule = CaptureSettings.__dataclass_fields__["collectors"].metadata["rule"]
    assert all(preset in rule.description for preset in presets())
    assert CaptureSettings().collectors in presets()


@pytest.mark.parametrize(
    ("output", "pids"),
    [
        ("7 jdk.jcmd/sun.tools.jcmd.JCmd -l\n1 com.example.Main --x\n", (1,)),
        ("31 jdk.jcmd/sun.tools.jcmd.JCmd -l\n", ()),
        ("1 /app.jar\n", (1,)),
        ("9" * 5000 + " Main\n٣ Main\n2 Main\n", (2,)),
        ("", ()),
    ],
    ids=["jcmd itself first", "only itself", "a jar", "no PIDs", "nothing"],
)
def test_jcmd_passes_over_itself_and_what_is_not_a_pid(output: str, pids: tuple[int, ...]) -> None:
    (jcmd,) = [tool for tool in CATALOG["jvm-thread-dump"].in_image if tool.find]
    assert parse_pids(jcmd, output) == pids


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"colour": "red"}, "unknown key colour"),
        ({"title": None}, "title is missing"),
        ({"source": None, "colour": 1}, "unknown key colour; line 1, collector mine: source is missing"),
        ({"id": "No Good"}, "id must consist of lower-case"),
        ({"file": "../x"}, "file must be a relative name without directories"),
        ({"runtime": "cobol"}, "runtime must be one of any, jvm"),
        ({"invasive": "deadly"}, "invasive must be one of safe, pauses, heavy"),
        ({"needs": ["ROOT"]}, "needs must be a list of"),
        ({"needs": ["same-user"]}, "needs must be a list of SYS_PTRACE, NET_RAW, NET_ADMIN"),
        ({"time_limit_s": 0}, "time_limit_s must be a number greater than 0"),
        ({"size_limit_bytes": "1M"}, "size_limit_bytes must be a number greater than 0"),
        ({"title": 7}, "title must be one line of text"),
        ({"title": "two\nlines"}, "title must be one line of text"),
        ({"file": 7}, "file must be one line of text"),
        ({"unproved": "no"}, "unproved must be true or false"),
        ({"needs": [[]]}, "needs must be a list of"),
        ({"in_image": [{"run": ["ps"], "output": 7}]}, "output must be one line of text"),
        ({"in_image": [{"run": ["ps"], "removes": 1}]}, "removes must be true or false"),
        ({"in_image": None}, "it has no tool"),
        ({"in_image": ["ps"]}, "a tool must be a mapping"),
        ({"in_image": [{"run": "ps aux"}]}, "run must be a list of strings"),
        ({"in_image": [{"run": []}]}, "run is empty"),
        ({"in_image": [{"ran": ["ps"]}]}, "unknown key ran"),
        ({"in_image": [{"present": ["ps"]}]}, "run is missing"),
        ({"detect": {"name": "x"}}, "detect must have exactly one of maps, exe, comm"),
        ({"detect": {"maps": "("}}, "the pattern of detect is not valid"),
        ({"detect": {"maps": "a(?=b)"}}, "the pattern of detect is not valid: invalid perl operator"),
        (
            {"in_image": [{"run": ["ps"], "find": ["ps"], "pid_pattern": "("}]},
            "the pattern of pid_pattern is not valid",
        ),
        ({"in_image": [{"run": ["ps"], "find": ["ps"]}]}, "pid_pattern must have exactly one group, for the PID"),
        ({"reads_api": "everything"}, "reads_api must be one of snapshot, logs"),
    ],
)
def test_mistake_in_an_entry_is_named_with_its_line(change: dict[str, Any], named: str, tmp_path: Path) -> None:
    wrong = {key: value for key, value in (ENTRY | change).items() if value is not None}
    with pytest.raises(BadInput, match=re.escape(named)) as caught:
        load_entries(tmp_path, wrong)
    assert f"{tmp_path / 'some.yaml'} is not valid: line 1, collector" in str(caught.value) or "line " in str(
        caught.value
    )


def test_all_mistakes_are_reported_together_each_with_its_line(tmp_path: Path) -> None:
    text = (
        yaml.safe_dump([ENTRY | {"colour": 1}]) + "# a comment\n" + yaml.safe_dump([ENTRY | {"id": "two", "file": "/"}])
    )
    with pytest.raises(BadInput) as caught:
        load(written(tmp_path, "x.yaml", text))
    second = text[: text.index("id: two")].rindex("- ")
    line = text[:second].count("\n") + 1
    assert "line 1, collector mine: unknown key colour" in str(caught.value)
    assert f"line {line}, collector two: file must be" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "reason"),
    [("", "is not a list"), ("a: 1", "is not a list"), ("- 1", "is not a list"), ("[", "is not YAML")],
)
def test_file_that_is_not_a_catalog_is_reported(text: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=reason):
        load(written(tmp_path, "x.yaml", text))


def test_missing_catalog_is_reported() -> None:
    with pytest.raises(BadInput, match="cannot read /no/such.yaml: .*No such file"):
        choose("quick", "/no/such.yaml")


def test_missing_fields_of_an_entry_get_defaults(tmp_path: Path) -> None:
    (entry,) = load_entries(tmp_path, ENTRY | {"detect": {"comm": "^mine$"}})
    assert (entry.from_debug, entry.reads_api, entry.looks_for, entry.needs) == ((), "", "", ())
    assert (entry.runtime, entry.invasive, entry.kind, entry.unproved) == ("any", "safe", "text", False)
    assert entry.detect == Detect("comm", "^mine$")


@pytest.mark.parametrize(("heading", "kind"), [("key", Collector), ("key of a tool", Tool)])
def test_every_key_is_documented(heading: str, kind: type[Any]) -> None:
    page = (REPO / "docs" / "write-a-collector.md").read_text(encoding="utf-8")
    table = re.search(rf"(?m)^\| {heading} \|.*\n\|[ -|]*\n((?:\|.*\n)+)", page)
    assert table
    names = re.findall(r"`(\w+)`", " ".join(re.split(r"(?<!\\)\|", row)[1] for row in table[1].splitlines()))
    assert sorted(names) == sorted(
        {field.name for field in fields(kind)} - {"paths"}
    )  # it belongs to a job, not to a catalog


def test_a_custom_catalog_adds_and_replaces_collectors(tmp_path: Path) -> None:
    file = written(tmp_path, "own.yaml", yaml.safe_dump([ENTRY, ENTRY | {"id": "logs", "title": "My logs"}]))
    chosen = choose("mine,logs", str(file))
    assert [collector.title for collector in chosen.collectors] == ["Mine", "My logs"]
    assert not chosen.preset


def test_a_custom_collector_cannot_have_the_name_of_a_preset(tmp_path: Path) -> None:
    file = written(tmp_path, "own.yaml", yaml.safe_dump([ENTRY | {"id": "slow"}]))
    with pytest.raises(BadInput, match="slow is also the name of a preset"):
        choose("slow", str(file))


def test_collectors_are_chosen_once_in_the_order_given() -> None:
    chosen = choose("jvm-thread-dump , pod-snapshot,jvm-thread-dump")
    assert [collector.id for collector in chosen.collectors] == ["jvm-thread-dump", "pod-snapshot"]


def test_preset_and_collectors_mix() -> None:
    chosen = choose("logs,quick")
    assert chosen.preset
    assert [collector.id for collector in chosen.collectors][:2] == ["pod-snapshot", "workload"]


def test_unknown_collector_is_reported_with_the_most_similar_one() -> None:
    with pytest.raises(
        BadInput, match=r"unknown collector jvm-threads, qwertz\. Did you mean .*jvm-thread-dump.*\? Available: "
    ):
        choose("jvm-threads,pod-snapshot,qwertz")


def test_files_are_taken_relative_to_the_targets_root() -> None:
    copier = files_collector(["/etc/app/", "/"])
    assert copier.id == FILES
    assert copier.in_image[0].run == ("tar", "-C", "/", "-cf", "-", "etc/app", ".")
    assert copier.from_debug[0].run[:3] == ("tar", "-C", "/proc/{pid}/root")


@pytest.mark.parametrize("preset", presets().values(), ids=lambda value: value.name)
def test_a_preset_requires_only_some_of_its_collectors(preset: object) -> None:
    loaded = presets()[preset.name]  # type: ignore[attr-defined]
    assert loaded.goal
    assert set(loaded.goal) <= set(loaded.collectors)
