"""Reads the last message of each container from the logs of a capture: logs/NAME.previous.log and logs/NAME.log."""

from pathlib import PurePosixPath
from typing import Final

from ...finding import EvidenceLines
from ..evidence import Evidence
from .kube_model import Cluster, Container, Pod

_COLLECTORS: Final = ("pod-snapshot", "logs")
_PREVIOUS: Final = ".previous"


def recognize(evidence: Evidence) -> bool:
    """Return whether the file is the log of a container."""
    path = PurePosixPath(evidence.name)
    return bool(evidence.pod) and evidence.collector in _COLLECTORS and path.match("logs/*.log")


def parse(evidence: Evidence) -> Cluster:
    """Return the pod and the container of the log, with nothing but its last message."""
    name = PurePosixPath(evidence.name).stem
    container, words = name.removesuffix(_PREVIOUS), _last_message(evidence)
    if name.endswith(_PREVIOUS):
        part = Container(container, last_words_of_previous=words)
    else:
        part = Container(container, last_words=words)
    return Cluster(pods=(Pod(evidence.pod, containers=(part,)),))


def _last_message(evidence: Evidence) -> EvidenceLines | None:
    """Return the last line that is not indented, as lines of a stack trace are; None if there is none."""
    last = None
    for line in evidence.last_lines():
        time, _, message = line.text.partition(" ")
        text = message if time[:1].isdigit() else line.text
        if text[:1].strip():
            last = line.number, text
    return evidence.quote(last[0], last[0], last[1]) if last else None
