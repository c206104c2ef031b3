"""Reads the catalog of collectors and the presets. Each mistake is reported with its file, line and entry."""

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

import yaml

from ..errors import BadInput
from ..model import FILES, READS, Collector, Detect, Tool
from ..regex import text_pattern
from ..yaml_reader import LOADER, read_yaml

FOLDER = Path(__file__).parent
PRESETS = FOLDER / "presets.yaml"
_LINE = "line of"  # key for the line of an entry; no file contains it
_CHOICES = {
    "runtime": ("any", "jvm", "python", "node", "go", "ruby", "php", "dotnet", "native"),
    "invasive": ("safe", "pauses", "heavy"),
    "kind": ("text", "binary"),
    "reads_api": ("", *READS),
}
_TOOL_LISTS = ("in_image", "from_debug", "from_log")
# The tar of busybox, and that of GNU.
_TAR_DENIED = (
    r"^tar: (can't change directory to '/proc/\d+/root'|/proc/\d+/root: Cannot (open|chdir|stat)): Permission denied$"
)
_PATTERNS = ("denied_pattern", "refused_pattern", "in_log")
_NEEDS = ("SYS_PTRACE", "NET_RAW", "NET_ADMIN")
_ID = re.compile(r"[a-z][a-z0-9-]{1,40}")
_FILE = re.compile(r"([\w.-]+/)*[\w.-]+")
_DEFAULTS: dict[str, Any] = {
    "file": "", "looks_for": "", "in_image": [], "from_debug": [], "reads_api": "", "runtime": "any",
    "invasive": "safe", "needs": [], "kind": "text", "detect": None, "unproved": False,
    "copies_heap": False, "from_log": [],
}  # fmt: skip
_IN_SNAPSHOT = ("logs", "events")  # part of the pod snapshot: a job that names both reads them once
_REQUIRED = {"id", "title", "time_limit_s", "size_limit_bytes", "source"}
_KINDS = {str: "one line of text", bool: "true or false"}
_MAX_EXIT_CODE = 255
_TOOL_KEYS = {field.name for field in fields(Tool)}
_TOOL_REQUIRED = {field.name for field in fields(Tool) if field.default is MISSING}


@dataclass(frozen=True, slots=True)
class Preset:
    """A named list of collectors, usually for a symptom."""

    name: str
    title: str
    collectors: tuple[str, ...]
    goal: tuple[str, ...]
    """The collectors that it is for. At least one must produce an artifact."""


@dataclass(frozen=True, slots=True)
class Goal:
    """What a job requests by one name. At least one of the collectors must produce an artifact."""

    collectors: tuple[Collector, ...]


@dataclass(frozen=True, slots=True)
class Chosen:
    """The collectors that a job requests. ``preset``: at least one of its names is a preset."""

    collectors: tuple[Collector, ...]
    preset: bool
    goals: tuple[Goal, ...] = ()

    @property
    def runtimes(self) -> tuple[Collector, ...]:
        """Return the collectors of a preset that detect a managed runtime; () if there is no preset."""
        if not self.preset:
            return ()
        return tuple(collector for collector in self.collectors if collector.detect and collector.runtime != "any")


def catalog(extra: str = "") -> dict[str, Collector]:
    """Return all collectors by their ID. Those in the file ``extra`` replace included ones with the same ID."""
    own = [file for file in sorted(FOLDER.glob("*.yaml")) if file != PRESETS]
    files = [*own, *([Path(extra)] if extra else [])]
    collectors = {collector.id: collector for file in files for collector in load(file)}
    conflicts = collectors.keys() & presets().keys()
    if conflicts:
        raise BadInput(
            f"{extra} is not valid", f"{', '.join(conflicts)} is also the name of a preset", "Choose another id."
        )
    return collectors


def presets() -> dict[str, Preset]:
    """Return the presets by their name."""
    entries = _entries(PRESETS)
    return {entry["name"]: _preset(entry) for entry in entries}


def _preset(entry: Mapping[str, Any]) -> Preset:
    collectors = tuple(entry["collectors"])
    return Preset(entry["name"], entry["title"], collectors, tuple(entry.get("goal", collectors)))


