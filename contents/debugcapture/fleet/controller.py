"""A capture of many pods by a Job of the cluster: this step chooses them, watches, and tells how it went.

The Job does not need the step, nor the step's machine. What it leaves in the store is enough to take a run up again,
from wherever: its plan, a record of each pod, and a record of each index (shards.py).
"""

import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from ..bundle.bundle import Bundle, manifest_text
from ..bundle.record import Record
from ..bundle.serialize import manifest_from
from ..capture.parallel import capture_options
from ..errors import BadInput, CaptureError, TargetNotFound
from ..files import sha256_of
from ..kube import jobs
from ..kube.client import Api
from ..model import PAGE, Artifact, Manifest, Target
from ..settings.declare import declared, written
from ..settings.forms import CaptureStep, IndexStep
from ..stores.registry import open_readable
from ..text import one_line
from . import manifests
from .progress import artifact_of, progress_line
from .shards import PodRecord, deal, index_key, payloads, plan_key, read_index_record, read_pod_record, record_key

Say = Callable[[str], None]
_READERS = 16  # records that are read from the store side by side
_GRACE_S = 120  # by which a Job may be late to see that its time is over
_LEAST_RATE = 5  # requests a second of an index


class InCluster:
    """One run: begun or taken up, and watched to its end."""

    def __init__(self, api: Api, step: CaptureStep, say: Say) -> None:
        """Check the settings. Raises BadInput, before anything is touched."""
        if not step.store.store:
            do = "Set a store in the capture step itself: the Job writes to it."
            raise BadInput("cannot capture in the cluster", "store is missing", do)
        manifests.check(step.in_cluster)
        capture_options(step.capture, step.debug, step.many.concurrency)
        self._api, self._step, self._wanted, self._say = api, step, step.in_cluster, say
        self._store = open_readable(step.store)
        self._catalog = _content(step.capture.catalog)
        self._requests = 0  # of the indexes

    def taken_up(self) -> Manifest:
        """Return the manifest with which the run began that is to be taken up. Raises BadInput."""
        run_id = self._wanted.resume
        plan = self._store.read(plan_key(run_id))
        if plan is None:
            what, why = f"cannot resume {run_id}", f"{self._step.store.store} has no plan for it"
            raise BadInput(what, why, "Check the ID. A run can be resumed only after it has selected its pods.")
        try:
            return manifest_from(json.loads(plan))
        except ValueError as error:
            raise BadInput(f"cannot resume {run_id}", f"its plan is not valid ({error})") from error

    def told(self, begun: Manifest) -> str:
        """Return what the run would do, as a dry run tells it."""
        shares = deal(begun.targets, self._wanted.pods_per_index)
        pods = "".join(f"\n{one}: {', '.join(one.unhealthy) or 'healthy'}" for one in begun.targets)
        return (
            f"dry run: {len(begun.targets)} pods for {len(shares)} workers of a Job in "
            f"{self._wanted.job_namespace}, {min(self._wanted.parallelism, len(shares))} at a time{pods}"
        )

    def run(self, bundle: Bundle, begun: Manifest) -> Manifest:
        """Have all pods of ``begun`` captured, and return the manifest of ``bundle``, which is about all of them.

        What could not be captured is in it with its reason. Raises CaptureError when no Job could be made.
        """
        record, run_id = Record(bundle, begun), begun.capture_id
        done: dict[str, PodRecord] = {}
        if self._wanted.resume:
            there = self._records(run_id, begun.targets)
            done = {uid: one for uid, one in there.items() if one.is_done}
            self._say(f"the store already has {len(done)} of {len(begun.targets)} pods")
        else:
            self._put(bundle, plan_key(run_id), manifest_text(begun))
        missing = [one for one in begun.targets if one.uid not in done]
        if missing:
            done |= self._captured(run_id, missing, begun)
        record.add_all([self._artifact(one, done[one.uid], begun) for one in begun.targets])
        return record.finish(self._api.requests + self._requests)

    def _captured(self, run_id: str, missing: Sequence[Target], begun: Manifest) -> dict[str, PodRecord]:
        """Return the records of ``missing``, by uid, when the Job has ended; one that has none tells why."""
        name = self._running(run_id) or self._start(run_id, missing, begun)
        try:
            found, why = self._watch(run_id, name, len(missing))
        except SystemExit:
            self._say(
                f"Job {self._wanted.job_namespace}/{name} continues. To get its result, run again with resume={run_id}"
            )
            raise
        found |= self._records(run_id, [one for one in missing if one.uid not in found])
        reasons = self._reasons(name) if len(found) < len(missing) else {}
        self._remove(name)
        for index, share in enumerate(deal(missing, self._wanted.pods_per_index)):
            for one in share:
                reason = f"not captured: {reasons.get(index) or why or 'the Job left no record'}"
                found.setdefault(one.uid, PodRecord(one.uid, str(one), "", "", "failed", reason=one_line(reason)))
        return found

    def _running(self, run_id: str) -> str:
        """Return the Job of the run that runs, if any: of a step that was killed."""
        if not self._wanted.resume:
            return ""
        label = f"{manifests.RUN_LABEL}={manifests.run_label(run_id)}"
        found = jobs.find(self._api, self._wanted.job_namespace, label)
        name = next((str(one["metadata"]["name"]) for one in found if manifests.ended(one) is None), "")
        if name:
            self._say(f"Job {self._wanted.job_namespace}/{name} of this run is still running")
        return name

    def _start(self, run_id: str, missing: Sequence[Target], begun: Manifest) -> str:
        """Make the Job, and what it is ordered to do, which goes with it. Raises CaptureError; nothing is left then."""
        shares = deal(missing, self._wanted.pods_per_index)
        maps = payloads(shares)
        asked = self._order(run_id, len(shares), begun)
        made = jobs.create(self._api, manifests.job(asked, self._wanted, len(maps)))
        try:
            for thing in manifests.config_maps(asked, self._wanted, made, maps):
                jobs.create(self._api, thing)
            if manifests.secret_name(asked, self._wanted) == asked.name:
                jobs.create(self._api, manifests.secret(asked, self._wanted, made))
        except BaseException:
            self._remove(asked.name)
            raise
        self._say(
            f"Job {self._wanted.job_namespace}/{asked.name}: {len(missing)} pods for {len(shares)} workers, "
            f"{min(self._wanted.parallelism, len(shares))} at a time"
        )
        return asked.name

    def _order(self, run_id: str, indexes: int, begun: Manifest) -> manifests.Order:
        values, secret = self._values()
        side_by_side = min(self._wanted.parallelism, indexes)
        return manifests.Order(
            run_id=run_id,
            name=manifests.job_name(run_id),
            settings=values,
            credentials={} if self._wanted.job_secret else secret,
            catalog=self._catalog,
            indexes=indexes,
            trigger=begun.trigger,
            requests_per_s=max(_LEAST_RATE, self._step.connection.requests_per_s // side_by_side),
        )

    def _values(self) -> tuple[dict[str, str], dict[str, str]]:
        """Return the settings of an index as text, and apart from them those that are secret."""
        step = self._step
        spool = replace(step.spool, spool=manifests.SPOOL, spool_limit=self._wanted.job_spool_mib, spool_free=0)
        capture = replace(step.capture, catalog=manifests.CATALOG_FILE if self._catalog else "", dry_run=False)
        index = IndexStep(
            many=step.many,
            capture=capture,
            debug=step.debug,
            redaction=step.redaction,
            spool=spool,
            store=step.store,
        )
        secret = {one.name for one in declared(IndexStep) if one.rule.secret}
        values = written(index)
        return (
            {name: value for name, value in values.items() if name not in secret},
            {name: value for name, value in values.items() if name in secret},
        )

    def _watch(self, run_id: str, name: str, pods: int) -> tuple[dict[str, PodRecord], str]:
        """Follow the Job to its end; return the records of the indexes that ended, by uid, and how it failed."""
        found: dict[str, PodRecord] = {}
        seen, line, began = set[int](), "", time.monotonic()
        within_s = self._wanted.job_time_limit_s + _GRACE_S
        try:
            for now in jobs.watch_job(self._api, self._wanted.job_namespace, name, within_s):
                completed = manifests.indexes(now["status"].get("completedIndexes", ""))
                for index in completed:
                    if index not in seen:
                        found |= self._of_index(run_id, name, index)
                seen.update(completed)
                told = progress_line(now, found.values(), pods, time.monotonic() - began)
                if told != line:
                    self._say(told)
                line = told
                how = manifests.ended(now)
                if how is not None:
                    return found, how
        except TargetNotFound as error:
            return found, str(error)
        return found, f"the Job was still running after {within_s} s"

    def _of_index(self, run_id: str, name: str, index: int) -> dict[str, PodRecord]:
        content = self._store.read(index_key(run_id, name, index))
        if content is None:
            return {}
        record = read_index_record(content)
        self._requests += record.requests
        return {one.uid: one for one in record.pods}

    def _records(self, run_id: str, targets: Sequence[Target]) -> dict[str, PodRecord]:
        """Return the records that the store has of ``targets``, by uid."""
        with ThreadPoolExecutor(_READERS, thread_name_prefix="record") as pool:
            contents = pool.map(lambda one: self._store.read(record_key(run_id, one.uid)), targets)
            return {one.uid: one for one in map(read_pod_record, filter(None, contents))}

    def _reasons(self, name: str) -> dict[int, str]:
        try:
            return manifests.why_failed(jobs.failed_pods(self._api, self._wanted.job_namespace, name))
        except CaptureError as error:
            self._say(str(error))
            return {}

    def _remove(self, name: str) -> None:
        """Remove the Job, and with it the Secret. What goes wrong is said: it goes by itself after its time."""
        try:
            jobs.remove(self._api, self._wanted.job_namespace, name)
        except CaptureError as error:
            self._say(f"Job {self._wanted.job_namespace}/{name} was not deleted; the cluster deletes it later: {error}")

    def _put(self, bundle: Bundle, key: str, text: str) -> None:
        file = bundle.folder / "plan.json"
        file.write_text(text, encoding="utf-8")
        self._store.put(key, file, sha256_of(file))
        file.unlink()

    def _artifact(self, target: Target, record: PodRecord, begun: Manifest) -> Artifact:
        page = None
        if record.page_bytes:
            page = self._store.locate(f"{record.key}/{PAGE}", record.page_bytes, record.page_sha256)
        return artifact_of(target, record, page, begun.started)


def _content(file: str) -> str:
    """Return the catalog in ``file``, which the cluster cannot see, or "". Raises BadInput."""
    if not file:
        return ""
    try:
        return Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"cannot read {file}", error.strerror or str(error), "Correct the setting catalog.") from error
