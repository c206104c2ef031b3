"""Kubernetes objects as rules see them, whether they were read from YAML, JSON, or the text that kubectl prints."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Literal

from ...finding import EvidenceLines

RunPhase = Literal["running", "waiting", "terminated", ""]
ContainerKind = Literal["container", "init container", "debug container"]
_FIRST_YEAR = 2000  # the kubelet writes 1970 if a container never started
_DURATION = re.compile(
    r"(?:(\d{1,6})y)?(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m(?!s))?(?:(\d{1,6})(?:\.\d{1,9})?s)?"
)
_UNITS_S = (31_536_000, 86_400, 3_600, 60, 1)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a container, or why it does not run. Times have the format of the evidence."""

    phase: RunPhase = ""
    reason: str = ""
    message: str = ""
    exit_code: int | None = None
    signal: int | None = None
    started: str = ""
    finished: str = ""

    @property
    def lasted_s(self) -> int | None:
        """Return how long it lasted in seconds; None if the evidence does not say."""
        started, finished = moment(self.started), moment(self.finished)
        if not started or not finished or started.year < _FIRST_YEAR:
            return None
        return max(0, round(finished.timestamp() - started.timestamp()))

    @property
    def has_failed(self) -> bool:
        """Return whether it ended with an exit code other than 0."""
        return self.phase == "terminated" and self.exit_code not in (None, 0)


@dataclass(frozen=True, slots=True)
class Probe:
    """A probe of a container, as its spec or kubectl describes it."""

    kind: Literal["Liveness", "Readiness", "Startup"]
    text: str


@dataclass(frozen=True, slots=True)
class Container:
    """A container of a pod: what its spec and its status say."""

    name: str
    """"" if the evidence starts after the name."""
    kind: ContainerKind = "container"
    image: str = ""
    state: Run = Run()
    last: Run = Run()
    restarts: int | None = None
    ready: bool | None = None
    limits: Mapping[str, str] = field(default_factory=dict)
    requests: Mapping[str, str] = field(default_factory=dict)
    has_spec: bool = False
    """Whether the evidence contains its spec, so that a missing limit is a fact."""
    is_sidecar: bool = False
    """It is an init container that keeps running beside the containers."""
    command: tuple[str, ...] = ()
    variables: frozenset[str] | None = None
    """Names in its environment; None if unknown, or if it also gets variables from ConfigMaps or Secrets."""
    probes: tuple[Probe, ...] = ()
    last_words: EvidenceLines | None = None
    """The last message in the log of its latest run; None if unknown."""
    last_words_of_previous: EvidenceLines | None = None
    """The last message in the log of the run before."""
    lines: EvidenceLines | None = None

    @property
    def final_words(self) -> EvidenceLines | None:
        """Return the last message of its most recent run that ended; None if unknown."""
        has_ended = self.state.phase in ("terminated", "waiting")
        return self.last_words_of_previous or (self.last_words if has_ended else None)

    @property
    def ended(self) -> Run:
        """Return its most recent run that ended; an empty run if there is none."""
        return self.state if self.state.phase == "terminated" else self.last

    @property
    def is_in_crash_loop(self) -> bool:
        """Return whether the kubelet waits before it starts the container again."""
        return self.state.reason == "CrashLoopBackOff"

    @property
    def label(self) -> str:
        """Return how messages name it."""
        return f'{self.kind} "{self.name}"' if self.name else "the container"


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition of an object."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    since: str = ""


