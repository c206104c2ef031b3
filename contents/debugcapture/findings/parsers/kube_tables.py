"""Reads the rows of `kubectl get pods`, of `kubectl get events`, and of the events below a description."""

import re
from dataclasses import dataclass
from typing import Final

from ...text import number_in
from ..evidence import Evidence, Line
from .kube_model import Condition, Event, PodRow, Workload, duration_s, moment

_TYPES: Final = ("Normal", "Warning")
_AGE = r"(?:<?(?:unknown|invalid)>?|\d{4}-\d\d-\d\dT[\d:.]{5,20}Z?|\d[\dwdhmsy.]{0,20})"
_TIMES = re.compile(rf"({_AGE})(?: \(x(\d{{1,9}}) over ({_AGE})\))?")
_DESCRIBED = re.compile(rf"(Normal|Warning) (\S+) ({_AGE}(?: \(x\d{{1,9}} over {_AGE}\))?) (.+)")
_LISTED = re.compile(rf"(?:(\S+) )?({_AGE}(?: \(x\d{{1,9}} over {_AGE}\))?) (Normal|Warning) (\S+) (\S+/\S+) (.*)")
_OLD = re.compile(rf"({_AGE}) ({_AGE}) (\d{{1,9}}) (.*?) ?\b(Normal|Warning) (\S+) (.*)")
_SOURCE = re.compile(r"(?:[a-z][\w.-]*(?:, \S+)?|\{[^{}]*\}) ")
_POD = re.compile(
    r"(?:(\S+) )?([a-z0-9][a-z0-9.-]*) (\d{1,5})/(\d{1,5}) ([A-Z][\w:/.-]*) (\d{1,9})(?: \((\S+) ago\))? (\S+)(?: .*)?"
)
_NODE = re.compile(r"([a-z0-9][a-z0-9.-]*) ((?:Not)?Ready[\w,]*) (\S+) (\S+) (v\d[\w.+-]*)(?: .*)?")
_HEADERS: Final = (
    ("LAST SEEN", "TYPE", "REASON"),
    ("Type", "Reason", "Age", "Message"),
    ("TYPE", "REASON", "MESSAGE"),
)
_NAMES = re.compile(
    r"LAST SEEN|FIRST SEEN|FIRSTSEEN|LASTSEEN|NAMESPACE|TYPE|REASON|OBJECT|SUBOBJECT|SOURCE|MESSAGE|COUNT|NAME|KIND|"
    r"FirstSeen|LastSeen|Count|SubObjectPath|Type|Reason|Age|From|Message"
)


@dataclass(frozen=True, slots=True)
class Header:
    """The columns of a table of events: where each starts, and its name in lower case."""

    starts: tuple[int, ...]
    names: tuple[str, ...]

    def cells(self, line: str) -> dict[str, str] | None:
        """Return the cells of ``line`` by column; None if it is not aligned with the header."""
        for start in self.starts:
            if 0 < start < len(line) and line[start - 1] != " ":
                return None
        ends = (*self.starts[1:], len(line))
        cells = {name: line[start:end].strip() for name, start, end in zip(self.names, self.starts, ends, strict=True)}
        is_cut = cells.get("lastseen", "").count("(") != cells.get("lastseen", "").count(")")
        return cells if cells.get("type") in _TYPES and cells.get("reason") and not is_cut else None


def header_in(line: str) -> Header | None:
    """Return the header of a table of events; None if ``line`` is something else."""
    if len(line) > 400 or not any(all(name in line for name in names) for names in _HEADERS):
        return None
    headers = list(_NAMES.finditer(line))
    rest = _NAMES.sub("", line).strip()
    if rest or len(headers) < 3:
        return None
    return Header(tuple(match.start() for match in headers), tuple(_column(match[0]) for match in headers))


def _column(name: str) -> str:
    lower = name.lower().replace(" ", "")
    return {"age": "lastseen", "from": "source", "subobjectpath": "subobject"}.get(lower, lower)


def event_in(evidence: Evidence, line: Line, header: Header | None) -> Event | None:
    """Return the event in ``line``, a row below ``header`` or a row without a header; None if it is not an event."""
    if not any(kind in line.text for kind in _TYPES):
        return None
    cells = header.cells(line.text) if header else None
    return _event(evidence, line, cells if cells and cells.get("message") else _cells_without_header(line.text))


def _cells_without_header(raw: str) -> dict[str, str] | None:
    line = " ".join(raw.split())
    if match := _DESCRIBED.fullmatch(line):
        return {
            "type": match[1],
            "reason": match[2],
            "lastseen": match[3],
            "message": _without_source(raw, match[4]),
        }
    if match := _LISTED.fullmatch(line):
        keys = ("namespace", "lastseen", "type", "reason", "object", "message")
        return {key: value or "" for key, value in zip(keys, match.groups(), strict=True)}
    if match := _OLD.fullmatch(line):
        # Descriptions show the first time before the last, and tables the last before the first.
        last, first = sorted((match[1], match[2]), key=lambda age: duration_s(age) or 0)
        return {**_old_object(match[4]), "lastseen": last, "firstseen": first, "count": match[3]} | {
            "type": match[5],
            "reason": match[6],
            "message": _without_source(raw, match[7]),
        }
    return None


