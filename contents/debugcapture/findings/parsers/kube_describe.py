"""Reads `kubectl describe` of pods and of other objects line by line, also if it is cut or lost its indentation."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from ...text import number_in
from ..evidence import Evidence, Line
from .kube_model import Condition, Container, ContainerKind, Event, Pod, Probe, Run, Scaler, Workload

_SECTIONS: Final[dict[str, ContainerKind]] = {
    "Containers": "container",
    "Init Containers": "init container",
    "Ephemeral Containers": "debug container",
}
_OTHER_SECTIONS: Final = frozenset({"Conditions", "Volumes", "Events", "Tolerations", "IPs", "Metrics", "Addresses"})
_BLOCKS: Final = frozenset({"Command", "Args", "Limits", "Requests", "Environment", "Mounts", "Devices"})
_CONTAINER_KEYS: Final = _BLOCKS | {
    *("Container ID", "Image", "Image ID", "Port", "Ports", "Host Port", "Host Ports", "State", "Last State", "Ready"),
    *("Reason", "Message", "Exit Code", "Signal", "Started", "Finished", "Restart Count", "Liveness", "Readiness"),
    *("Startup", "Environment Variables from", "SeccompProfile", "Restart Policy", "QoS Tier"),
}
_RUN_KEYS: Final = frozenset({"Reason", "Message", "Exit Code", "Signal", "Started", "Finished"})
_NODE_KEYS: Final = frozenset({"Role", "Roles", "Unschedulable", "Allocatable", "System Info", "Lease"})
# A key that only descriptions of this kind have. The order matters: several have the status of their pods.
_KINDS: Final = {
    "Parallelism": "Job",
    "Desired Number of Nodes Scheduled": "DaemonSet",
    "Update Strategy": "StatefulSet",
    "Pods Status": "ReplicaSet",
    "Access Modes": "PersistentVolumeClaim",
    "Schedule": "CronJob",
}
_CONTAINER_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,62}")
_DESIRED = re.compile(r"(\d{1,9}) desired .{0,60}?(\d{1,9}) available")
_REPLICAS = re.compile(r"(\d{1,9}) current / (\d{1,9}) desired")
_MOST_QUOTES: Final = 8
_MOST_COMMAND_LINES: Final = 400


@dataclass
class _ContainerDraft:
    """A container that is being read."""

    name: str
    kind: ContainerKind
    run: Literal["state", "last", ""] = ""
    block: str = ""
    block_indent: int = 0
    runs: dict[str, Run] = field(default_factory=lambda: {"state": Run(), "last": Run()})
    image: str = ""
    restarts: int | None = None
    ready: bool | None = None
    blocks: dict[str, list[str]] = field(default_factory=dict)
    has_more_variables: bool = False
    probes: list[Probe] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)

    def finished(self, evidence: Evidence) -> Container:
        """Return the container."""
        quotes = self.lines[:_MOST_QUOTES]
        variables = self.blocks.get("Environment")
        return Container(
            name=self.name,
            kind=self.kind,
            image=self.image,
            state=self.runs["state"],
            last=self.runs["last"],
            restarts=self.restarts,
            ready=self.ready,
            limits=_pairs(self.blocks.get("Limits", ())),
            requests=_pairs(self.blocks.get("Requests", ())),
            has_spec="Mounts" in self.blocks or "Environment" in self.blocks,
            command=(*self.blocks.get("Command", ()), *self.blocks.get("Args", ())),
            variables=None
            if variables is None or self.has_more_variables
            else frozenset(line.partition(":")[0] for line in variables),
            probes=tuple(self.probes),
            lines=evidence.quote(quotes[0].number, quotes[-1].number, *(line.text.strip() for line in quotes))
            if quotes
            else None,
        )

    def add(self, line: Line, key: str, value: str) -> None:
        """Add a line with one of the keys of a container."""
        self.block = ""
        if key in ("State", "Last State"):
            self.run = "state" if key == "State" else "last"
            phase = value.lower()
            self.runs[self.run] = Run(phase=phase if phase in ("running", "waiting", "terminated") else "")  # type: ignore[arg-type]
        elif key in _RUN_KEYS:
            self._add_to_run(key, value)
        else:
            self.run = ""
            self._add_fact(line, key, value)
        if key in _RUN_KEYS or key in ("State", "Last State", "Restart Count"):
            self.lines.append(line)

    def _add_to_run(self, key: str, value: str) -> None:
        run = self.runs[self.run or "state"]
        if key == "Exit Code":
            run = replace(run, exit_code=number_in(value))
        elif key == "Signal":
            run = replace(run, signal=number_in(value))
        elif key == "Reason":
            run = replace(run, reason=value)
        elif key == "Message":
            run = replace(run, message=value)
        elif key == "Started":
            run = replace(run, started=value)
        else:
            run = replace(run, finished=value)
        self.runs[self.run or "state"] = run

    def _add_fact(self, line: Line, key: str, value: str) -> None:
        if key == "Image":
            self.image = value
        elif key == "Ready":
            self.ready = {"True": True, "False": False}.get(value)
        elif key == "Restart Count":
            self.restarts = number_in(value)
        elif key in ("Liveness", "Readiness", "Startup"):
            self.probes.append(Probe(key, value))  # type: ignore[arg-type]  # one of the three
        elif key == "Environment Variables from":
            self.has_more_variables = True
            self.block = ""
        elif key in _BLOCKS:
            self.block = key
            self.block_indent = _indent(line.text)
            self.blocks[key] = [value] if value and value not in ("<none>", "<unset>") else []

    def close(self) -> None:
        """End the open block: the next lines are not about the container."""
        self.block, self.run = "", ""

    def add_to_block(self, text: str) -> None:
        """Add a line of the open block, or the next line of a message."""
        if self.block:
            lines = self.blocks[self.block]
            if len(lines) < _MOST_COMMAND_LINES:
                lines.append(text)
        elif self.run and self.runs[self.run].message:
            run = self.runs[self.run]
            self.runs[self.run] = replace(run, message=f"{run.message} {text}"[:4000])


@dataclass
class _Draft:
    """An object that is being read."""

    facts: dict[str, str] = field(default_factory=dict)
    containers: list[_ContainerDraft] = field(default_factory=list)
    conditions: list[Condition] = field(default_factory=list)
    selector: list[str] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    events: list[Event] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)


class DescriptionReader:
    """Collects the objects that `kubectl describe` prints, one after the other."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._draft = _Draft()
        self._section = ""
        self.finished: list[Pod | Workload | Scaler | Event] = []

    def add_event(self, event: Event) -> None:
        """Add an event of the object that is being read."""
        self._draft.events.append(event)

    def extend_event(self, text: str) -> bool:
        """Add a line to the message of the last event; return whether there is one."""
        if not self._draft.events:
            return False
        last = self._draft.events[-1]
        self._draft.events[-1] = replace(last, message=f"{last.message} {text}"[:4000])
        return True

    def add(self, line: Line) -> None:
        """Add a line that is not part of a table of events."""
        text = line.text.strip()
        indent = _indent(line.text)
        key, colon, value = text.partition(":")
        value = value.strip()
        if not text:
            return
        if key == "Name" and colon and indent == 0:
            self.finish()
        container = self._draft.containers[-1] if self._draft.containers else None
        if container and container.block and _is_inside(container, indent, key, bool(colon)):
            container.add_to_block(text)
        elif colon and not value and (key in _SECTIONS or key in _OTHER_SECTIONS) and indent == 0:
            self._section = key
            self._draft.keys.add(key)
        elif self._is_container_name(indent, key, value, bool(colon)):
            self._draft.containers.append(_ContainerDraft(key, _SECTIONS.get(self._section, "container")))
        elif colon and self._is_of_container(key, indent):
            self._container().add(line, key, value)
        elif container and indent > 0 and self._section in _SECTIONS:
            container.add_to_block(text)
        else:
            self._add_fact(line, key if colon else "", value, text)

    def _is_container_name(self, indent: int, key: str, value: str, colon: bool) -> bool:
        return (
            self._section in _SECTIONS and colon and not value and indent <= 2 and bool(_CONTAINER_NAME.fullmatch(key))
        )

    def _is_of_container(self, key: str, indent: int) -> bool:
        if key not in _CONTAINER_KEYS or self._section in _OTHER_SECTIONS:
            return False
        is_first = not self._draft.containers
        if is_first and key in ("Reason", "Message") and indent == 0:
            return False  # of the pod
        return indent > 0 or self._section in _SECTIONS or not is_first or key in ("State", "Last State")

    def _container(self) -> _ContainerDraft:
        if not self._draft.containers:
            self._draft.containers.append(_ContainerDraft("", "container"))
        return self._draft.containers[-1]

    def _add_fact(self, line: Line, key: str, value: str, text: str) -> None:
        if _indent(line.text) == 0 and key:
            self._section = ""
            if self._draft.containers:
                self._draft.containers[-1].close()
            self._draft.keys.add(key)
            self._draft.facts.setdefault(key, value)
            if len(self._draft.lines) < _MOST_QUOTES and key in ("Name", "Node", "Status", "Reason", "Message"):
                self._draft.lines.append(line)
            if key == "Node-Selectors":
                self._section = key
                self._draft.selector = [value] if value and value != "<none>" else []
        elif self._section == "Conditions":
            self._draft.conditions.extend(_condition(line.text))
        elif self._section == "Node-Selectors" and "=" in text:
            self._draft.selector.append(text)

    def finish(self) -> None:
        """Complete the object that is being read."""
        draft, self._draft, self._section = self._draft, _Draft(), ""
        described = self._build(draft)
        if described:
            self.finished.append(described)
        name = draft.facts.get("Name", "")
        kind = described.kind if isinstance(described, Workload) else "Pod"
        kind = "HorizontalPodAutoscaler" if isinstance(described, Scaler) else kind
        about = f"{kind}/{name or (_pod_named_in(draft.events) if kind == 'Pod' else '')}".rstrip("/")
        for event in draft.events:
            self.finished.append(event if event.object else replace(event, object=about if "/" in about else ""))

    def _build(self, draft: _Draft) -> Pod | Workload | Scaler | None:
        name = draft.facts.get("Name", "")
        quotes = draft.lines
        lines = (
            self._evidence.quote(quotes[0].number, quotes[-1].number, *(line.text.strip() for line in quotes))
            if quotes
            else None
        )
        if "Max replicas" in draft.facts:
            return _scaler(draft, lines)
        if draft.keys & _NODE_KEYS:
            return Workload("Node", name, tuple(draft.conditions), lines=lines)
        desired = _DESIRED.search(draft.facts.get("Replicas", ""))
        if desired and "StrategyType" in draft.facts:
            required, available = int(desired[1]), int(desired[2])
            conditions = tuple(draft.conditions)
            return Workload("Deployment", name, conditions, desired=required, available=available, lines=lines)
        kind = next((kind for key, kind in _KINDS.items() if key in draft.keys), "")
        if kind:
            return Workload(kind, name, tuple(draft.conditions), lines=lines)
        if not draft.containers and "Status" not in draft.facts:
            return Workload("object", name, tuple(draft.conditions), lines=lines) if draft.conditions else None
        return _pod(draft, tuple(container.finished(self._evidence) for container in draft.containers), lines)


