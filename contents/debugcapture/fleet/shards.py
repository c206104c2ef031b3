"""What a capture in the cluster is made of: its pods, pinned by name and uid, and the share of each index. Pure.

Keys in the store: `_runs/RUN/plan.json` has the pods that were chosen, `_runs/RUN/UID.json` what was captured of one of
them, `_runs/RUN/JOB/INDEX.json` the same of all that one index has done. RUN is the run's capture ID; no namespace's
name begins with an underscore.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Final

from ..bundle.serialize import value_from
from ..errors import BadInput
from ..model import PAGE, Manifest, Receipt, Status, Target

PAYLOAD_BYTES: Final = 900 << 10  # of a ConfigMap, which may have 1 MiB with all that is around it
FOLDER: Final = "_runs"
_STAMP = len("20260102T120000Z")


@dataclass(frozen=True, slots=True)
class Pinned:
    """A pod that was chosen: the one with this uid and no other, whatever bears its name later."""

    namespace: str
    pod: str
    uid: str
    container: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.pod}"


@dataclass(frozen=True, slots=True)
class PodRecord:
    """What was captured of one pod, without the evidence: what the report needs, and a run that is taken up."""

    uid: str
    pod: str  # NAMESPACE/NAME
    capture_id: str
    key: str  # of its bundle in the store
    status: Status | None  # None: its condition was not fulfilled, and nothing was to be captured
    files: int = 0
    bytes: int = 0
    page_bytes: int = 0
    page_sha256: str = ""
    reason: str = ""  # what is missing, and why

    @property
    def is_done(self) -> bool:
        """Tell whether there is no use in another try; of what failed there may be."""
        return self.status != "failed"


@dataclass(frozen=True, slots=True)
class IndexRecord:
    """What one index of a Job has done."""

    requests: int  # to the API server
    pods: tuple[PodRecord, ...]


def pinned(target: Target) -> Pinned:
    """Return what identifies ``target``."""
    return Pinned(target.namespace, target.pod, target.uid, target.container)


def deal(targets: Sequence[Target], pods_per_index: int) -> list[list[Pinned]]:
    """Return the share of each index: as even as can be, and of each node's pods as few as can be in one share."""
    count = -(-len(targets) // pods_per_index)
    by_node = sorted(targets, key=lambda one: (one.node, one.namespace, one.pod))
    return [[pinned(one) for one in by_node[start::count]] for start in range(count)]


def capture_id(run_id: str, one: Pinned) -> str:
    """Return the capture ID of a pod in a run: the same whoever captures it, and however often."""
    mark = hashlib.sha256(f"{run_id}\n{one.uid}".encode()).hexdigest()[:8]
    return f"{run_id[:_STAMP]}-{one.pod[:180]}-{mark}"


def record_key(run_id: str, uid: str) -> str:
    """Return where the store keeps a pod's record."""
    return f"{FOLDER}/{run_id}/{uid}.json"


def index_key(run_id: str, job: str, index: int) -> str:
    """Return where the store keeps an index's record."""
    return f"{FOLDER}/{run_id}/{job}/{index}.json"


def plan_key(run_id: str) -> str:
    """Return where the store keeps the run's plan."""
    return f"{FOLDER}/{run_id}/plan.json"


def pod_record(run_id: str, one: Pinned, manifest: Manifest, receipt: Receipt) -> PodRecord:
    """Return the record of a pod that was captured and stored."""
    kept = [artifact for artifact in manifest.artifacts if artifact.file]
    missing = [artifact for artifact in manifest.artifacts if artifact.outcome in ("failed", "truncated")]
    page = next(stored for stored in receipt.stored if stored.file_key == f"{manifest.key}/{PAGE}")
    return PodRecord(
        uid=one.uid,
        pod=str(one),
        capture_id=capture_id(run_id, one),
        key=manifest.key,
        status=manifest.status,
        files=len(kept),
        bytes=sum(artifact.bytes for artifact in kept),
        page_bytes=page.bytes,
        page_sha256=page.sha256,
        reason="; ".join(f"{artifact.title} {artifact.outcome}: {artifact.reason}" for artifact in missing),
    )


def payloads(shares: Sequence[Sequence[Pinned]], most_bytes: int = PAYLOAD_BYTES) -> list[dict[str, str]]:
    """Return the data of as many ConfigMaps as it takes: a share a key, which is the number of its index.

    Raises BadInput when one share alone is too large.
    """
    filled: list[dict[str, str]] = [{}]
    size = 0
    for index, share in enumerate(shares):
        text = share_text(share)
        added = len(text.encode()) + len(str(index))
        if added > most_bytes:
            raise BadInput("cannot pass the pods to the Job", f"{len(share)} pods are too many for one worker")
        if size + added > most_bytes:
            filled.append({})
            size = 0
        filled[-1][str(index)] = text
        size += added
    return filled


def share_text(share: Iterable[Pinned]) -> str:
    """Return a share as text: a pod a line, its four words."""
    return "".join(f"{one.namespace} {one.pod} {one.uid} {one.container}\n" for one in share)


def read_share(text: str) -> list[Pinned]:
    """Return the share in ``text``. Raises BadInput."""
    try:
        return [Pinned(*line.split(" ")) for line in text.splitlines()]
    except TypeError as error:
        raise BadInput("cannot read the share of a worker", "a line does not have four words") from error


def record_text(record: PodRecord | IndexRecord) -> bytes:
    """Return a record as JSON."""
    return json.dumps(asdict(record)).encode()


def read_pod_record(content: bytes) -> PodRecord:
    """Return the record in ``content``. Raises ValueError when it is none of ours."""
    return value_from(PodRecord, json.loads(content))


def read_index_record(content: bytes) -> IndexRecord:
    """Return the record in ``content``. Raises ValueError when it is none of ours."""
    return value_from(IndexRecord, json.loads(content))