def _without_source(raw: str, text: str) -> str:
    """Return ``text`` without the component at its start, which has its own cell."""
    match = _SOURCE.match(text)
    if not match:
        return text
    source = match[0].rstrip()
    is_known = "," in source or source.startswith("{") or source in _COMPONENTS or source.endswith(_SUFFIXES)
    is_cell = is_known or f"{source}  " in raw or f"{source}\t" in raw
    return text[match.end() :] if is_cell else text


_COMPONENTS: Final = frozenset({"kubelet", "default-scheduler", "cluster-autoscaler", "multus", "karpenter", "kernel"})
_SUFFIXES: Final = ("-controller", "-scheduler", "-autoscaler", "-monitor", "-provisioner")


def _old_object(text: str) -> dict[str, str]:
    """Return the object in NAME KIND [SUBOBJECT] of an old table; nothing if the table has no such columns."""
    words = text.split(" ")
    if len(words) < 2 or not words[1][:1].isupper():
        return {"subobject": next((word for word in words if word.startswith("spec.")), "")}
    name = words[0]
    base, dot, digits = name.rpartition(".")
    if dot and len(digits) >= 14:
        name = base  # the name of the event is the name of its object and a number
    return {"object": f"{words[1]}/{name}", "subobject": words[2] if len(words) > 2 else ""}


def _event(evidence: Evidence, line: Line, cells: dict[str, str] | None) -> Event | None:
    if not cells:
        return None
    reason, _, times = cells["reason"].partition(" (x")  # "Pulled (x3)" in the events of a bundle
    time = _TIMES.match(cells.get("lastseen", ""))
    last = time[1] if time else ""
    count = (
        number_in(times.rstrip(")")) or number_in(cells.get("count", "")) or (time and number_in(time[2] or "")) or 1
    )
    return Event(
        type=cells["type"],
        reason=reason,
        message=" ".join(cells.get("message", "").split()),
        count=count,
        object=_object(cells),
        container=cells.get("container") or cells.get("subobject", "").partition("{")[2].rstrip("}"),
        is_about_debug_container="ephemeralContainers" in cells.get("subobject", ""),
        when=_when(last),
        last_seen=last if moment(last) or not last else f"{last} ago",
        first_seen=(time[3] or "") if time else cells.get("firstseen", ""),
        lines=evidence.quote(line.number, line.number, " ".join(line.text.split())),
    )


def _object(cells: dict[str, str]) -> str:
    if "object" not in cells and cells.get("kind") and cells.get("name"):
        cells = _old_object(f"{cells['name']} {cells['kind']}")  # a table with a header, of an old version
    kind, _, name = cells.get("object", "").partition("/")
    return f"{_KINDS.get(kind, kind[:1].upper() + kind[1:])}/{name}" if name else ""


_KINDS: Final = {
    "replicaset": "ReplicaSet",
    "statefulset": "StatefulSet",
    "daemonset": "DaemonSet",
    "cronjob": "CronJob",
    "horizontalpodautoscaler": "HorizontalPodAutoscaler",
    "persistentvolumeclaim": "PersistentVolumeClaim",
    "replicationcontroller": "ReplicationController",
}


def _when(last_seen: str) -> float | None:
    """Return a number that grows with time: seconds since 1970, or the age with a minus."""
    time = moment(last_seen)
    if time:
        return time.timestamp()
    age = duration_s(last_seen)
    return None if age is None else -float(age)


def node_row_in(evidence: Evidence, line: Line) -> Workload | None:
    """Return the node in ``line``, a row of `kubectl get nodes`; None if it is something else."""
    match = _NODE.fullmatch(" ".join(line.text.split())) if "Ready" in line.text and len(line.text) < 1000 else None
    if not match:
        return None
    statuses = match[2].split(",")
    ready = Condition("Ready", "True" if statuses[0] == "Ready" else "False", match[2])
    quote = evidence.quote(line.number, line.number, " ".join(line.text.split()))
    return Workload("Node", match[1], (ready,), lines=quote)


def pod_row_in(evidence: Evidence, line: Line) -> PodRow | None:
    """Return the row of `kubectl get pods` in ``line``; None if it is something else."""
    if "/" not in line.text or len(line.text) > 1000:
        return None
    match = _POD.fullmatch(" ".join(line.text.split()))
    if not match or not (duration_s(match[8]) is not None or match[8].startswith("<")):
        return None
    return PodRow(
        name=match[2],
        status=match[5],
        ready=int(match[3]),
        total=int(match[4]),
        restarts=int(match[6]),
        age=match[8],
        line=evidence.quote(line.number, line.number, " ".join(line.text.split())),
        last_restart=match[7] or "",
        namespace=match[1] or "",
    )