def _pod(draft: _Draft, containers: tuple[Container, ...], lines: object) -> Pod:
    facts = draft.facts
    status = facts.get("Status", "")
    node = facts.get("Node", "").partition("/")[0]
    owner = facts.get("Controlled By", facts.get("Created By", ""))
    is_deleted = status.startswith("Terminating")
    return Pod(
        name=facts.get("Name", ""),
        namespace=facts.get("Namespace", ""),
        node="" if node == "<none>" else node,
        phase=status.split(" ")[0],
        reason=facts.get("Reason", ""),
        message=facts.get("Message", ""),
        owner=owner,
        deleted=status.partition("(")[2].rstrip(")") or "unknown" if is_deleted else "",
        started=facts.get("Start Time", ""),
        node_selector=tuple(draft.selector),
        containers=containers,
        conditions=tuple(draft.conditions),
        lines=lines,  # type: ignore[arg-type]
    )


def _scaler(draft: _Draft, lines: object) -> Scaler:
    replicas = next((match for value in draft.facts.values() if (match := _REPLICAS.search(value))), None)
    return Scaler(
        name=draft.facts.get("Name", ""),
        target=draft.facts.get("Reference", ""),
        current=int(replicas[1]) if replicas else None,
        desired=int(replicas[2]) if replicas else None,
        most=number_in(draft.facts["Max replicas"]),
        conditions=tuple(draft.conditions),
        lines=lines,  # type: ignore[arg-type]
    )


