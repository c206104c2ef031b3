"""The program of a worker of a fleet capture: it captures its share of the pods.

Each pod gets its own bundle in the store, and then a record there. A pod with a record is not captured again, so that
after a worker was killed, the next one captures only the missing pods.
"""

import json
import os
import shutil
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import partial
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
from ..manifest import Manifest
from ..model import Target
from ..redaction.redactor import redaction
from ..runtime.exit_codes import exit_code
from ..runtime.process import prepare
from ..settings.cluster import ConnectionSettings
from ..settings.declare import read
from ..settings.forms import IndexStep
from ..settings.signing import SigningSettings
from ..stores.registry import open_readable, open_store
from ..targets.condition import filter_matching
from ..targets.pods import find_target
from ..targets.selection import SelectedPod
from ..upload.publish import publish_bundle
from ..upload.uploader import background_upload
from . import manifests
from .main_thread import MainThread
from .shards import (
    IndexRecord,
    PodIdentity,
    PodRecord,
    capture_id,
    failed_record,
    index_key,
    pod_record,
    read_pod_record,
    read_share,
    record_key,
    record_text,
)


@dataclass(frozen=True, slots=True)
class Share:
    """The share of this worker."""

    run_id: str
    job: str
    index: int
    pods: tuple[PodIdentity, ...]
    trigger: Mapping[str, str]
    connection: ConnectionSettings
    step: IndexStep


def main(mount: Path = Path(manifests.MOUNTED), environment: Mapping[str, str] = os.environ) -> int:
    """Capture the share of this worker. Return 0 if each pod has a record, or else the exit code of the failure."""
    prepare(debug=False)
    try:
        share = read_share_of_index(mount, int(environment["JOB_COMPLETION_INDEX"]))
        _Worker(share).run()
    except CaptureError as error:
        print(f"Error: {error}", flush=True)  # the kubelet reports the last line of the log as the reason
        return exit_code(error)
    return 0


def read_share_of_index(mount: Path, index: int) -> Share:
    """Return the share in the mounted files. Raises BadInput."""
    head: dict[str, Any] = json.loads((mount / "order" / manifests.SETTINGS).read_text(encoding="utf-8"))
    credentials = mount / "credentials"
    secret = {file.name: file.read_text(encoding="utf-8") for file in credentials.glob("[!.]*") if file.is_file()}
    return Share(
        run_id=head["run_id"],
        job=head["job"],
        index=index,
        pods=tuple(read_share((mount / "order" / str(index)).read_text(encoding="utf-8"))),
        trigger=head["trigger"],
        connection=ConnectionSettings(requests_per_s=head["requests_per_s"]),  # as the pod's own service account
        step=read(IndexStep, head["settings"] | secret),
    )


class _Worker:
    """The worker."""

    def __init__(self, share: Share) -> None:
        step, self._share = share.step, share
        self._records, self._store = open_readable(step.store), open_store(step.store)
        spool = Path(step.spool.spool)
        self._room = Room(spool, step.spool.spool_limit_mib << 20, step.spool.spool_free_mib << 20)
        self._intake = Intake(redaction(step.redaction.redact_patterns) if step.redaction.redact else None, self._room)
        self._api = open_api(share.connection)
        self._options = capture_options(step.capture, step.debug, 1)
        self._direct = open_pod_upload_store(step.store, step.capture.direct_upload_mib)
        self._print = threading.Lock()
        self._main_thread = MainThread()

    def run(self) -> None:
        """Capture all pods in parallel and store the record of the worker. Raises the first temporary error."""
        pods, failures = list[PodRecord](), list[CaptureError]()
        with ThreadPoolExecutor(self._share.step.many.concurrency, thread_name_prefix="pod") as pool:
            running = [pool.submit(self._capture_pod, future) for future in self._share.pods]
            try:
                self._main_thread.run_until(running)
                for future in running:
                    try:
                        pods.append(future.result())
                    except CaptureError as error:
                        failures.append(error)
            except BaseException:
                for future in running:
                    future.cancel()
                self._api.streams.break_all()
                self._main_thread.release()
                raise
        share = self._share
        if failures:
            raise failures[0]
        record = IndexRecord(self._api.requests, tuple(pods))
        self._put(index_key(share.run_id, share.job, share.index), record_text(record), f"index-{share.index}")

    def _capture_pod(self, pod: PodIdentity) -> PodRecord:
        key = record_key(self._share.run_id, pod.uid)
        stored = self._records.read(key)
        earlier = read_pod_record(stored) if stored else None
        if earlier and earlier.is_done:
            self._report(pod, "already in the store")
            return earlier
        try:
            record = self._capture_if_matching(pod)
        except (NotStored, Unreachable) as error:
            self._report(pod, str(error))
            raise
        except CaptureError as error:
            self._report(pod, str(error))
            record = failed_record(pod, str(error), earlier)
        if self._api.streams.broken and record.status == "partial":
            record = replace(record, aborted=True)
        self._put(key, record_text(record), pod.uid)
        return record

    def _capture_if_matching(self, pod: PodIdentity) -> PodRecord:
        pod_object = self._api.pod(pod.namespace, pod.pod)
        if pod_object["metadata"]["uid"] != pod.uid:
            reason = "it was deleted after it was selected, and another pod has its name"
            raise TargetNotFound(f"cannot capture {pod}", reason)
        now, step = datetime.now(timezone.utc), self._share.step
        selected = SelectedPod(pod_object, find_target(pod_object, pod.container, now))
        matching, remarks = filter_matching(self._api, [selected], step.capture.when)
        if not matching:
            return PodRecord(pod.uid, str(pod), "", "", None, reason="; ".join(remarks))
        return self._capture_into_bundle(pod, selected, tuple(remarks), now)

    def _capture_into_bundle(
        self, pod: PodIdentity, selected: SelectedPod, remarks: tuple[str, ...], now: datetime
    ) -> PodRecord:
        """Capture into a bundle, publish it, and delete it from the spool."""
        share, target = self._share, selected.target
        self._room.require()
        bundle = named_bundle(self._room.spool, capture_id(share.run_id, pod), self._intake)
        manifest_at_start = Manifest(bundle.folder.name, now, None, target, share.trigger, remarks=remarks)

        def report(line: str) -> None:
            self._report(pod, line)

        with background_upload(bundle, share.step.store, manifest_at_start.key, report) as upload:
            record = Record(bundle.followed_by(upload.follow), manifest_at_start, upload.send)
            captures = ParallelCapture(self._api, self._options, self._room, report)
            captures.run([selected], record, self._direct_of(manifest_at_start))
            manifest = self._main_thread.call(partial(captures.finish, record))
            bundle.save(manifest)
        signing_key = share.step.store.of(SigningSettings).sign_with
        receipt = publish_bundle(bundle, self._store, share.step.store.store, report, signing_key=signing_key)
        shutil.rmtree(bundle.folder)
        return pod_record(share.run_id, pod, manifest, receipt)

    def _direct_of(self, manifest_at_start: Manifest) -> PodUpload | None:
        return (
            PodUpload(self._direct, manifest_at_start.key, self._share.step.capture.direct_upload_mib << 20)
            if self._direct
            else None
        )

    def _put(self, key: str, content: bytes, name: str) -> None:
        scratch = self._room.spool / f"{name}.json"
        scratch.write_bytes(content)
        self._records.put(key, scratch, sha256_of(scratch))
        scratch.unlink()

    def _report(self, pod: PodIdentity | Target, line: str) -> None:
        with self._print:
            print(f"[{pod}] {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