@dataclass(frozen=True, slots=True)
class PodProblem:
    """A problem of a pod that its capture found in the state of the pod."""

    severity: str
    """Name of a ``targets.problem.Severity``."""
    container: str
    """"" for the pod as a whole."""
    reason: str
    line: EvidenceLines


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod. A field is "" or None if the evidence does not contain it."""

    name: str = ""
    namespace: str = ""
    node: str = ""
    phase: str = ""
    reason: str = ""
    message: str = ""
    owner: str = ""
    """KIND/NAME of its controller."""
    deleted: str = ""
    """When its deletion was requested, as in the evidence."""
    deletion_grace_s: int | None = None
    finalizers: tuple[str, ...] = ()
    started: str = ""
    """When the kubelet accepted it, as in the evidence."""
    restart_policy: str = ""
    node_selector: tuple[str, ...] = ()
    containers: tuple[Container, ...] = ()
    conditions: tuple[Condition, ...] = ()
    problems: tuple[PodProblem, ...] = ()
    lines: EvidenceLines | None = None

    @property
    def workload(self) -> str:
        """Return the name of what created the pod, without generated parts; the name of the pod if nothing did."""
        kind, _, owner = self.owner.partition("/")
        if kind == "ReplicaSet":
            return owner.rpartition("-")[0] or owner
        if kind == "Node":  # a static pod
            return self.name.removesuffix(f"-{owner}")
        return owner or stem(self.name)

    @property
    def is_job(self) -> bool:
        """Return whether a Job created it, so that its containers are meant to end."""
        return self.owner.startswith("Job/")

    @property
    def is_ready(self) -> bool | None:
        """Return whether the pod is ready; None if the evidence does not say."""
        status = next((condition.status for condition in self.conditions if condition.type == "Ready"), "")
        return {"True": True, "False": False}.get(status)


@dataclass(frozen=True, slots=True)
class PodRow:
    """A row of `kubectl get pods`."""

    name: str
    status: str
    ready: int
    total: int
    restarts: int
    age: str
    line: EvidenceLines
    last_restart: str = ""
    """How long ago its last restart was; "" if the table does not show it."""
    namespace: str = ""

    @property
    def age_s(self) -> int | None:
        """Return its age in seconds."""
        return duration_s(self.age)


@dataclass(frozen=True, slots=True)
class Event:
    """An event. Events of one file are comparable by ``when``."""

    type: str
    reason: str
    message: str
    count: int = 1
    object: str = ""
    """KIND/NAME; "" if the evidence does not say, as in the events of a description."""
    container: str = ""
    is_about_debug_container: bool = False
    when: float | None = None
    """Seconds on any scale: a greater number is later. None if the evidence does not say."""
    last_seen: str = ""
    """When it was last seen, as in the evidence."""
    first_seen: str = ""
    lines: EvidenceLines | None = None

    @property
    def name(self) -> str:
        """Return the name of its object."""
        return self.object.rpartition("/")[2]

    @property
    def is_warning(self) -> bool:
        """Return whether its type is Warning."""
        return self.type == "Warning"

    @property
    def times(self) -> str:
        """Return how often it was seen, in words; "" for once."""
        return f"{self.count} times" if self.count > 1 else ""


@dataclass(frozen=True, slots=True)
class Scaler:
    """A HorizontalPodAutoscaler."""

    name: str
    target: str
    current: int | None
    desired: int | None
    most: int | None
    conditions: tuple[Condition, ...] = ()
    lines: EvidenceLines | None = None


@dataclass(frozen=True, slots=True)
class Workload:
    """A Deployment, StatefulSet, Job, node or another object with conditions."""

    kind: str
    name: str
    conditions: tuple[Condition, ...] = ()
    created: str = ""
    revision: str = ""
    """Of a ReplicaSet or Deployment; "" if it has none."""
    desired: int | None = None
    """Number of pods that should run; None if unknown."""
    available: int | None = None
    deleted: str = ""
    finalizers: tuple[str, ...] = ()
    lines: EvidenceLines | None = None


@dataclass(frozen=True)
class Cluster:
    """What a file shows of a cluster."""

    pods: tuple[Pod, ...] = ()
    rows: tuple[PodRow, ...] = ()
    events: tuple[Event, ...] = ()
    scalers: tuple[Scaler, ...] = ()
    workloads: tuple[Workload, ...] = ()

    @cached_property
    def _pods(self) -> Mapping[str, Pod]:
        return {pod.name: pod for pod in reversed(self.pods)}

    @cached_property
    def _events(self) -> Mapping[str, Sequence[Event]]:
        events: dict[str, list[Event]] = {}
        for event in self.events:
            events.setdefault(event.object, []).append(event)
        return events

    def events_about(self, event: Event) -> Sequence[Event]:
        """Return all events about the object of ``event``, in the order of the file."""
        return self._events.get(event.object, ())

    def pod_of(self, event: Event) -> Pod | None:
        """Return the pod that ``event`` is about; the only pod if the event does not name one."""
        if event.object:
            return self._pods.get(event.name)
        return self.pods[0] if len(self.pods) == 1 else None

    def containers(self) -> Iterator[tuple[Pod, Container]]:
        """Yield the containers of all pods. Debug containers are not included: their end harms nothing."""
        for pod in self.pods:
            for container in pod.containers:
                if container.kind != "debug container":
                    yield pod, container

    def happened_after(self, event: Event, reasons: frozenset[str]) -> Event | None:
        """Return the first event about the same object after ``event`` with one of ``reasons``; None if there is none.

        Two events of the same age keep their order in the file.
        """
        follows = False
        for later in self.events_about(event):
            if later.reason in reasons and _is_later(later, event, follows):
                return later
            follows = follows or later is event
        return None


def _is_later(event: Event, other: Event, follows: bool) -> bool:
    if event.when is None or other.when is None or event.when == other.when:
        return follows
    return event.when > other.when


def moment(text: str) -> datetime | None:
    """Return the time in ``text``, as the API writes it (ISO 8601) or kubectl (RFC 1123); None if it is neither."""
    try:
        if text[:1].isdigit():
            return datetime.fromisoformat(_iso(text))
        return parsedate_to_datetime(text) if text else None
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def _iso(text: str) -> str:
    """Return ``text`` as Python 3.10 reads it: without Z and with 6 digits for fractions of a second."""
    seconds, point, rest = text.removesuffix("Z").partition(".")
    digits = rest[:9]
    fraction = f".{(digits + '000000')[:6]}" if point and digits.isdigit() else ""
    return seconds + fraction + ("+00:00" if text.endswith("Z") else "")


def duration_s(text: str) -> int | None:
    """Return the seconds in ``text``, such as "6m9s" or "3d2h"; None if it is not a duration."""
    match = _DURATION.fullmatch(text.strip())
    if not text.strip() or not match:
        return None
    return sum(int(count) * unit for count, unit in zip(match.groups(), _UNITS_S, strict=True) if count)


def stem(name: str) -> str:
    """Return the name of a pod without the parts that controllers generate."""
    head, _, last = name.rpartition("-")
    if not head or not re.fullmatch(r"[a-z0-9]{5}|\d{1,5}", last):
        return name
    if last.isdigit() and len(last) < 5:
        return head
    parent, _, middle = head.rpartition("-")
    return parent if parent and re.fullmatch(r"[a-z0-9]{8,10}", middle) and any(map(str.isdigit, middle)) else head
