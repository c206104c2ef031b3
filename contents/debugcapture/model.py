"""The values that stages pass to each other. Sizes are in bytes; times are aware UTC datetimes, or seconds."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any, Literal

from .finding import Difference, Finding

Json = dict[str, Any]
Report = Callable[[str], None]  # writes a line to the log of the step
Status = Literal["complete", "partial", "failed"]
ArtifactOutcome = Literal["complete", "truncated", "failed", "skipped"]
Phase = Literal["running", "waiting", "terminated", "unknown"]  # of a container
# No effect on the process; stops it for a moment; stops it for long, or needs much disk space.
Invasive = Literal["safe", "pauses", "heavy"]
Integrity = Literal["verified", "unverified"]  # whether a checksum of the container or store was compared
# Where an artifact comes from; "" if nothing was reached. "capture": it is the report page of another capture.
Origin = Literal["", "api", "exec", "debug-container", "volume", "copy", "node", "capture"]
# Why an artifact is missing or truncated. Decisions use this code; `reason` is its text for people.
ReasonCode = Literal[
    "",  # it is complete
    "empty",  # there is nothing to read, which is not an error
    "not-there",  # the container has no such process or file
    "no-output",  # the tool succeeded and wrote nothing
    "exit-code",  # the exit code of the tool is not 0
    "denied",  # the tool lacks privileges
    "refused",  # the process does not accept the tool: a JVM without attach
    "time-limit",
    "size-limit",
    "stream-broken",  # the connection broke
    "other",
]
SCRATCH = "/tmp"  # noqa: S108 - in a debug container, where no other process writes
PAGE = "index.html"  # the report page: the file of a bundle that its link opens
FILES = "files"  # ID of the collector that copies the files that a job names
# What a collector may read by API.
READS = ("snapshot", "logs", "events", "workload", "node", "metrics", "crash-dumps", "node-state")


@dataclass(frozen=True, slots=True)
class User:
    """The uid and gid that a container's processes run as."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class ContainerState:
    """The state of a container, as the kubelet reports it. ``last_*`` describe its previous run."""

    phase: Phase
    reason: str = ""
    exit_code: int | None = None
    restarts: int = 0
    last_reason: str = ""
    last_exit_code: int | None = None

    def __str__(self) -> str:
        parts = [self.phase + (f" ({self.reason})" if self.reason else "")]
        if self.exit_code is not None:
            parts.append(f"exit code {self.exit_code}")
        if self.last_exit_code is not None:
            parts.append(f"last ended with exit code {self.last_exit_code} ({self.last_reason or 'no reason given'})")
        if self.restarts:
            parts.append(f"{self.restarts} restarts")
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class ContainerRef:
    """A reference to a container, in which commands can run. ``scratch`` is where tools of a debug container write."""

    namespace: str
    pod: str
    container: str
    scratch: str = SCRATCH

    def __str__(self) -> str:
        return f"{self.namespace}/{self.pod} (container {self.container})"


@dataclass(frozen=True, slots=True)
class Target:
    """The container whose debug state is captured."""

    namespace: str
    pod: str
    uid: str
    container: str
    node: str
    workload: str
    """Name of the Deployment, StatefulSet, …; name of the pod if it has no owner."""
    image: str
    state: ContainerState
    user: User | None
    """None if neither the spec nor the status contains it."""
    container_id: str = ""
    """Without the runtime's name; "" before the first start."""
    unhealthy: tuple[str, ...] = ()
    """The problems of the pod, the most severe first."""
    shares_processes: bool = False
    """Whether it also sees processes of other containers (`shareProcessNamespace`) or of the node (`hostPID`)."""
    workload_kind: str = ""
    """deployment, statefulset or daemonset; "" if it is another kind or unknown."""

    @property
    def ref(self) -> ContainerRef:
        """Return the reference to the container."""
        return ContainerRef(self.namespace, self.pod, self.container)

    @property
    def is_running(self) -> bool:
        """Return whether commands can run in it."""
        return self.state.phase == "running"

    def __str__(self) -> str:
        return f"{self.namespace}/{self.pod}"


@dataclass(frozen=True, slots=True)
class Process:
    """A process of the target, as /proc shows it."""

    pid: int
    user: User
    name: str
    rss_bytes: int
    files: tuple[str, ...]
    """Files that it maps, its program first; () if it belongs to another user."""
    accepts_attach: bool = True
    """False for a JVM whose options turn attach off. Each attempt would make it print its threads to its log."""
    private_bytes: int = 0
    """Private memory that it can write to, resident or not; 0 unless it is a .NET process, whose dump contains it."""


