"""Every setting, declared once: its type, its text in Rundeck's form, its rule.

A group is a frozen dataclass below `Group`; the annotation of a field gives its kind (`str`, `int`, `bool`,
`Literal` for a choice), `setting()` the rest. plugin.yaml is generated from these groups. `read` turns the text of
Rundeck's environment variables (``RD_CONFIG_<NAME>``) into typed values and checks them, because Rundeck does not
check values when a step runs.
"""

import dataclasses
import re
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeVar

from ..errors import BadInput

T = TypeVar("T")

NAME = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
POD_NAME = r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?"
_OBJECT_NAME = re.compile(POD_NAME)
CAPTURE_ID = r"\d{8}T\d{6}Z-[a-z0-9.-]+"
DAY_S = 24 * 60 * 60
_REFERENCE = re.compile(r"\$\{(option|data|export|globals|job|node)\.[^}]*\}")  # what Rundeck replaces in a step


@dataclass(frozen=True)
class Rule:
    """What a form shows for a setting, and which values it takes."""

    title: str
    description: str
    pattern: str = ""
    allowed: str = ""
    """The pattern in words."""
    least: int | None = None
    most: int | None = None
    required: bool = False
    lines: bool = False
    """Whether the value may have several lines."""
    syntax: str = ""
    """The language by which Rundeck's editor colors several lines."""
    secret: bool = False
    """Whether the value comes from Key Storage. It is never printed."""
    nothing: str = ""
    """Text that means blank. Rundeck writes it for a value that does not exist."""
    group: str = ""
    """Title of a folded group of the form. Blank: the group of the dataclass."""


class Group:
    """Settings that belong together: one part of a step's form."""

    title: ClassVar[str]
    # A folded group holds what a project sets once, or what few jobs need. Its fields have no default in the form:
    # Rundeck would save the default with each step that is edited, and the project's value would never be used.
    folded: ClassVar[bool] = False


G = TypeVar("G", bound=Group)


def groups(*kinds: type[Group]) -> tuple[Group, ...]:
    """Return a dataclass field with one group for each of ``kinds``. Each is a separate part of the form."""
    field: tuple[Group, ...] = dataclasses.field(default=tuple(kind() for kind in kinds), metadata={"parts": kinds})
    return field


def setting(default: T, title: str, description: str, **rule: Any) -> T:
    """Return a dataclass field that carries its `Rule`; typed as its value, so that checkers see a plain field."""
    field: T = dataclasses.field(default=default, metadata={"rule": Rule(title, description, **rule)})
    return field


def dry_run_setting() -> bool:
    """Return the setting of a dry run. All forms share one description: Rundeck translates a setting by its name."""
    text = (
        "Shows what the step would do, but changes and captures nothing. A capture lists its collectors and "
        "privileges; a restart is validated by the API server."
    )
    return setting(False, "Dry run", text)


@dataclass(frozen=True)
class Declared:
    """One setting of a step, as generators and documents need it."""

    name: str
    group: str
    kind: Literal["text", "number", "switch", "choice"]
    choices: tuple[str, ...]
    default: str
    rule: Rule
    set_once: bool
    """Whether an installation sets it for its project, and rarely for a job; see `Group.folded`."""
    detail: bool
    """Whether it is in a separate, folded part of the form. The short page of help omits such settings."""


def declared(step: type[Any]) -> list[Declared]:
    """Return the settings of ``step``, a dataclass of groups, in the order of the form."""
    return [setting for group in typing.get_type_hints(step).values() for setting in _declared_in(group)]


def read(step: type[T], values: Mapping[str, str]) -> T:
    """Return ``step`` filled from ``values`` (setting name → text); blank text stands for the default.

    Raises BadInput that names every wrong value; a secret's value is not repeated.
    """
    problems: list[str] = []
    groups = {
        name: group(**_read_group(group, values, problems)) for name, group in typing.get_type_hints(step).items()
    }
    if problems:
        raise BadInput(
            "wrong settings", "; ".join(problems), "Nothing was changed. Correct the settings and run again."
        )
    return step(**groups)


def written(step: object) -> dict[str, str]:
    """Return the settings of ``step``, a dataclass of groups, as text that `read` accepts. Omits default values."""
    texts: dict[str, str] = {}
    for field in dataclasses.fields(step):  # type: ignore[arg-type]
        texts |= _written_of(getattr(step, field.name))
    return texts


