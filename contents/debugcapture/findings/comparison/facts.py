"""The facts of one pod that can be compared with those of another pod."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from ...text import shortened
from ..evidence import Evidence
from ..isolation import Isolation
from ..messages import included_messages
from ..parsers import goroutines, jvm_threads, kube_objects, metrics_file
from ..parsers.goroutines import GoDump
from ..parsers.jvm_model import ThreadDumps
from ..parsers.kube_documents import documents, items, mapping, text
from ..parsers.kube_pods import pod_in
from ..parsers.log import is_text, parse_log
from ..parsers.log_line import template, without_prefix
from ..parsers.log_model import Log
from ..rules.jvm_activity import is_idle, is_infrastructure

_MOST_BYTES: Final = 8 << 20  # a larger file would cost more time than its comparison is worth
Key = tuple[str, ...]
"""Name of a container, and of a part of it."""
_LOG_COLLECTORS: Final = ("pod-snapshot", "logs")
_MOST_ERRORS: Final = 200
_ERROR_CHARACTERS: Final = 160


@dataclass(slots=True)
class PodFacts:
    """The facts about one pod. A fact is missing if the capture has no file that contains it."""

    pod: str
    node: str = ""
    images: dict[Key, str] = field(default_factory=dict)
    """Image of each container."""
    variables: dict[Key, str] = field(default_factory=dict)
    """Masked value of each variable, by container and name; where it comes from, if the spec has no value."""
    limits: dict[Key, str] = field(default_factory=dict)
    """Limit by container and resource."""
    memory: dict[str, int] = field(default_factory=dict)
    """Bytes that each container uses."""
    threads: int = 0
    """Number of threads of the application, or of goroutines; 0 if unknown."""
    waiting: Counter[str] = field(default_factory=Counter)
    """Threads or goroutines that are not idle, by their place and what they wait for."""
    errors: Counter[str] = field(default_factory=Counter)
    """Error messages of its logs without their variable parts, with their count."""
    has_log: bool = False


def facts_of(pod: str, files: Iterable[Evidence], isolation: Isolation, *, masked: bool) -> PodFacts:
    """Return the facts in the ``files`` of ``pod``. Unless they are ``masked``, values of variables are left out."""
    facts = PodFacts(pod)
    for file in files:
        isolation.run(file, partial(_read, file, facts, masked=masked), None)
    return facts


def _read(file: Evidence, facts: PodFacts, *, masked: bool) -> None:
    if file.path.stat().st_size > _MOST_BYTES:
        return
    if metrics_file.recognize(file):
        facts.memory.update({usage.name: usage.memory for usage in metrics_file.parse(file)})
    elif jvm_threads.recognize(file) and file.collector.startswith("jvm-thread-dump"):
        _add_threads(jvm_threads.parse(file), facts)
    elif file.collector == "go-goroutines" and goroutines.recognize(file):
        _add_goroutines(goroutines.parse(file), facts)
    elif kube_objects.recognize(file) and file.collector == "pod-snapshot":
        _add_spec(documents(file.head), facts, masked=masked)
    elif file.collector in _LOG_COLLECTORS and file.name.endswith(".log") and is_text(file):
        _add_errors(parse_log(file, included_messages()), facts)


def _add_threads(dumps: ThreadDumps, facts: PodFacts) -> None:
    threads = [thread for thread in dumps.last.java_threads if not is_infrastructure(thread)]
    facts.threads = len(threads)
    for thread in threads:
        if not is_idle(thread) and thread.place:
            state = f"{thread.state} " if thread.state else ""
            facts.waiting[f"{state}at {thread.place}"] += 1


def _add_goroutines(dump: GoDump, facts: PodFacts) -> None:
    facts.threads = dump.total
    for group in dump.groups:
        own = next((frame for frame in group.stack if not frame.is_standard), None)
        if own is not None:
            facts.waiting[f"{group.state} at {own}".strip()] += group.count


def _add_spec(values: Iterable[Any], facts: PodFacts, *, masked: bool) -> None:
    value = next((value for value in values if isinstance(value, dict) and value.get("kind", "Pod") == "Pod"), None)
    if value is None:
        return
    pod = pod_in(value)
    facts.node = pod.node
    for container in pod.containers:
        if container.kind != "debug container":
            facts.images[container.name,] = container.image
            facts.limits.update({(container.name, name): limit for name, limit in container.limits.items()})
    for spec in (*items(value, "spec", "initContainers"), *items(value, "spec", "containers")):
        for variable in items(spec, "env"):
            name = text(variable.get("name"))
            if origin := _value_of(variable, masked=masked):
                facts.variables[text(spec.get("name")), name] = origin


def _value_of(variable: Mapping[str, Any], *, masked: bool) -> str:
    """Return the value of a variable as the comparison shows it; "" if it differs between pods by design."""
    source = mapping(variable, "valueFrom")
    if "fieldRef" in source or "resourceFieldRef" in source:
        return ""
    for kind in ("secretKeyRef", "configMapKeyRef"):
        if reference := mapping(source, kind):
            return f"key {text(reference.get('key'))} of {kind.removesuffix('KeyRef')} {text(reference.get('name'))}"
    return shortened(text(variable.get("value")), _ERROR_CHARACTERS) or '""' if masked else "set"


def _add_errors(log: Log, facts: PodFacts) -> None:
    facts.has_log = True
    for group in log.groups[:_MOST_ERRORS]:
        if group.message is not None and group.message.severity == "none":
            continue
        facts.errors[shortened(template(without_prefix(group.last.text)), _ERROR_CHARACTERS)] += group.count
