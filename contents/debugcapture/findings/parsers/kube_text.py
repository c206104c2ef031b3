"""Parses what kubectl prints for people: descriptions, tables of pods and events, in one file or in parts."""

import re
from typing import Any, Final

from ..evidence import Evidence
from .kube_describe import DescriptionReader
from .kube_model import Cluster
from .kube_objects import cluster_of
from .kube_tables import Header, event_in, header_in, node_row_in, pod_row_in

_MOST_LINES: Final = 300_000
_MOST_PARTS: Final = 5_000
_SIGNS: Final = tuple(
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        r"^[ \t]*(?:LAST SEEN|LASTSEEN|FIRSTSEEN|FirstSeen|NAMESPACE[ \t]+LAST SEEN)[ \t]",
        r"^[ \t]*Type[ \t]+Reason[ \t]+Age[ \t]+From[ \t]+Message",
        r"^[ \t]*(?:NAMESPACE[ \t]+)?NAME[ \t]+READY[ \t]+STATUS[ \t]+RESTARTS",
        r"^[ \t]*(?:Last )?State:[ \t]+(?:Running|Waiting|Terminated)[ \t]*\r?$",
        r"^Controlled By:[ \t]+\w+/|^Restart Count:|^[ \t]+Restart Count:[ \t]+\d",
        r"^Status:[ \t]{3,}(?:Failed|Pending|Running|Succeeded|Unknown|Terminating)\b",
        r"^NAME[ \t]+STATUS[ \t]+ROLES[ \t]+AGE[ \t]+VERSION|^StrategyType:|^Pods Status(?:es)?:",
        r"^[ \t]+(?:Ready|OutOfDisk|MemoryPressure|DiskPressure|PIDPressure)[ \t]+(?:True|False|Unknown)[ \t]+"
        r"[A-Z][a-z]{2}, \d",
        r"^Min replicas:[ \t]+\d|^Unschedulable:[ \t]+(?:true|false)",
        r"^[ \t]*(?:Normal|Warning)[ \t]+[A-Z]\w+[ \t]+\d+[smhd]",
        r"^\d+[smhd][\dsmhd]*[ \t]+\d+[smhd][\dsmhd]*[ \t]+\d+[ \t]+\S+[ \t]+[A-Z]\w+[ \t]",
        r"^(?:[a-z0-9][a-z0-9-]{0,62}[ \t]+)?\d+[smhd][\dsmhd]*[ \t]+(?:Normal|Warning)[ \t]+[A-Z]\w+[ \t]+[a-z]+/",
        r"^\d+[smhd][\dsmhd]*[ \t]+(?:Normal|Warning)[ \t]+[A-Z]\w+[ \t]",
        r"^[a-z0-9][a-z0-9.-]*[ \t]+\d+/\d+[ \t]+(?:Running|Pending|Completed|Error|Evicted|OOMKilled|"
        r"Terminating|Unknown|CrashLoopBackOff|ImagePullBackOff|ErrImagePull|ContainerCreating|PodInitializing|"
        r"Init:\S+)[ \t]+\d+",
    )
)


def recognize(evidence: Evidence) -> bool:
    """Return whether the file contains a line that only `kubectl describe` or `kubectl get` prints."""
    return any(sign.search(evidence.head) for sign in _SIGNS)


def parse(evidence: Evidence) -> Cluster:
    """Return the objects that the text describes."""
    reader = DescriptionReader(evidence)
    rows: list[Any] = []
    header: Header | None = None
    is_table = False
    for line in evidence.lines():
        if line.number > _MOST_LINES or len(rows) + len(reader.finished) > _MOST_PARTS:
            break
        next_header = header_in(line.text)
        if next_header:
            header, is_table = next_header, True
            continue
        if event := event_in(evidence, line, header):
            is_table = True
            if event.object:
                rows.append(event)
            else:
                reader.add_event(event)
            continue
        if row := pod_row_in(evidence, line) or node_row_in(evidence, line):
            rows.append(row)
            is_table = False
            continue
        is_next = line.text.startswith(("Name:", "NAME")) or not line.text.strip()
        if is_table and not is_next and not set(line.text.strip()) <= set("- "):
            reader.extend_event(line.text.strip()[:500])
            continue
        is_table = is_table and not is_next
        reader.add(line)
    reader.finish()
    return cluster_of([*reader.finished, *rows])
