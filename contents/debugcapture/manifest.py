"""A bundle as values: its manifest, its artifacts, and where their files are in the store."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from .finding import Difference, Finding
from .model import Target

Status = Literal["complete", "partial", "failed"]
ArtifactOutcome = Literal["complete", "truncated", "failed", "skipped"]
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
PAGE = "index.html"  # the report page: the file of a bundle that its link opens


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
