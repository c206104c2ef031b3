"""Turns the JSON of a pod into the model."""

from collections.abc import Iterator, Mapping
from typing import Any

from ...text import number_in
from .kube_documents import items, mapping, pairs, text, texts
from .kube_model import Condition, Container, ContainerKind, Pod, Probe, Run, RunPhase

_KINDS: tuple[tuple[str, str, ContainerKind], ...] = (
    ("initContainers", "initContainerStatuses", "init container"),
    ("containers", "containerStatuses", "container"),
    ("ephemeralContainers", "ephemeralContainerStatuses", "debug container"),
)
_PHASES: tuple[RunPhase, ...] = ("running", "waiting", "terminated")
_PROBES = (("livenessProbe", "Liveness"), ("readinessProbe", "Readiness"), ("startupProbe", "Startup"))


def pod_in(value: Mapping[str, Any]) -> Pod:
    """Return the pod that ``value``, a Pod object, describes. Missing and malformed parts are empty."""
    metadata, spec, status = mapping(value, "metadata"), mapping(value, "spec"), mapping(value, "status")
    owner = next(iter(items(metadata, "ownerReferences")), {})
    return Pod(
        name=text(metadata.get("name")),
        namespace=text(metadata.get("namespace")),
        node=text(spec.get("nodeName")),
        phase=text(status.get("phase")),
        reason=text(status.get("reason")),
        message=text(status.get("message")),
        owner=f"{text(owner.get('kind'))}/{text(owner.get('name'))}" if owner else "",
        deleted=text(metadata.get("deletionTimestamp")),
        deletion_grace_s=number_in(text(metadata.get("deletionGracePeriodSeconds"))),
        finalizers=texts(metadata.get("finalizers")),
        started=text(status.get("startTime")),
        restart_policy=text(spec.get("restartPolicy")),
        node_selector=tuple(f"{key}={label}" for key, label in pairs(spec.get("nodeSelector")).items()),
        containers=tuple(_containers(spec, status)),
        conditions=tuple(_conditions(status)),
    )


def _conditions(status: Mapping[str, Any]) -> Iterator[Condition]:
    for condition in items(status, "conditions"):
        yield Condition(
            text(condition.get("type")),
            text(condition.get("status")).capitalize(),
            text(condition.get("reason")),
            text(condition.get("message")),
            text(condition.get("lastTransitionTime")),
        )


def _containers(spec: Mapping[str, Any], status: Mapping[str, Any]) -> Iterator[Container]:
    for spec_key, status_key, kind in _KINDS:
        statuses = {text(entry.get("name")): entry for entry in items(status, status_key)}
        specs = {text(entry.get("name")): entry for entry in items(spec, spec_key)}
        for name in dict.fromkeys([*specs, *statuses]):
            yield _container(name, kind, specs.get(name, {}), statuses.get(name, {}))


def _container(name: str, kind: ContainerKind, spec: Mapping[str, Any], status: Mapping[str, Any]) -> Container:
    ready = text(status.get("ready"))
    return Container(
        name=name,
        kind=kind,
        image=text(spec.get("image")) or text(status.get("image")),
        state=_run(mapping(status, "state")),
        last=_run(mapping(status, "lastState")),
        restarts=number_in(text(status.get("restartCount"))),
        ready={"true": True, "false": False}.get(ready),
        limits=pairs(mapping(spec, "resources").get("limits")),
        requests=pairs(mapping(spec, "resources").get("requests")),
        has_spec=bool(spec),
        is_sidecar=kind == "init container" and text(spec.get("restartPolicy")) == "Always",
        command=texts(spec.get("command")) + texts(spec.get("args")),
        variables=_variables(spec),
        probes=tuple(_probes(spec)),
    )


def _run(state: Mapping[str, Any]) -> Run:
    phase = next((phase for phase in _PHASES if phase in state), None)
    if not phase:
        return Run()
    facts = mapping(state, phase)
    return Run(
        phase=phase,
        reason=text(facts.get("reason")),
        message=" ".join(text(facts.get("message")).split()),
        exit_code=number_in(text(facts.get("exitCode"))),
        signal=number_in(text(facts.get("signal"))),
        started=text(facts.get("startedAt")),
        finished=text(facts.get("finishedAt")),
    )


def _variables(spec: Mapping[str, Any]) -> frozenset[str] | None:
    if not spec or spec.get("envFrom"):
        return None
    return frozenset(text(variable.get("name")) for variable in items(spec, "env"))


def _probes(spec: Mapping[str, Any]) -> Iterator[Probe]:
    for key, kind in _PROBES:
        probe = mapping(spec, key)
        if probe:
            yield Probe(kind, _probe_text(probe))  # type: ignore[arg-type]  # one of the three above


def _probe_text(probe: Mapping[str, Any]) -> str:
    """Return the probe as `kubectl describe` prints it."""
    get, tcp, grpc = mapping(probe, "httpGet"), mapping(probe, "tcpSocket"), mapping(probe, "grpc")
    if get:
        scheme = text(get.get("scheme")).lower() or "http"
        action = f"http-get {scheme}://:{text(get.get('port'))}{text(get.get('path'))}"
    elif tcp:
        action = f"tcp-socket :{text(tcp.get('port'))}"
    elif grpc:
        action = f"grpc <pod>:{text(grpc.get('port'))} {text(grpc.get('service'))}".rstrip()
    else:
        action = f"exec [{' '.join(texts(mapping(probe, 'exec').get('command')))}]"
    delay, timeout = text(probe.get("initialDelaySeconds")) or "0", text(probe.get("timeoutSeconds")) or "1"
    period, failures = text(probe.get("periodSeconds")) or "10", text(probe.get("failureThreshold")) or "3"
    return f"{action} delay={delay}s timeout={timeout}s period={period}s #failure={failures}"
