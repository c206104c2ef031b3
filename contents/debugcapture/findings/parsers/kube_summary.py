"""Parses the summaries of a pod and of its node that a capture writes: pod.txt and node.txt."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from ...text import number_in
from ..evidence import Evidence, Line
from .kube_model import Cluster, Condition, Container, ContainerKind, Pod, PodProblem, Run, RunPhase, Workload

_POD = re.compile(r"^Pod: {2,}\S+/\S+\r?\nUID: ", re.MULTILINE)
_NODE = re.compile(r"^Node: {2,}\S+\r?\nSystem: ", re.MULTILINE)
_CONDITION = re.compile(r"(\w+) +(True|False|Unknown) +since (\S+) ?(\S*) ?(.*)")
_STATE = re.compile(r"(running|waiting|terminated|unknown)(?: \(([^)]{1,100})\))?(?:, exit code (\d{1,9}))?")
_LAST = re.compile(r"last ended with exit code (\d{1,9}) \(([^)]{1,100})\)")
_RESTARTS = re.compile(r"(\d{1,9}) restarts$")
_RUN = re.compile(r"(\S+) to (\S+), ([^,]*)(?:, signal (\d{1,4}))?")
_KINDS: Final[dict[str, ContainerKind]] = {
    "Container": "container",
    "Init container": "init container",
    "Debug container": "debug container",
}
_PROBLEM = re.compile(r" {2}([A-Z_]{3,20}) +(\S+) (.+)")
_CONTAINER = re.compile(r"(Container|Init container) (\S+):")


def recognize(evidence: Evidence) -> bool:
    """Return whether the file is such a summary."""
    head = evidence.head[:4096]
    return bool(_POD.search(head) or _NODE.search(head))


def parse(evidence: Evidence) -> Cluster:
    """Return the pod or the node of the summary."""
    facts: dict[str, str] = {}
    conditions: list[Condition] = []
    containers: list[Container] = []
    problems: list[PodProblem] = []
    for line in evidence.lines():
        match = _CONTAINER.fullmatch(line.text)
        key, _, value = line.text.strip().partition(":")
        if match:
            containers.append(Container(match[2], _KINDS[match[1]], has_spec=True))
        elif not line.text.startswith(" "):
            facts.setdefault(key, value.strip())
        elif containers:
            containers[-1] = _with_fact(evidence, containers[-1], line, key, value.strip())
        else:
            conditions.extend(_condition(line))
            problems.extend(_problem(evidence, line))
    first = next(evidence.lines(), Line(1, ""))
    quote = evidence.quote(1, 1, first.text)
    if "Node" in facts and "Pod" not in facts:
        return Cluster(workloads=(Workload("Node", facts["Node"], tuple(conditions), lines=quote),))
    pod = replace(_pod(facts), containers=tuple(containers), conditions=tuple(conditions))
    return Cluster(pods=(replace(pod, problems=tuple(problems), lines=quote),))


def _pod(facts: Mapping[str, str]) -> Pod:
    """Return the pod of the first lines of its summary."""
    namespace, _, name = facts.get("Pod", "").partition("/")
    phase, _, rest = facts.get("Phase", "").partition(" ")
    reason, _, message = rest.partition(" ")
    deleted = facts.get("Deletion", "no")
    return Pod(
        name=name,
        namespace=namespace,
        node="" if facts.get("Node") == "not scheduled" else facts.get("Node", ""),
        phase=phase,
        reason=reason,
        message=message,
        owner="" if facts.get("Owner") == "none" else facts.get("Owner", ""),
        deleted="" if deleted == "no" else deleted,
        started=facts.get("Started", ""),
    )


def _condition(line: Line) -> Iterator[Condition]:
    match = _CONDITION.fullmatch(line.text.strip())
    if match:
        yield Condition(match[1], match[2], match[4], match[5], match[3])


def _problem(evidence: Evidence, line: Line) -> Iterator[PodProblem]:
    match = _PROBLEM.fullmatch(line.text)
    if match:
        quote = evidence.quote(line.number, line.number, line.text.strip())
        yield PodProblem(match[1], "" if match[2] == "-" else match[2], match[3], quote)


def _with_fact(evidence: Evidence, container: Container, line: Line, key: str, value: str) -> Container:
    if key == "State":
        quote = evidence.quote(line.number, line.number, line.text.strip())
        return replace(_with_state(container, value), lines=quote)
    if key == "Image":
        return replace(container, image=value.partition(" (")[0])
    if key == "Ready":
        return replace(container, ready={"True": True, "False": False}.get(value))
    if key == "Limits":
        return replace(container, limits=_pairs(value))
    if key == "Requests":
        return replace(container, requests=_pairs(value))
    return replace(container, last=_with_last(container.last, key, value))


def _with_state(container: Container, text: str) -> Container:
    state, last, restarts = _STATE.match(text), _LAST.search(text), _RESTARTS.search(text)
    phases: dict[str, RunPhase] = {"running": "running", "waiting": "waiting", "terminated": "terminated"}
    return replace(
        container,
        state=Run(phases.get(state[1], ""), state[2] or "", exit_code=number_in(state[3] or "")) if state else Run(),
        last=Run("terminated", last[2], exit_code=int(last[1])) if last else Run(),
        restarts=int(restarts[1]) if restarts else 0,
    )


def _with_last(last: Run, key: str, value: str) -> Run:
    match = _RUN.fullmatch(value) if key == "Last run" else None
    if match:
        signal = number_in(match[4] or "")
        return replace(last, started=match[1], finished=match[2], reason=match[3], signal=signal)
    if key == "Last message":
        return replace(last, message=f"{last.message} {value}".strip()[:4000])
    return last


def _pairs(text: str) -> dict[str, str]:
    parts = (part.partition("=") for part in text.split(", "))
    return {key: value for key, equals, value in parts if equals}
