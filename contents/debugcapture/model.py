"""The values that travel from one stage to the next. Sizes are bytes, times are aware UTC datetimes or seconds."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Json = dict[str, Any]
Report = Callable[[str], None]  # writes a line to the log of the step
Status = Literal["complete", "partial", "failed"]
ArtifactOutcome = Literal["complete", "truncated", "failed", "skipped"]
Phase = Literal["running", "waiting", "terminated", "unknown"]  # of a container
Invasive = Literal["safe", "pauses", "heavy"]  # harmless; stops the process for a moment; for long, or fills its disk
Integrity = Literal["verified", "unverified"]  # whether the far side's checksum was compared
# Where an artifact comes from; "" where none was reached. "capture": it stands for a whole capture, and is its page.
Origin = Literal["", "api", "exec", "debug-container", "volume", "copy", "node", "capture"]
# Why an artifact is missing or short. Decisions use this code; `reason` beside it is for people.
ReasonCode = Literal[
    "",  # it is complete
    "empty",  # there is nothing to read, and that is as it should be
    "not-there",  # the container has nothing of the kind
    "no-output",  # the tool ended well and wrote nothing
    "exit-code",  # the tool ended with another exit code than 0
    "denied",  # the tool was denied what it needs: more privilege may help
    "time-limit",
    "size-limit",
    "stream-broken",  # the connection lost some of it
    "other",
]
PAGE = "index.html"  # the file of a bundle that its link opens
FILES = "files"  # the collector that a job names paths for
READS = (
    "snapshot",
    "logs",
    "events",
    "workload",
    "node",
    "metrics",
    "crash-dumps",
    "node-state",
)  # what a collector may read by API


@dataclass(frozen=True, slots=True)
class User:
    """The uid and gid that a container's processes run as."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class ContainerState:
    """A container's state as the kubelet reports it; ``last_*`` tell of its previous run."""

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
    """Where a command runs."""

    namespace: str
    pod: str
    container: str

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
    workload: str  # name of the Deployment, StatefulSet, …; the pod's own name when it has no owner
    image: str
    state: ContainerState
    user: User | None  # None: neither the spec nor the status says
    container_id: str = ""  # without the runtime's name; "" before the first start
    unhealthy: tuple[str, ...] = ()  # what is wrong with the pod, the worst first

    @property
    def ref(self) -> ContainerRef:
        """Return the target's place."""
        return ContainerRef(self.namespace, self.pod, self.container)

    @property
    def is_running(self) -> bool:
        """Tell whether commands can run in it."""
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
    files: tuple[str, ...]  # what it maps, its own program first; () when it belongs to another user


@dataclass(frozen=True, slots=True)
class Detect:
    """How a process of a kind is recognised: a pattern on what ``by`` names."""

    by: Literal["maps", "exe", "comm"]
    pattern: str


@dataclass(frozen=True, slots=True)
class Tool:
    """A way to collect; "{pid}" stands for the process in ``run`` and ``output``."""

    run: tuple[str, ...]
    present: tuple[str, ...] = ()  # does nothing, but only where the tool is there; () when `run` itself shows it
    output: str = ""  # the file that it writes; "" when it writes to its standard output
    removes: bool = False  # whether that file is removed afterwards
    detached: bool = False  # it takes long: it outlives the connection
    denied_pattern: str = ""  # on a line of its standard error: it was denied what it needs, more privilege may help
    denied_exit_code: int = 0  # the same as an exit code; 0 when it has none for it
    find: tuple[str, ...] = ()  # for an image without a shell: lists processes
    pid_pattern: str = ""  # finds the PID in what `find` writes

    @property
    def program(self) -> str:
        """Return the tool's name; that of a script is what it looks for before it is run."""
        words = self.present or self.run
        looked_for = re.findall(r"command -v ([\w-]+)", words[-1]) if words[0] == "sh" else []
        return " and ".join(looked_for) or words[0]


@dataclass(frozen=True, slots=True)
class Collector:
    """One kind of evidence, as the catalog describes it."""

    id: str
    title: str
    file: str  # its artifact's name; for an API reader the folder is the bundle's own
    looks_for: str  # what the process must be, in words; "" when any will do
    in_image: tuple[Tool, ...]
    from_debug: tuple[Tool, ...]
    reads_api: str  # what it reads from the API; "" when it runs a tool
    time_limit_s: int
    size_limit_bytes: int
    source: str  # URL of the tool's documentation
    runtime: str = "any"
    invasive: Invasive = "safe"
    needs: tuple[str, ...] = ()  # what only some profiles of a debug container have: SYS_PTRACE, NET_RAW, NET_ADMIN
    kind: Literal["text", "binary"] = "text"
    detect: Detect | None = None
    unproved: bool = False  # never run by us on a real process
    paths: tuple[str, ...] = ()  # of the target's files to take, relative to its root; for the collector of files only


@dataclass(frozen=True, slots=True)
class ReadApi:
    """Read from the Kubernetes API; nothing runs in the pod."""

    collector: Collector
    why: str


