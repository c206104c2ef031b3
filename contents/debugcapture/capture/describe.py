"""Describes pods and nodes as `kubectl describe` does. Pure functions from JSON to text."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from ..kube.objects import Condition, conditions_of, last_terminated_state, limits_of, requests_of
from ..model import Json
from ..targets.health import find_problems
from ..targets.pods import container_state, container_status
from ..text import table


def describe(pod: Json, now: datetime) -> str:
    """Return a summary of ``pod``: its node, its problems and conditions, and the states of each container."""
    facts = [*_head(pod), "", *_problems(pod, now), *_conditions(pod), ""]
    return "\n".join([*facts, *_containers(pod), *_volumes(pod), ""])


def event_table(events: Sequence[Json]) -> str:
    """Return the events as a table, oldest first. The subobject shows the container, such as "spec.containers{app}"."""
    rows = [
        (
            str(event.get("lastTimestamp") or event.get("eventTime") or ""),
            str(event.get("type", "")),
            f"{event.get('reason', '')} (x{event.get('count') or 1})",
            str((event.get("involvedObject") or {}).get("fieldPath", "")),
            " ".join(str(event.get("message", "")).split()),
        )
        for event in events
    ]
    return table(("LAST SEEN", "TYPE", "REASON", "SUBOBJECT", "MESSAGE"), rows, width=None) if rows else "No events.\n"


def describe_node(node: Json) -> str:
    """Return a summary of ``node``: its conditions, capacity, taints and versions."""
    status, info = node["status"], node["status"].get("nodeInfo") or {}
    lines = [f"Node:       {node['metadata']['name']}"]
    lines += [f"{name + ':':<11} {info.get(key, '')}" for name, key in _NODE_FACTS]
    lines += [f"Taints:     {', '.join(_taint(taint) for taint in node['spec'].get('taints') or []) or 'none'}"]
    lines += [
        f"Capacity:   {_pairs(status.get('capacity'))}",
        f"Usable:     {_pairs(status.get('allocatable'))}",
        "",
        "Conditions:",
    ]
    lines += [_condition(condition, 20) for condition in conditions_of(node)]
    return "\n".join([*lines, ""])


def metrics_table(usage: Json, pod: Json) -> str:
    """Return a table of each container's CPU and memory with its limits. ``usage`` is a PodMetrics object."""
    limits = {container["name"]: limits_of(container) for container in pod["spec"]["containers"]}
    rows = [
        (
            container["name"],
            str(container["usage"].get("cpu", "")),
            str(limits.get(container["name"], {}).get("cpu", "none")),
            str(container["usage"].get("memory", "")),
            str(limits.get(container["name"], {}).get("memory", "none")),
        )
        for container in usage.get("containers") or []
    ]
    return (
        table(("CONTAINER", "CPU", "LIMIT", "MEMORY", "LIMIT"), rows, width=None)
        + f"\nMeasured at {usage.get('timestamp', '?')}\n"
    )


_NODE_FACTS = (
    ("System", "osImage"),
    ("Kernel", "kernelVersion"),
    ("Runtime", "containerRuntimeVersion"),
    ("Kubelet", "kubeletVersion"),
)


def _taint(taint: Json) -> str:
    return f"{taint['key']}={taint.get('value', '')}:{taint['effect']}"


def _head(pod: Json) -> Iterator[str]:
    metadata, spec, status = pod["metadata"], pod["spec"], pod["status"]
    owner = next((f"{owner['kind']}/{owner['name']}" for owner in metadata.get("ownerReferences") or []), "none")
    facts = {
        "Pod": f"{metadata['namespace']}/{metadata['name']}",
        "UID": metadata["uid"],
        "Owner": owner,
        "Node": spec.get("nodeName", "not scheduled"),
        "Phase": " ".join(filter(None, (status.get("phase"), status.get("reason"), status.get("message")))),
        "Started": status.get("startTime", "not yet"),
        "Deletion": metadata.get("deletionTimestamp", "no"),
        "QoS class": status.get("qosClass", ""),
        "Labels": _pairs(metadata.get("labels")),
    }
    return (f"{name + ':':<12} {value}" for name, value in facts.items())


def _problems(pod: Json, now: datetime) -> list[str]:
    """Return the problems of the pod, the most severe first: how severe, the container or "-", and the reason."""
    lines = [
        f"  {problem.severity.name:<13} {problem.container or '-'} {problem.reason}"
        for problem in find_problems(pod, now)
    ]
    return ["Problems:", *lines, ""] if lines else []


def _conditions(pod: Json) -> Iterator[str]:
    yield "Conditions:"
    yield from (_condition(condition, 28) for condition in conditions_of(pod))


def _condition(condition: Condition, width: int) -> str:
    """Return a condition of a pod or node as a line, with its type in ``width`` characters."""
    reason = " ".join(filter(None, (condition.get("reason"), condition.get("message"))))
    since = condition.get("lastTransitionTime", "?")
    return f"  {condition['type']:<{width}} {condition['status']:<6} since {since} {reason}".rstrip()


def _containers(pod: Json) -> Iterator[str]:
    for kind, title in (("initContainers", "Init container"), ("containers", "Container")):
        for container in pod["spec"].get(kind) or []:
            yield from _container(title, container, container_status(pod, container["name"]))
    for debug in pod["status"].get("ephemeralContainerStatuses") or []:
        yield f"Debug container {debug['name']}: {container_state(debug)}"


def _container(title: str, container: Json, status: Json) -> Iterator[str]:
    last = last_terminated_state(status)
    yield f"{title} {container['name']}:"
    yield f"  Image:          {container.get('image', '')} ({status.get('imageID') or 'not pulled'})"
    yield f"  State:          {container_state(status)}"
    yield f"  Ready:          {status.get('ready', False)}"
    if last:
        signal = f", signal {last['signal']}" if last.get("signal") else ""
        yield f"  Last run:       {last.get('startedAt')} to {last.get('finishedAt')}, {last.get('reason', '')}{signal}"
        yield f"  Last exit code: {last.get('exitCode')}"
        yield from (f"  Last message:   {line}" for line in str(last.get("message", "")).splitlines())
    yield f"  Requests:       {_pairs(requests_of(container))}"
    yield f"  Limits:         {_pairs(limits_of(container))}"
    for mount in container.get("volumeMounts") or []:
        yield f"  Mount:          {mount['mountPath']} from {mount['name']}"
    yield ""


def _volumes(pod: Json) -> Iterator[str]:
    yield "Volumes:"
    for volume in pod["spec"].get("volumes") or []:
        yield f"  {volume['name']}: {', '.join(key for key in volume if key != 'name')}"


def _pairs(values: Mapping[str, object] | None) -> str:
    return ", ".join(f"{key}={value}" for key, value in (values or {}).items()) or "none"
