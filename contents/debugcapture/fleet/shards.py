"""The pods of a fleet capture, identified by name and UID, and the shares of its workers. Pure.

Keys in the store: `_runs/RUN/plan.json` has the selected pods, `_runs/RUN/UID.json` what was captured of one of
them, `_runs/RUN/JOB/INDEX.json` the same of all that one index has done. RUN is the run's capture ID; no namespace's
name begins with an underscore.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Final

from ..bundle.serialize import value_from
from ..errors import BadInput
from ..finding import Finding
from ..manifest import PAGE, Manifest, Receipt, Status
from ..model import Target
from ..settings.declare import is_object_name

# A ConfigMap may have 1 MiB, including its metadata.
PAYLOAD_BYTES: Final = 900 << 10
FOLDER: Final = "_runs"
MAX_FINDINGS: Final = 3  # of each pod, in the record
_STAMP = len("20260102T120000Z")


@dataclass(frozen=True, slots=True)
class PodIdentity:
    """A selected pod. Another pod that gets its name later has another UID."""

    namespace: str
    pod: str
    uid: str
    container: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.pod}"


@dataclass(frozen=True, slots=True)
class PodRecord:
    """The result for one pod, without the evidence: what the report and a resumed run need.

    ``pod`` is NAMESPACE/NAME, ``key`` that of its bundle in the store. ``status`` is None if the pod did not meet the
    condition. ``reason`` lists what is missing and why. ``findings`` is empty if the evidence is encrypted, because the
    record is not.
    """

    uid: str
    pod: str
    capture_id: str
    key: str
    status: Status | None
    files: int = 0
    bytes: int = 0
    page_bytes: int = 0
    page_sha256: str = ""
    reason: str = ""
    findings: tuple[Finding, ...] = ()
    aborted: bool = False
    """Whether the worker was stopped during the capture, so that evidence is missing."""

    @property
    def is_done(self) -> bool:
        """Return whether the pod needs no other attempt."""
        return self.status != "failed" and not self.aborted


@dataclass(frozen=True, slots=True)
class IndexRecord:
    """The result of one worker. ``requests`` is its number of requests to the API server."""

    requests: int
    pods: tuple[PodRecord, ...]


def identity_of(target: Target) -> PodIdentity:
    """Return what identifies ``target``."""
    return PodIdentity(target.namespace, target.pod, target.uid, target.container)


def deal(targets: Sequence[Target], pods_per_index: int) -> list[list[PodIdentity]]:
    """Return the share of each worker. Shares have equal sizes, and the pods of a node are in different shares."""
    count = -(-len(targets) // pods_per_index)
    by_node = sorted(targets, key=lambda pod: (pod.node, pod.namespace, pod.pod))
    return [[identity_of(pod) for pod in by_node[start::count]] for start in range(count)]


def capture_id(run_id: str, pod: PodIdentity) -> str:
    """Return the capture ID of a pod in a run: each attempt has the same."""
    suffix = hashlib.sha256(f"{run_id}\n{pod.uid}".encode()).hexdigest()[:8]
    return f"{run_id[:_STAMP]}-{pod.pod[:180]}-{suffix}"


def record_key(run_id: str, uid: str) -> str:
    """Return the key of the record of a pod."""
    return f"{FOLDER}/{run_id}/{uid}.json"


def index_key(run_id: str, job: str, index: int) -> str:
    """Return the key of the record of a worker."""
    return f"{FOLDER}/{run_id}/{job}/{index}.json"


def plan_key(run_id: str) -> str:
    """Return the key of the plan of the run."""
    return f"{FOLDER}/{run_id}/plan.json"


def pod_record(run_id: str, pod: PodIdentity, manifest: Manifest, receipt: Receipt) -> PodRecord:
    """Return the record of a pod that was captured and stored."""
    captured = [artifact for artifact in manifest.artifacts if artifact.file]
    missing = [artifact for artifact in manifest.artifacts if artifact.outcome in ("failed", "truncated")]
    reasons = [f"{artifact.title} {artifact.outcome}: {artifact.reason}" for artifact in missing]
    if receipt.is_encrypted:  # a reason may quote a tool, and the record is not encrypted
        reasons = [f"{artifact.title} {artifact.outcome}" for artifact in missing]
    page = next(stored for stored in receipt.stored if stored.file_key == f"{manifest.key}/{PAGE}")
    return PodRecord(
        uid=pod.uid,
        pod=str(pod),
        capture_id=capture_id(run_id, pod),
        key=manifest.key,
        status=manifest.status,
        files=len(captured),
        bytes=sum(artifact.bytes for artifact in captured),
        page_bytes=page.bytes,
        page_sha256=page.sha256,
        reason="; ".join(reasons),
        findings=() if receipt.is_encrypted else manifest.findings[:MAX_FINDINGS],
    )


def failed_record(pod: PodIdentity, reason: str, earlier: PodRecord | None = None) -> PodRecord:
    """Return the record of a pod that could not be captured, because of ``reason``.

    If ``earlier`` is the record of an aborted attempt, what that attempt captured is the result.
    """
    if earlier and earlier.aborted:
        return replace(earlier, aborted=False, reason=f"{earlier.reason}; {reason}")
    return PodRecord(pod.uid, str(pod), "", "", "failed", reason=reason)


def trusted_record(record: PodRecord, run_id: str, target: Target) -> PodRecord:
    """Return ``record``, or a failed one if it is not about ``target``.

    The step signs a link to the page at the key of the record. A forged record could name any other page in the store.
    """
    namespace, _, rest = record.key.partition("/")
    workload, _, bundle = rest.partition("/")
    own_id = capture_id(run_id, identity_of(target))
    is_own = (namespace, bundle) == (target.namespace, own_id) and is_object_name(workload)
    if record.uid == target.uid and (is_own or not record.key):
        return record
    reason = "not captured: its record in the store belongs to another pod"
    return PodRecord(target.uid, str(target), "", "", "failed", reason=reason)


def payloads(shares: Sequence[Sequence[PodIdentity]], max_bytes: int = PAYLOAD_BYTES) -> list[dict[str, str]]:
    """Return the data of the ConfigMaps. Each key is an index, and its value is the share.

    Raises BadInput if a single share is too large.
    """
    maps: list[dict[str, str]] = [{}]
    size = 0
    for index, share in enumerate(shares):
        text = share_text(share)
        entry_bytes = len(text.encode()) + len(str(index))
        if entry_bytes > max_bytes:
            raise BadInput("cannot pass the pods to the Job", f"{len(share)} pods are too many for one worker")
        if size + entry_bytes > max_bytes:
            maps.append({})
            size = 0
        maps[-1][str(index)] = text
        size += entry_bytes
    return maps


def share_text(share: Iterable[PodIdentity]) -> str:
    """Return a share as text: one line with four words per pod."""
    return "".join(f"{pod.namespace} {pod.pod} {pod.uid} {pod.container}\n" for pod in share)


def read_share(text: str) -> list[PodIdentity]:
    """Return the share in ``text``. Raises BadInput."""
    try:
        return [PodIdentity(*line.split(" ")) for line in text.splitlines()]
    except TypeError as error:
        raise BadInput("cannot read the share of a worker", "a line does not have four words") from error


def record_text(record: PodRecord | IndexRecord) -> bytes:
    """Return a record as JSON."""
    return json.dumps(asdict(record)).encode()


def read_pod_record(content: bytes) -> PodRecord:
    """Return the record in ``content``. Raises ValueError if it is not valid."""
    return value_from(PodRecord, json.loads(content))


def read_index_record(content: bytes) -> IndexRecord:
    """Return the record in ``content``. Raises ValueError if it is not valid."""
    return value_from(IndexRecord, json.loads(content))