@dataclass(frozen=True, slots=True)
class RunInTarget:
    """Run a tool that the target's image has, by exec."""

    collector: Collector
    tool: Tool
    pids: tuple[int, ...]
    why: str


@dataclass(frozen=True, slots=True)
class RunInDebugContainer:
    """Run a tool of the debug image on the target's processes."""

    collector: Collector
    pids: tuple[int, ...]
    why: str


@dataclass(frozen=True, slots=True)
class Skip:
    """Do not collect; there is nothing of the kind to collect, or it would do harm."""

    collector: Collector
    why: str
    foreign: bool = False  # it is for another runtime than the target's


Action = ReadApi | RunInTarget | RunInDebugContainer | Skip


@dataclass(frozen=True, slots=True)
class ExitStatus:
    """How a command ended; ``code`` is None when it did not run or the stream broke before its end."""

    code: int | None
    reason: str = ""
    message: str = ""

    @property
    def not_found(self) -> bool:
        """Tell whether the container has no such program."""
        return (
            self.code in (126, 127)
            or "executable file not found" in self.message
            or ("no such file or directory" in self.message and "exec" in self.message)
        )


@dataclass(frozen=True, slots=True)
class Stored:
    """One file as the store keeps it."""

    key: str  # below the store's prefix; ends with the file's name in the bundle
    url: str
    link: str  # opens in a browser
    expires: datetime | None
    bytes: int
    sha256: str
    plain_sha256: str = ""  # of the file before it was encrypted; "" when it was not

    @property
    def is_encrypted(self) -> bool:
        """Tell whether the store has ciphertext, below a key with .age behind it."""
        return bool(self.plain_sha256)

    @property
    def file_key(self) -> str:
        """Return the key as it is without encryption."""
        return self.key.removesuffix(".age") if self.is_encrypted else self.key


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file of a bundle, or the reason why there is none."""

    collector: str
    title: str
    file: str  # relative to the bundle, "" when nothing was written
    bytes: int
    sha256: str  # hex
    started: datetime
    took_s: float
    outcome: ArtifactOutcome
    how: str  # in words
    reason: str = ""  # in words
    pod: str = ""  # whose it is, where a bundle has several
    integrity: Integrity = "unverified"
    redactions: int = 0  # credentials that were masked in it
    sensitive: bool = False  # nothing was masked: it is a dump, or the job wants text as it is
    direct: Stored | None = None  # where the pod has sent it itself: it never was in the spool
    origin: Origin = ""
    reason_code: ReasonCode = ""

    @property
    def is_from_api(self) -> bool:
        """Tell whether the Kubernetes API had it, and nothing ran in the pod for it."""
        return self.origin == "api"

    @property
    def is_capture(self) -> bool:
        """Tell whether it stands for the capture of a whole pod, of many: its file is that capture's page."""
        return self.origin == "capture"


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a bundle holds, for whom it was made, and what is missing."""

    capture_id: str
    started: datetime
    finished: datetime | None  # None while the capture runs
    target: Target  # the first, when there are several
    trigger: Mapping[str, str]
    artifacts: tuple[Artifact, ...] = ()
    more_targets: tuple[Target, ...] = ()
    remarks: tuple[str, ...] = ()  # what was chosen and noticed on the way, a line each
    requests: int = 0  # to the API server
    fulfilled: bool = True  # whether anything of what the job asked for by name was captured
    schema: int = 1

    @property
    def targets(self) -> tuple[Target, ...]:
        """Return all targets."""
        return (self.target, *self.more_targets)

    @property
    def key(self) -> str:
        """Return where a store keeps the bundle, below its prefix."""
        return f"{self.target.namespace}/{self.target.workload}/{self.capture_id}"

    @property
    def status(self) -> Status:
        """Return complete, partial (something is missing or short), or failed (nothing was captured)."""
        outcomes = {artifact.outcome for artifact in self.artifacts}
        if not outcomes & {"complete", "truncated"}:
            return "failed"
        return "partial" if outcomes & {"failed", "truncated"} or self.finished is None else "complete"


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof that a bundle is in the store."""

    store: str
    stored: tuple[Stored, ...]

    @property
    def page(self) -> str:
        """Return the link of the bundle's page, which is stored when all else is; a pod may have one of its own."""
        return next((one.link for one in reversed(self.stored) if one.file_key.endswith(f"/{PAGE}")), "")

    @property
    def links_end(self) -> datetime | None:
        """Return when the first of the links ends, or None when none does."""
        return min((one.expires for one in self.stored if one.expires), default=None)

    def link(self, file: str) -> str:
        """Return the link of ``file``, named as in the bundle, or ""."""
        return next((one.link for one in self.stored if f"/{one.file_key}".endswith(f"/{file}")), "")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a step ended: its exit code, and what it hands to later steps."""

    exit_code: int
    data: Mapping[str, str] = field(default_factory=dict)
    document: Any = None  # all of it, ready for JSON, where a line of data is too small
