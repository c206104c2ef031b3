"""A fleet capture: the step selects the pods, starts a Job in the cluster, watches it, and reports the result.

The Job does not depend on the step or its machine. A run can be resumed from any machine, because the store has its
plan, a record of each pod, and a record of each worker (shards.py).
"""

import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from ..bundle.bundle import Bundle, manifest_text
from ..bundle.record import Record
from ..bundle.serialize import manifest_from
from ..capture.parallel import capture_options
from ..errors import BadInput, CaptureError, TargetNotFound
from ..files import sha256_of
from ..findings.rank import ranked
from ..kube import jobs
from ..kube.client import Api
from ..manifest import PAGE, Artifact, Manifest
from ..model import Report, Target
from ..settings.declare import declared, written
from ..settings.forms import CaptureStep, IndexStep
from ..stores.registry import open_readable
from ..text import one_line
from . import manifests
from .progress import pod_artifact, progress_line
from .shards import (
    PodRecord,
    deal,
    index_key,
    payloads,
    plan_key,
    read_index_record,
    read_pod_record,
    record_key,
    trusted_record,
)

# The number of records that are read from the store in parallel.
_READERS = 16
# The cluster may notice the end of the time limit this much later.
_GRACE_S = 120
# The lowest rate limit of a worker.
_MIN_REQUESTS_PER_S = 5