@dataclass(frozen=True, slots=True)
class Detect:
    """How to recognize a process: a pattern for its mapped files, its program or its name."""

    by: Literal["maps", "exe", "comm"]
    pattern: str


@dataclass(frozen=True, slots=True)
class Tool:
    """A program that a collector runs. In ``run`` and ``output``, "{pid}" stands for the process."""

    run: tuple[str, ...]
    present: tuple[str, ...] = ()
    """A command without effect that succeeds if the image has the tool; () to try `run` itself."""
    output: str = ""
    """The file that it writes; "" if it writes to its standard output."""
    removes: bool = False
    """Whether this file is removed afterwards."""
    suffix: str = ""
    """Follows the name of the collector's file, if the output has another format: ".gz"."""
    detached: bool = False
    """It takes long and must outlive the connection."""
    denied_pattern: str = ""
    """Pattern for a line of its standard error if it lacks privileges."""
    denied_exit_code: int = 0
    """Its exit code if it lacks privileges; 0 if there is no such code."""
    refused_pattern: str = ""
    """Pattern for a line of its standard error if the process does not accept the tool."""
    in_log: str = ""
    """Pattern for the line of the container's log with which the output begins, if the process writes it there."""
    memory_mib: int = 0
    """Memory that it needs in the target's container; 0 if it is little."""
    find: tuple[str, ...] = ()
    """A command that lists processes, for an image without a shell."""
    pid_pattern: str = ""
    """Pattern for the PID in the output of `find`."""
    fills_target: bool = False
    """Whether the process itself writes a dump to /tmp of the target in the meantime."""

    @property
    def writes_in_target(self) -> bool:
        """Return whether it fills a file system of the target, if it runs in a debug container."""
        return self.fills_target or self.output.startswith("/proc/{pid}/root")

    @property
    def program(self) -> str:
        """Return the name of the tool; for a script, the programs that it requires."""
        words = self.present or self.run
        required = re.findall(r"command -v ([\w-]+)", words[-1]) if words[0] == "sh" else []
        return " and ".join(required) or words[0]


@dataclass(frozen=True, slots=True)
class Collector:
    """One kind of evidence, as the catalog describes it."""

    id: str
    title: str
    file: str
    """Name of its artifact; "" if it reads the API."""
    looks_for: str
    """Name of the kind of process, for messages; "" for any process."""
    in_image: tuple[Tool, ...]
    from_debug: tuple[Tool, ...]
    reads_api: str
    """One of READS; "" if it runs a tool."""
    time_limit_s: int
    size_limit_bytes: int
    source: str
    """URL of the tool's documentation."""
    runtime: str = "any"
    invasive: Invasive = "safe"
    needs: tuple[str, ...] = ()
    """Capabilities that only some security profiles grant: SYS_PTRACE, NET_RAW, NET_ADMIN."""
    kind: Literal["text", "binary"] = "text"
    detect: Detect | None = None
    from_log: tuple[Tool, ...] = ()
    """Tools that make the process write to the container's log, for a process that refuses all others."""
    copies_heap: bool = False
    """The process itself needs additional memory, up to the size of its heap."""
    unproved: bool = False
    """It was not tested on a real process."""
    paths: tuple[str, ...] = ()
    """For the collector FILES: paths of the files to copy, relative to the root of the target."""


class StartFailure(Enum):
    """Why an exec did not start its program (kube/start_failures.py)."""

    NO_PROGRAM = "the container does not have the program"
    NOT_EXECUTABLE = "the container has a file of this name that it cannot execute"
    NODE_UNREACHABLE = "the API server cannot reach the node"
    OTHER = "another reason"


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """How a command ended. ``code`` is None if it did not run, or if the stream broke before it ended."""

    code: int | None
    reason: str = ""
    message: str = ""
    failure: StartFailure | None = None
    """Why it did not run. With an exit code of 126 or 127, a shell may have started, but not the program."""

    @property
    def not_found(self) -> bool:
        """Return whether the container has no such program, or cannot execute it."""
        return self.failure in (StartFailure.NO_PROGRAM, StartFailure.NOT_EXECUTABLE)


