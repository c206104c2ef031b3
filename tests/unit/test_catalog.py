"""catalog.py and the catalog itself: strict, complete, and named in the form."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from debugcapture.collectors.catalog import FOLDER, catalog, choose, load
from debugcapture.errors import BadInput
from debugcapture.model import Collector, Tool
from debugcapture.settings import CaptureSettings
from tests.unit.builders import written

CATALOG = catalog()
TOOLS = [tool for one in CATALOG.values() for tool in (*one.in_image, one.from_debug) if tool]
ENTRY: dict[str, Any] = {
    "id": "x",
    "title": "X",
    "file": "x.txt",
    "time_limit_s": 1,
    "size_limit_bytes": 1,
    "source": "https://example.org",
}


def load_entries(folder: Path, *entries: dict[str, Any]) -> list[Collector]:
    return load(written(folder, "some.yaml", yaml.safe_dump(list(entries))))


@pytest.mark.parametrize("one", CATALOG.values(), ids=CATALOG.keys())
def test_entry_says_all_that_a_capture_needs(one: Collector) -> None:
    assert re.fullmatch(r"[a-z0-9-]+", one.id)
    assert one.title
    assert one.source.startswith("https://")
    assert one.time_limit_s > 0
    assert one.size_limit_bytes > 0


@pytest.mark.parametrize("one", CATALOG.values(), ids=CATALOG.keys())
def test_entry_reads_the_api_or_runs_tools(one: Collector) -> None:
    runs = bool(one.in_image or one.from_debug)
    assert runs is not one.reads_api
    assert bool(one.file) is runs
    assert bool(one.looks_for) is runs


@pytest.mark.parametrize("tool", TOOLS, ids=lambda tool: tool.run[0])
def test_tool_finds_one_pid_and_uses_it(tool: Tool) -> None:
    assert re.compile(tool.pid_pattern).groups == 1
    assert any("{pid}" in word for word in tool.run)
    assert all(isinstance(word, str) for word in (*tool.find, *tool.run, *tool.present))


def test_no_two_collectors_share_an_id_or_a_file() -> None:
    entries = [entry for file in FOLDER.glob("*.yaml") for entry in yaml.safe_load(file.read_text())]
    ids = [entry["id"] for entry in entries]
    files = [entry["file"] for entry in entries if entry["file"]]
    assert len(set(ids)) == len(ids)
    assert len(set(files)) == len(files)


def test_form_names_every_collector() -> None:
    default, rule = CaptureSettings().collectors, CaptureSettings.__dataclass_fields__["collectors"].metadata["rule"]
    assert [one.id for one in choose(default)] == default.split(",")
    assert all(one in rule.description for one in CATALOG)


@pytest.mark.parametrize(
    ("output", "pid"),
    [
        ("7 jdk.jcmd/sun.tools.jcmd.JCmd -l\n1 com.example.Main --x\n", 1),
        ("31 jdk.jcmd/sun.tools.jcmd.JCmd -l\n", None),
        ("1 /app.jar\n", 1),
        ("", None),
    ],
    ids=["jcmd itself first", "only itself", "a jar", "nothing"],
)
def test_jcmd_passes_over_itself(output: str, pid: int | None) -> None:
    (jcmd,) = [tool for tool in CATALOG["jvm-thread-dump"].in_image if tool.find == ("jcmd", "-l")]
    found = re.search(jcmd.pid_pattern, output, re.MULTILINE)
    assert (int(found.group(1)) if found else None) == pid


SCRIPTS = {tool.find[2]: tool for tool in TOOLS if tool.find[:2] == ("sh", "-c")}


@pytest.mark.parametrize("script", SCRIPTS, ids=range(len(SCRIPTS)))
def test_script_finds_the_process_that_has_the_library_mapped(script: str, tmp_path: Path) -> None:
    library = "7f00-7f01 r-xp 00000000 08:01 1  /usr/lib/jvm/lib/server/libjvm.so\n"
    written(tmp_path, "1/maps", "00-01 r-xp 0 08:01 2  /bin/sh\n")
    written(tmp_path, "12/maps", "00-01 r-xp 0 08:01 2  /opt/java\n" + library + library)
    (tmp_path / "13").mkdir()  # has ended meanwhile
    there = script.replace("/proc/", f"{tmp_path}/")
    assert there != script
    done = subprocess.run(["sh", "-c", there], capture_output=True, text=True, check=False)
    output = done.stdout.replace(str(tmp_path), "/proc")
    assert re.findall(SCRIPTS[script].pid_pattern, output, re.MULTILINE) == ["12"]
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"colour": "red"}, "colour"),
        ({"time_limit": 5}, "time_limit"),
        ({"title": None}, "title"),
        ({"source": None, "colour": 1}, "colour, source"),
    ],
    ids=["unknown", "almost right", "missing", "both"],
)
def test_mistake_in_an_entry_is_named(change: dict[str, Any], named: str, tmp_path: Path) -> None:
    wrong = {key: value for key, value in (ENTRY | change).items() if value is not None}
    with pytest.raises(BadInput, match=f"unknown or missing: {named}$") as caught:
        load_entries(tmp_path, wrong)
    assert f"collector x in {tmp_path / 'some.yaml'}" in str(caught.value)


def test_entry_takes_defaults_for_what_it_does_not_need(tmp_path: Path) -> None:
    (one,) = load_entries(tmp_path, ENTRY)
    assert (one.in_image, one.from_debug, one.reads_api, one.looks_for) == ((), None, False, "")


def test_tools_are_tried_in_the_order_of_the_catalog(tmp_path: Path) -> None:
    tools = [{"find": [name], "pid_pattern": r"(\d+)", "run": [name, "{pid}"]} for name in ("b", "a")]
    (one,) = load_entries(tmp_path, ENTRY | {"in_image": tools, "from_debug": tools[0]})
    assert [tool.run for tool in one.in_image] == [("b", "{pid}"), ("a", "{pid}")]
    assert one.from_debug == one.in_image[0]


def test_tool_that_is_there_is_asked_by_itself_only_where_the_entry_says_how(tmp_path: Path) -> None:
    tool = {"find": ["sh"], "pid_pattern": r"(\d+)", "run": ["jcmd", "{pid}"]}
    (one,) = load_entries(tmp_path, ENTRY | {"in_image": [tool, tool | {"present": ["jcmd", "-h"]}]})
    assert [tool.present for tool in one.in_image] == [(), ("jcmd", "-h")]


def test_collectors_are_chosen_once_in_the_order_given() -> None:
    chosen = choose("jvm-thread-dump , pod-snapshot,jvm-thread-dump")
    assert [one.id for one in chosen] == ["jvm-thread-dump", "pod-snapshot"]


def test_unknown_collector_is_told_with_those_there_are() -> None:
    with pytest.raises(BadInput, match=r"no collector heap-dump, x\. There are: jvm-thread-dump, pod-snapshot\."):
        choose("heap-dump,pod-snapshot,x")


@pytest.mark.parametrize(
    ("tool", "named"),
    [
        ({"find": ["a"], "pid_pattern": "x", "run": ["b"], "presnt": ["c"]}, "presnt"),
        ({"find": ["a"], "run": ["b"]}, "pid_pattern"),
    ],
    ids=["misspelt", "missing"],
)
def test_a_tools_mistake_is_named_as_well(tool: dict[str, object], named: str, tmp_path: Path) -> None:
    entry = {"id": "x", "title": "X", "file": "x", "time_limit_s": 1, "size_limit_bytes": 1, "source": "https://x"}
    (tmp_path / "x.yaml").write_text(yaml.safe_dump([entry | {"in_image": [tool]}]))
    with pytest.raises(BadInput, match=f"collector x in .*{named}"):
        load(tmp_path / "x.yaml")


def test_an_empty_catalog_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("")
    with pytest.raises(BadInput, match="is no list"):
        load(tmp_path / "x.yaml")