class FleetCapture:
    """One run, new or resumed."""

    def __init__(self, api: Api, step: CaptureStep, report: Report) -> None:
        """Check the settings. Raises BadInput before anything is changed."""
        if not step.store.store:
            remedy = "Set a store in the capture step itself: the Job writes to it."
            raise BadInput("cannot capture in the cluster", "store is missing", remedy)
        manifests.check(step.in_cluster)
        capture_options(step.capture, step.debug, step.many.concurrency)
        self._api, self._step, self._settings, self._report = api, step, step.in_cluster, report
        self._store = open_readable(step.store)
        self._catalog = _content(step.capture.catalog)
        self._requests = 0

    def load_resumed(self) -> Manifest:
        """Return the manifest of the run to resume. Raises BadInput."""
        run_id = self._settings.resume
        plan = self._store.read(plan_key(run_id))
        if plan is None:
            action, reason = f"cannot resume {run_id}", f"{self._step.store.store} has no plan for it"
            raise BadInput(action, reason, "Check the ID. A run can be resumed only after it has selected its pods.")
        try:
            return manifest_from(json.loads(plan))
        except ValueError as error:
            raise BadInput(f"cannot resume {run_id}", f"its plan is not valid ({error})") from error

    def describe_plan(self, manifest: Manifest) -> str:
        """Return what the run would do, for a dry run."""
        shares = deal(manifest.targets, self._settings.pods_per_index)
        pods = "".join(f"\n{target}: {', '.join(target.unhealthy) or 'healthy'}" for target in manifest.targets)
        return (
            f"dry run: {len(manifest.targets)} pods for {len(shares)} workers of a Job in "
            f"{self._settings.job_namespace}, {min(self._settings.parallelism, len(shares))} at a time{pods}"
        )

    def run(self, bundle: Bundle, manifest: Manifest) -> Manifest:
        """Capture all pods of ``manifest`` and return the complete manifest, which ``bundle`` has too.

        It lists what could not be captured, with the reason. Raises CaptureError if no Job could be created.
        """
        record, run_id = Record(bundle, manifest), manifest.capture_id
        records: dict[str, PodRecord] = {}
        if self._settings.resume:
            stored = self._records(run_id, manifest.targets)
            records = {uid: target for uid, target in stored.items() if target.is_done}
            self._report(f"the store already has {len(records)} of {len(manifest.targets)} pods")
        else:
            self._put(bundle, plan_key(run_id), manifest_text(manifest))
        missing = [target for target in manifest.targets if target.uid not in records]
        if missing:
            records |= self._capture_missing(run_id, missing, manifest)
        records = {target.uid: trusted_record(records[target.uid], run_id, target) for target in manifest.targets}
        record.add_all([self._artifact(target, records[target.uid], manifest) for target in manifest.targets])
        findings = (finding for target in manifest.targets for finding in records[target.uid].findings)
        finished = record.finish(self._api.requests + self._requests)
        finished = replace(finished, findings=tuple(ranked(findings)))
        bundle.save(finished)
        return finished

    def _capture_missing(self, run_id: str, missing: Sequence[Target], manifest: Manifest) -> dict[str, PodRecord]:
        """Wait for the Job and return the records of ``missing`` by UID. For a pod without a record, add the reason."""
        name = self._find_running_job(run_id) or self._start(run_id, missing, manifest)
        try:
            records, failure = self._watch(run_id, name, len(missing))
        except SystemExit:
            job_name = f"{self._settings.job_namespace}/{name}"
            self._report(f"Job {job_name} continues. To get its result, run again with resume={run_id}")
            raise
        records |= self._records(run_id, [target for target in missing if target.uid not in records])
        reasons = self._reasons(name) if len(records) < len(missing) else {}
        self._remove(name)
        for index, share in enumerate(deal(missing, self._settings.pods_per_index)):
            for target in share:
                reason = f"not captured: {reasons.get(index) or failure or 'the Job left no record'}"
                records.setdefault(
                    target.uid, PodRecord(target.uid, str(target), "", "", "failed", reason=one_line(reason))
                )
        return records

    def _find_running_job(self, run_id: str) -> str:
        """Return the name of a running Job of a resumed run, or ""."""
        if not self._settings.resume:
            return ""
        label = f"{manifests.RUN_LABEL}={manifests.run_label(run_id)}"
        job_list = jobs.find(self._api, self._settings.job_namespace, label)
        name = next((str(job["metadata"]["name"]) for job in job_list if manifests.failure_of(job) is None), "")
        if name:
            self._report(f"Job {self._settings.job_namespace}/{name} of this run is still running")
        return name

    def _start(self, run_id: str, missing: Sequence[Target], manifest: Manifest) -> str:
        """Create the Job, its ConfigMaps and its Secret. After a CaptureError, nothing of it remains."""
        shares = deal(missing, self._settings.pods_per_index)
        maps = payloads(shares)
        job_spec = self._job_spec(run_id, len(shares), manifest)
        created_job = jobs.create(self._api, manifests.job(job_spec, self._settings, len(maps)))
        try:
            for config_map in manifests.config_maps(job_spec, self._settings, created_job, maps):
                jobs.create(self._api, config_map)
            if manifests.secret_name(job_spec, self._settings) == job_spec.name:
                jobs.create(self._api, manifests.secret(job_spec, self._settings, created_job))
        except BaseException:
            self._remove(job_spec.name)
            raise
        self._report(
            f"Job {self._settings.job_namespace}/{job_spec.name}: {len(missing)} pods for {len(shares)} workers, "
            f"{min(self._settings.parallelism, len(shares))} at a time"
        )
        return job_spec.name

    def _job_spec(self, run_id: str, indexes: int, manifest: Manifest) -> manifests.JobSpec:
        values, secret = self._values()
        concurrency = min(self._settings.parallelism, indexes)
        return manifests.JobSpec(
            run_id=run_id,
            name=manifests.job_name(run_id),
            settings=values,
            credentials={} if self._settings.job_secret else secret,
            catalog=self._catalog,
            indexes=indexes,
            trigger=manifest.trigger,
            requests_per_s=max(_MIN_REQUESTS_PER_S, self._step.connection.requests_per_s // concurrency),
        )

    def _values(self) -> tuple[dict[str, str], dict[str, str]]:
        """Return the settings of a worker as text: those that are not secret, and those that are."""
        step = self._step
        spool = replace(
            step.spool, spool=manifests.SPOOL, spool_limit_mib=self._settings.job_spool_mib, spool_free_mib=0
        )
        capture = replace(step.capture, catalog=manifests.CATALOG_FILE if self._catalog else "", dry_run=False)
        index = IndexStep(
            many=step.many,
            capture=capture,
            debug=step.debug,
            redaction=step.redaction,
            spool=spool,
            store=step.store,
        )
        secret = {setting.name for setting in declared(IndexStep) if setting.rule.secret}
        values = written(index)
        return (
            {name: value for name, value in values.items() if name not in secret},
            {name: value for name, value in values.items() if name in secret},
        )

    def _watch(self, run_id: str, name: str, pods: int) -> tuple[dict[str, PodRecord], str]:
        """Watch the Job until it ends. Return the records of its workers by UID, and the failure of the Job."""
        records: dict[str, PodRecord] = {}
        read_indexes, last_line, started = set[int](), "", time.monotonic()
        limit_s = self._settings.job_time_limit_s + _GRACE_S
        try:
            for job in jobs.watch_job(self._api, self._settings.job_namespace, name, limit_s):
                completed = manifests.indexes(job["status"].get("completedIndexes", ""))
                for index in completed:
                    if index not in read_indexes:
                        records |= self._read_index_record(run_id, name, index)
                read_indexes.update(completed)
                line = progress_line(job, records.values(), pods, time.monotonic() - started)
                if line != last_line:
                    self._report(line)
                last_line = line
                job_failure = manifests.failure_of(job)
                if job_failure is not None:
                    return records, job_failure
        except TargetNotFound as error:
            return records, str(error)
        return records, f"the Job was still running after {limit_s} s"

    def _read_index_record(self, run_id: str, name: str, index: int) -> dict[str, PodRecord]:
        content = self._store.read(index_key(run_id, name, index))
        if content is None:
            return {}
        record = read_index_record(content)
        self._requests += record.requests
        return {pod.uid: pod for pod in record.pods}

    def _records(self, run_id: str, targets: Sequence[Target]) -> dict[str, PodRecord]:
        """Return the records of ``targets`` in the store, by UID."""
        with ThreadPoolExecutor(_READERS, thread_name_prefix="record") as pool:
            contents = pool.map(lambda target: self._store.read(record_key(run_id, target.uid)), targets)
            return {target.uid: target for target in map(read_pod_record, filter(None, contents))}

    def _reasons(self, name: str) -> dict[int, str]:
        try:
            return manifests.failure_reasons(jobs.failed_pods(self._api, self._settings.job_namespace, name))
        except CaptureError as error:
            self._report(str(error))
            return {}

    def _remove(self, name: str) -> None:
        """Delete the Job and its Secret. A failure is only logged, because the cluster deletes the Job later."""
        try:
            jobs.remove(self._api, self._settings.job_namespace, name)
        except CaptureError as error:
            self._report(
                f"Job {self._settings.job_namespace}/{name} was not deleted; the cluster deletes it later: {error}"
            )

    def _put(self, bundle: Bundle, key: str, text: str) -> None:
        file = bundle.folder / "plan.json"
        file.write_text(text, encoding="utf-8")
        self._store.put(key, file, sha256_of(file))
        file.unlink()

    def _artifact(self, target: Target, record: PodRecord, manifest: Manifest) -> Artifact:
        page = None
        if record.page_bytes:
            page = self._store.locate(f"{record.key}/{PAGE}", record.page_bytes, record.page_sha256)
        return pod_artifact(target, record, page, manifest.started)


def _content(file: str) -> str:
    """Return the content of the catalog ``file``, which workers cannot read, or "". Raises BadInput."""
    if not file:
        return ""
    try:
        return Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"cannot read {file}", error.strerror or str(error), "Correct the setting catalog.") from error