@dataclass(frozen=True, slots=True)
class Stored:
    """One file in the store."""

    key: str
    """Key below the store's prefix. It ends with the name of the file in the bundle."""
    url: str
    link: str
    """Link that opens in a browser."""
    expires: datetime | None
    bytes: int
    sha256: str
    plain_sha256: str = ""
    """Checksum of the file before its encryption; "" if it is not encrypted."""

    @property
    def is_encrypted(self) -> bool:
        """Return whether the file is encrypted; its key then ends with .age."""
        return bool(self.plain_sha256)

    @property
    def file_key(self) -> str:
        """Return the key without the suffix of encryption."""
        return self.key.removesuffix(".age") if self.is_encrypted else self.key


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file of a bundle, or the reason why it is missing."""

    collector: str
    title: str
    file: str  # relative to the bundle, "" when nothing was written
    bytes: int
    sha256: str  # hex
    started: datetime
    took_s: float
    outcome: ArtifactOutcome
    method: str
    """How the evidence was collected, in words: "from a debug container: the image has no jcmd"."""
    reason: str = ""  # in words
    pod: str = ""
    """Pod that it belongs to, if the bundle has several targets."""
    integrity: Integrity = "unverified"
    redactions: int = 0
    """Number of credentials that were masked in it."""
    sensitive: bool = False
    """Nothing was masked: it is a dump, or redaction is off."""
    direct: Stored | None = None
    """The file in the store, if the pod uploaded it itself. It is not in the spool."""
    origin: Origin = ""
    reason_code: ReasonCode = ""

    @property
    def is_from_api(self) -> bool:
        """Return whether it was read from the Kubernetes API, so that nothing ran in the pod."""
        return self.origin == "api"

    @property
    def is_capture(self) -> bool:
        """Return whether it represents one pod of a fleet capture. Its file is that pod's report page."""
        return self.origin == "capture"


@dataclass(frozen=True, slots=True)
class Manifest:
    """The content of a bundle: its targets, its artifacts, and what is missing."""

    capture_id: str
    started: datetime
    finished: datetime | None  # None while the capture runs
    target: Target  # the first, when there are several
    trigger: Mapping[str, str]
    artifacts: tuple[Artifact, ...] = ()
    more_targets: tuple[Target, ...] = ()
    remarks: tuple[str, ...] = ()
    """Lines about the selection and about events during the capture."""
    requests: int = 0
    """Number of requests to the API server."""
    fulfilled: bool = True
    """Whether anything that the job requested by name was captured."""
    findings: tuple[Finding, ...] = ()
    """What the artifacts show, the most important first."""
    differences: tuple[Difference, ...] = ()
    """What only its unhealthy pods have. Empty if the bundle does not contain both unhealthy and healthy pods."""
    alerted: datetime | None = None
    """When the first alert of the incident was created; None if no alert selected the targets."""
    encrypted: bool = False
    """Whether the upload encrypts the artifacts. Nothing of their content may then be shown elsewhere."""
    schema: int = 1

    @property
    def targets(self) -> tuple[Target, ...]:
        """Return all targets."""
        return (self.target, *self.more_targets)

    @property
    def key(self) -> str:
        """Return the key of the bundle below the prefix of a store."""
        return f"{self.target.namespace}/{self.target.workload}/{self.capture_id}"

    @property
    def status(self) -> Status:
        """Return complete, partial (evidence is missing or truncated), or failed (nothing was captured)."""
        outcomes = {artifact.outcome for artifact in self.artifacts}
        if not outcomes & {"complete", "truncated"}:
            return "failed"
        return "partial" if outcomes & {"failed", "truncated"} or self.finished is None else "complete"


@dataclass(frozen=True, slots=True)
class Receipt:
    """The record of a bundle that is in the store."""

    store: str
    stored: tuple[Stored, ...]

    @property
    def page(self) -> str:
        """Return the link of the report page; "" if there is none. It is stored last, after pages of single pods."""
        return next((file.link for file in reversed(self.stored) if file.file_key.endswith(f"/{PAGE}")), "")

    @property
    def is_encrypted(self) -> bool:
        """Return whether the artifacts are encrypted; see `Manifest.encrypted`."""
        return any(file.is_encrypted for file in self.stored)

    @property
    def links_end(self) -> datetime | None:
        """Return when the first link expires; None if none expires."""
        return min((file.expires for file in self.stored if file.expires), default=None)

    def link(self, name: str) -> str:
        """Return the link of ``name``, the name of a file in the bundle; "" if there is none."""
        return next((file.link for file in self.stored if f"/{file.file_key}".endswith(f"/{name}")), "")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a step ended: its exit code, and its output for later steps."""

    exit_code: int
    data: Mapping[str, str] = field(default_factory=dict)
    document: Any = None  # all of it, ready for JSON, where a line of data is too small