def choose(names: str, extra: str = "") -> Chosen:
    """Return the collectors and presets named in ``names``, separated by commas. Raises BadInput for an unknown one."""
    collectors, groups = catalog(extra), presets()
    requested = list(dict.fromkeys(name.strip() for name in names.split(",")))
    unknown = [name for name in requested if name not in collectors and name not in groups]
    if unknown:
        raise _unknown_name_error(unknown, [*groups, *collectors])
    named = [collectors[id_] for name in requested for id_ in (groups[name].collectors if name in groups else (name,))]
    snapshot = next((collector for collector in named if collector.reads_api == "snapshot"), None)

    def reader(collector: Collector) -> Collector:
        return snapshot if snapshot and collector.reads_api in _IN_SNAPSHOT else collector

    goals = (groups[name].goal if name in groups else (name,) for name in requested)
    return Chosen(
        tuple(dict.fromkeys(reader(collector) for collector in named)),
        preset=any(name in groups for name in requested),
        goals=tuple(Goal(tuple(reader(collectors[id_]) for id_ in goal)) for goal in goals),
    )


def files_collector(paths: Sequence[str]) -> Collector:
    """Return the collector that copies ``paths`` of the target as a tar file. The target need not have tar."""
    relative = tuple(_relative(path) for path in paths)
    return Collector(
        id=FILES,
        title=f"Files {' '.join(paths)}",
        file="files.tar",
        looks_for="",
        in_image=(Tool(("tar", "-C", "/", "-cf", "-", *relative), ("tar", "--version")),),
        from_debug=(
            Tool(
                ("tar", "-C", "/proc/{pid}/root", "-cf", "-", *relative),
                # The message of busybox.
                denied_pattern=_TAR_DENIED,
            ),
        ),
        reads_api="",
        time_limit_s=1800,
        size_limit_bytes=16 << 30,
        source="https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html",
        kind="binary",
        paths=relative,
    )


def _relative(path: str) -> str:
    """Return ``path`` as an argument of tar that is not mistaken for an option."""
    relative = path.strip("/") or "."
    return f"./{relative}" if relative.startswith("-") else relative


def load(file: Path) -> list[Collector]:
    """Return the collectors of one ``file``. Raises BadInput that names the line of each mistake."""
    mistakes: list[str] = []
    collectors = [_collector(entry, mistakes) for entry in _entries(file)]
    if mistakes:
        raise BadInput(f"{file} is not valid", "; ".join(mistakes), "Correct the file. Nothing was captured.")
    return [collector for collector in collectors if collector]


def _unknown_name_error(unknown: Iterable[str], names: list[str]) -> BadInput:
    near = [match for name in unknown for match in difflib.get_close_matches(name, names, n=3, cutoff=0.5)]
    meant = f"Did you mean {', '.join(dict.fromkeys(near))}? " if near else ""
    return BadInput(f"unknown collector {', '.join(unknown)}", "", f"{meant}Available: {', '.join(sorted(names))}.")


