"""The values that stages pass to each other. Sizes are in bytes; times are aware UTC datetimes, or seconds."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal

Json = dict[str, Any]
Report = Callable[[str], None]  # writes a line to the log of the step
Phase = Literal["running", "waiting", "terminated", "unknown"]  # of a container
# No effect on the process; stops it for a moment; stops it for long, or needs much disk space.
Invasive = Literal["safe", "pauses", "heavy"]
SCRATCH = "/tmp"  # noqa: S108 - in a debug container, where no other process writes
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
class Outcome:
    """How a step ended: its exit code, and its output for later steps."""

    exit_code: int
    data: Mapping[str, str] = field(default_factory=dict)
    document: Any = None  # all of it, ready for JSON, where a line of data is too small