def _is_inside(container: _ContainerDraft, indent: int, key: str, colon: bool) -> bool:
    """Return whether a line belongs to the open block: it is indented further, or has no key of a container."""
    if indent > container.block_indent:
        return True
    is_key = colon and (key in _CONTAINER_KEYS or key in _SECTIONS or key in _OTHER_SECTIONS)
    return indent == container.block_indent == 0 and not is_key and not _CONTAINER_NAME.fullmatch(key)


def _condition(text: str) -> Iterator[Condition]:
    cells = re.split(r"\s{2,}", text.strip()[:2000])
    if len(cells) == 1:
        cells = text.split()
    if len(cells) < 2 or cells[1] not in ("True", "False", "Unknown"):
        return
    reason, message = (cells[4], " ".join(cells[5:])) if len(cells) >= 5 else ("".join(cells[2:3]), "".join(cells[3:4]))
    yield Condition(cells[0], cells[1], reason, message)


def _pairs(lines: tuple[str, ...] | list[str]) -> dict[str, str]:
    parts = (line.partition(":") for line in lines)
    return {key.strip(): value.strip() for key, colon, value in parts if colon}


def _pod_named_in(events: list[Event]) -> str:
    """Return the name of the pod that messages of ``events`` contain; "" if none does."""
    for event in events:
        words = event.message.split(" ")
        if event.reason == "Scheduled" and event.message.startswith("Successfully assigned ") and len(words) > 2:
            return words[2].rpartition("/")[2]
        if event.reason == "BackOff" and " in pod " in event.message:
            return event.message.partition(" in pod ")[2].partition("_")[0]
    return ""


def _indent(text: str) -> int:
    return len(text) - len(text.lstrip())
