"""Read the catalog of collectors. It is strict: a mistake names its file and entry."""

from collections.abc import Set
from dataclasses import fields
from pathlib import Path
from typing import Any

import yaml

from ..errors import BadInput
from ..model import Collector, Tool

FOLDER = Path(__file__).parent
_DEFAULTS: dict[str, Any] = {"in_image": [], "from_debug": None, "reads_api": False, "looks_for": ""}
_REQUIRED = {field.name for field in fields(Collector)} - _DEFAULTS.keys()


def catalog() -> dict[str, Collector]:
    """Return all collectors by their id."""
    collectors = [one for file in sorted(FOLDER.glob("*.yaml")) for one in load(file)]
    return {one.id: one for one in collectors}


def load(file: Path) -> list[Collector]:
    """Return the collectors of one ``file``. Raises BadInput that names the entry."""
    entries = yaml.load(file.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506
    if not isinstance(entries, list):
        raise BadInput(f"{file} has no collectors", "it is no list")
    return [_collector(entry, file) for entry in entries]


def choose(names: str) -> list[Collector]:
    """Return the collectors named in ``names``, separated by commas. Raises BadInput for an unknown one."""
    known = catalog()
    wanted = dict.fromkeys(name.strip() for name in names.split(","))
    unknown = [name for name in wanted if name not in known]
    if unknown:
        raise BadInput(f"no collector {', '.join(unknown)}", "", f"There are: {', '.join(sorted(known))}.")
    return [known[name] for name in wanted]


def _collector(entry: dict[str, Any], file: Path) -> Collector:
    name = f"collector {entry.get('id')} in {file}"
    _check_keys(entry, _REQUIRED, _DEFAULTS.keys(), name)
    values = _DEFAULTS | entry
    values["in_image"] = tuple(_tool(tool, name) for tool in values["in_image"])
    values["from_debug"] = _tool(values["from_debug"], name) if values["from_debug"] else None
    return Collector(**values)


def _tool(entry: dict[str, Any], name: str) -> Tool:
    _check_keys(entry, {"find", "pid_pattern", "run"}, {"present"}, name)
    present = tuple(entry.get("present", ()))
    return Tool(tuple(entry["find"]), entry["pid_pattern"], tuple(entry["run"]), present)


def _check_keys(entry: dict[str, Any], required: Set[str], optional: Set[str], name: str) -> None:
    wrong = (entry.keys() - required - optional) | (required - entry.keys())
    if wrong:
        raise BadInput(name, f"unknown or missing: {', '.join(sorted(wrong))}")