class _Loader(LOADER):  # type: ignore[misc] # a safe loader, with or without libyaml
    """Adds the line of each mapping."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        return {_LINE: node.start_mark.line + 1, **super().construct_mapping(node, deep=deep)}


def _entries(file: Path) -> list[dict[str, Any]]:
    try:
        entries = read_yaml(file.read_text(encoding="utf-8"), _Loader)
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"cannot read {file}", str(error), "Set the path of a catalog file.") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: 2001-13-45 is not a date
        raise BadInput(f"{file} is not YAML", str(error), "Correct the file. Nothing was captured.") from error
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise BadInput(f"{file} contains no collectors", "it is not a list of mappings")
    return entries


def _collector(entry: dict[str, Any], all_mistakes: list[str]) -> Collector | None:
    line = entry.pop(_LINE)
    name = f"line {line}, collector {entry.get('id')}"
    mistakes = [*_key_mistakes(entry, _REQUIRED, _DEFAULTS.keys() | _REQUIRED), *_value_mistakes(_DEFAULTS | entry)]
    tools = {key: [_tool(tool, mistakes) for tool in _as_list(entry.get(key))] for key in _TOOL_LISTS}
    detect = _detect(entry.get("detect"), mistakes)
    all_mistakes += [f"{name}: {mistake}" for mistake in mistakes]
    if mistakes:
        return None
    values = (
        _DEFAULTS | entry | {key: tuple(filter(None, listed)) for key, listed in tools.items()} | {"detect": detect}
    )
    values["needs"] = tuple(values["needs"])
    return Collector(**values)


def _key_mistakes(entry: Mapping[str, Any], required: Iterable[str], optional: Iterable[str]) -> list[str]:
    unknown = [f"unknown key {key}" for key in entry if key not in set(optional)]
    return unknown + [f"{key} is missing" for key in sorted(set(required) - entry.keys())]


def _kind_mistakes(values: Mapping[str, Any], entry_type: type[Tool | Collector]) -> list[str]:
    """Return the mistakes in the fields of type text and boolean."""
    return [
        f"{field.name} must be {_KINDS[field.type]}"
        for field in fields(entry_type)
        if field.type in _KINDS and field.name in values and not _is_plain(values[field.name], field.type)
    ]


def _is_plain(value: Any, kind: Any) -> bool:
    return type(value) is kind and (kind is bool or value.isprintable())


def _value_mistakes(values: Mapping[str, Any]) -> list[str]:
    mistakes = _kind_mistakes(values, Collector)
    mistakes += [
        f"{key} must be one of {', '.join(filter(None, choices))}, not {values[key]!r}"
        for key, choices in _CHOICES.items()
        if values[key] not in choices
    ]
    if not _ID.fullmatch(str(values.get("id"))):
        mistakes.append("id must consist of lower-case letters, digits and dashes")
    if not values["reads_api"] and (not _FILE.fullmatch(str(values["file"])) or ".." in str(values["file"])):
        mistakes.append("file must be a relative name without directories")
    if not values["reads_api"] and not (values["in_image"] or values["from_debug"]):
        mistakes.append("it has no tool: set in_image, from_debug or reads_api")
    for key in ("time_limit_s", "size_limit_bytes"):
        number = values.get(key, 1)
        if type(number) is not int or number <= 0:
            mistakes.append(f"{key} must be a number greater than 0")
    needs = values["needs"]
    if not isinstance(needs, list) or any(need not in _NEEDS for need in needs):
        mistakes.append(f"needs must be a list of {', '.join(_NEEDS)}")
    return mistakes


def _tool(entry: Any, all_mistakes: list[str]) -> Tool | None:
    if not isinstance(entry, dict):
        all_mistakes.append("a tool must be a mapping")
        return None
    values = {key: value for key, value in entry.items() if key != _LINE}
    mistakes = _key_mistakes(values, _TOOL_REQUIRED, _TOOL_KEYS)
    mistakes += _kind_mistakes(values, Tool)
    for key in ("run", "present", "find"):
        words = values.get(key, [])
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            mistakes.append(f"{key} must be a list of strings")
            continue
        values[key] = tuple(words)
    if not mistakes and not values["run"]:
        mistakes.append("run is empty")
    for key in _PATTERNS:
        if values.get(key) and not mistakes:
            mistakes += _pattern_mistakes(key, values[key])
    mistakes += _number_mistakes(values)
    if values.get("find") and not mistakes:
        mistakes += _pattern_mistakes("pid_pattern", str(values.get("pid_pattern", "")), groups=1)
    all_mistakes += [f"line {entry[_LINE]}: {mistake}" for mistake in mistakes]
    return None if mistakes else Tool(**values)


def _number_mistakes(values: Mapping[str, Any]) -> Iterator[str]:
    code, memory_mib = values.get("denied_exit_code", 1), values.get("memory_mib", 0)
    if type(code) is not int or not 1 <= code <= _MAX_EXIT_CODE:
        yield f"denied_exit_code must be a number from 1 to {_MAX_EXIT_CODE}"
    if type(memory_mib) is not int or memory_mib < 0:
        yield "memory_mib must be a number, 0 or greater"


def _detect(entry: Any, mistakes: list[str]) -> Detect | None:
    if entry is None:
        return None
    values = {key: value for key, value in entry.items() if key != _LINE} if isinstance(entry, dict) else {}
    if len(values) != 1 or not values.keys() <= {"maps", "exe", "comm"}:
        mistakes.append("detect must have exactly one of maps, exe, comm, with a pattern")
        return None
    ((by, pattern),) = values.items()
    mistakes += _pattern_mistakes("detect", str(pattern))
    return Detect(by, str(pattern))


def _pattern_mistakes(key: str, pattern: str, groups: int | None = None) -> list[str]:
    try:
        compiled = text_pattern(pattern, key)
    except BadInput as error:
        return [f"the pattern of {key} is not valid: {error.reason}"]
    return [f"{key} must have exactly one group, for the PID"] if groups not in (None, compiled.groups) else []


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