def _written_of(group: Any) -> dict[str, str]:
    texts: dict[str, str] = {}
    for field in dataclasses.fields(group):
        value = getattr(group, field.name)
        if "parts" in field.metadata:
            for part in value:
                texts |= _written_of(part)
        elif value != field.default:
            texts[field.name] = _text(value)
    return texts


def _text(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _declare(group: type[Group], field: "dataclasses.Field[Any]", hint: Any) -> Declared:
    choices = tuple(str(choice) for choice in typing.get_args(hint))
    kind: Literal["text", "number", "switch", "choice"]
    kind = "choice" if choices else "switch" if hint is bool else "number" if hint is int else "text"
    default = str(field.default).lower() if hint is bool else str(field.default)
    rule: Rule = field.metadata["rule"]
    detail = bool(rule.group)
    return Declared(field.name, rule.group or group.title, kind, choices, default, rule, detail or group.folded, detail)


def _declared_in(group: type[Group]) -> Iterator[Declared]:
    hints = typing.get_type_hints(group)
    for field in dataclasses.fields(group):  # type: ignore[arg-type]
        if "parts" in field.metadata:
            for part in field.metadata["parts"]:
                yield from (dataclasses.replace(setting, detail=True) for setting in _declared_in(part))
        else:
            yield _declare(group, field, hints[field.name])


def _read_group(group: type[Any], values: Mapping[str, str], problems: list[str]) -> dict[str, Any]:
    read_values: dict[str, Any] = {}
    hints = typing.get_type_hints(group)
    for field in dataclasses.fields(group):
        if "parts" in field.metadata:
            kinds: tuple[type[Any], ...] = field.metadata["parts"]
            read_values[field.name] = tuple(kind(**_read_group(kind, values, problems)) for kind in kinds)
            continue
        setting = _declare(group, field, hints[field.name])
        text = values.get(field.name, "").strip()
        text = "" if text == setting.rule.nothing else text
        problem = problem_of(setting, text or setting.default)
        if problem:
            problems.append(problem)
        else:
            read_values[field.name] = _convert(setting, text or setting.default)
    return read_values


def problem_of(setting: Declared, text: str) -> str:
    """Return what is wrong with ``text`` as the value of the setting ``setting``; "" when nothing is."""
    rule = setting.rule
    if not text:
        return f"{setting.name} is missing ({rule.title})" if rule.required else ""
    problem = _form_problem(setting, text)
    if problem and not rule.secret and (reference := _REFERENCE.search(text)):
        return f"{problem}: Rundeck did not replace {reference[0]}; check that the job has that option or value"
    return problem


def _form_problem(setting: Declared, text: str) -> str:
    """Return how ``text`` breaks the rule of the setting ``setting``; "" when it does not."""
    rule = setting.rule
    if any("\ud800" <= character <= "\udfff" or character == "\0" for character in text):
        return f"{setting.name} is not valid UTF-8 text"
    quoted = "its value" if rule.secret else repr(text)
    if setting.kind == "choice" and text not in setting.choices:
        return f"{setting.name} must be one of {', '.join(setting.choices)}, not {quoted}"
    if setting.kind == "switch" and text not in ("true", "false"):
        return f"{setting.name} must be true or false, not {quoted}"
    if setting.kind == "number":
        return _number_problem(setting, text)
    if rule.pattern and not (re.fullmatch(rule.pattern, text) and (rule.lines or text.isprintable())):
        return f"{setting.name} must be {rule.allowed}, not {quoted}"
    return ""


def _number_problem(setting: Declared, text: str) -> str:
    least, most = setting.rule.least or 0, setting.rule.most
    if re.fullmatch(r"\d{1,9}", text) and least <= int(text) and (most is None or int(text) <= most):
        return ""
    bounds = f"of {least} or more" if most is None else f"from {least} to {most}"
    return f"{setting.name} must be a number {bounds}, not {text!r}"


def _convert(setting: Declared, text: str) -> str | int | bool:
    if setting.kind == "switch":
        return text == "true"
    return int(text) if setting.kind == "number" else text


def is_object_name(text: str) -> bool:
    """Return whether ``text`` can be the name of an object in Kubernetes, which is also safe as the name of a folder.

    Source: Kubernetes documentation, "Object Names and IDs" (DNS subdomain names).
    """
    return bool(_OBJECT_NAME.fullmatch(text))
