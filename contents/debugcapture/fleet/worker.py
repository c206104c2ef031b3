"""The program of a capture in the cluster: one index of an Indexed Job captures its share of the pods.

Each pod gets a bundle of its own, which goes straight to the store, and then a record there. A pod that has its record
is not captured again, so an index that was killed, and whoever comes after it, takes up only what is missing.
"""

import json
import os
import shutil
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..bundle.artifact import Intake
from ..bundle.bundle import named_bundle
from ..bundle.record import Record
from ..bundle.spool import Room
from ..capture.parallel import ParallelCapture, capture_options
from ..capture.pod_upload import PodUpload, open_pod_upload_store
from ..errors import CaptureError, NotStored, TargetNotFound, Unreachable
from ..files import sha256_of
from ..kube.client import open_api
from ..model import Manifest, Target
from ..redaction.redactor import redaction
from ..runtime.exit_codes import exit_code
from ..runtime.process import prepare
from ..settings.cluster import ConnectionSettings
from ..settings.declare import read
from ..settings.forms import IndexStep
from ..stores.registry import open_readable, open_store
from ..targets.condition import filter_matching
from ..targets.pods import find_target
from ..targets.selection import SelectedPod
from ..upload.publish import publish_bundle
from ..upload.uploader import background_upload
from . import manifests
from .shards import (
    IndexRecord,
    Pinned,
    PodRecord,
    capture_id,
    index_key,
    pod_record,
    read_pod_record,
    read_share,
    record_key,
    record_text,
)


@dataclass(frozen=True, slots=True)
class Share:
    """What this index is to do."""

    run_id: str
    job: str
    index: int
    pods: tuple[Pinned, ...]
    trigger: Mapping[str, str]
    connection: ConnectionSettings
    step: IndexStep


def main(mounted: Path = Path(manifests.MOUNTED), environment: Mapping[str, str] = os.environ) -> int:
    """Capture the share of this index. 0 when each pod has its record, else the exit code of what kept one from it."""
    prepare(debug=False)
    try:
        share = read_order(mounted, int(environment["JOB_COMPLETION_INDEX"]))
        _Index(share).run()
    except CaptureError as error:
        print(f"Error: {error}", flush=True)  # the last line of the log is what the Job's pod is told to have ended by
        return exit_code(error)
    return 0


def read_order(mounted: Path, index: int) -> Share:
    """Return what the files below ``mounted`` order. Raises BadInput."""
    head: dict[str, Any] = json.loads((mounted / "order" / manifests.SETTINGS).read_text(encoding="utf-8"))
    credentials = mounted / "credentials"
    secret = {one.name: one.read_text(encoding="utf-8") for one in credentials.glob("[!.]*") if one.is_file()}
    return Share(
        run_id=head["run_id"],
        job=head["job"],
        index=index,
        pods=tuple(read_share((mounted / "order" / str(index)).read_text(encoding="utf-8"))),
        trigger=head["trigger"],
        connection=ConnectionSettings(requests_per_s=head["requests_per_s"]),  # as the pod's own service account
        step=read(IndexStep, head["settings"] | secret),
    )


class _Index:
    """One index while it works."""

    def __init__(self, share: Share) -> None:
        step, self._share = share.step, share
        self._records, self._store = open_readable(step.store), open_store(step.store)
        spool = Path(step.spool.spool)
        self._room = Room(spool, step.spool.spool_limit << 20, step.spool.spool_free << 20)
        self._intake = Intake(redaction(step.redaction.redact_patterns) if step.redaction.redact else None, self._room)
        self._api = open_api(share.connection)
        self._asked = capture_options(step.capture, step.debug, 1)
        self._direct = open_pod_upload_store(step.store, step.capture.direct_mib)
        self._print = threading.Lock()

    def run(self) -> None:
        """Capture all, side by side, and leave the index's record. Raises the first error that another try may mend."""
        pods, failures = list[PodRecord](), list[CaptureError]()
        with ThreadPoolExecutor(self._share.step.many.concurrency, thread_name_prefix="pod") as pool:
            running = [pool.submit(self._one, one) for one in self._share.pods]
            try:
                for one in running:
                    try:
                        pods.append(one.result())
                    except CaptureError as error:
                        failures.append(error)
            except BaseException:
                for one in running:
                    one.cancel()
                self._api.streams.break_all()
                raise
        share = self._share
        if failures:
            raise failures[0]
        done = IndexRecord(self._api.requests, tuple(pods))
        self._put(index_key(share.run_id, share.job, share.index), record_text(done), f"index-{share.index}")

    def _one(self, pod: Pinned) -> PodRecord:
        key = record_key(self._share.run_id, pod.uid)
        there = self._records.read(key)
        if there and (record := read_pod_record(there)).is_done:
            self._say(pod, "already in the store")
            return record
        try:
            record = self._captured(pod)
        except (NotStored, Unreachable) as error:
            self._say(pod, str(error))
            raise
        except CaptureError as error:
            self._say(pod, str(error))
            record = PodRecord(pod.uid, str(pod), "", "", "failed", reason=str(error))
        self._put(key, record_text(record), pod.uid)
        return record

    def _captured(self, pod: Pinned) -> PodRecord:
        whole = self._api.pod(pod.namespace, pod.pod)
        if whole["metadata"]["uid"] != pod.uid:
            why = "it was deleted after it was selected, and another pod has its name"
            raise TargetNotFound(f"cannot capture {pod}", why)
        now, step = datetime.now(timezone.utc), self._share.step
        selected = SelectedPod(whole, find_target(whole, pod.container, now))
        met, remarks = filter_matching(self._api, [selected], step.capture.when)
        if not met:
            return PodRecord(pod.uid, str(pod), "", "", None, reason="; ".join(remarks))
        return self._bundled(pod, selected, tuple(remarks), now)

    def _bundled(self, pod: Pinned, selected: SelectedPod, remarks: tuple[str, ...], now: datetime) -> PodRecord:
        """Capture into a bundle, and have the store take it; it leaves the spool then."""
        share, target = self._share, selected.target
        self._room.require()
        bundle = named_bundle(self._room.spool, capture_id(share.run_id, pod), self._intake)
        begun = Manifest(bundle.folder.name, now, None, target, share.trigger, remarks=remarks)

        def say(line: str) -> None:
            self._say(pod, line)

        with background_upload(bundle, share.step.store, begun.key, say) as upload:
            record = Record(bundle.followed_by(upload.follow), begun, upload.send)
            captures = ParallelCapture(self._api, self._asked, self._room, say)
            captures.run([selected], record, self._direct_of(begun))
            manifest = captures.apply_goals(record.finish())
            bundle.save(manifest)
        receipt = publish_bundle(bundle, self._store, share.step.store.store, say)
        shutil.rmtree(bundle.folder)
        return pod_record(share.run_id, pod, manifest, receipt)

    def _direct_of(self, begun: Manifest) -> PodUpload | None:
        return PodUpload(self._direct, begun.key, self._share.step.capture.direct_mib << 20) if self._direct else None

    def _put(self, key: str, content: bytes, name: str) -> None:
        scratch = self._room.spool / f"{name}.json"
        scratch.write_bytes(content)
        self._records.put(key, scratch, sha256_of(scratch))
        scratch.unlink()

    def _say(self, pod: Pinned | Target, line: str) -> None:
        with self._print:
            print(f"[{pod}] {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
