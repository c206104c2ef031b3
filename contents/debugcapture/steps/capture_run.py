"""Creates a bundle, unless another run captures the same workload, and captures locally or in the cluster."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Generic, TypeVar

from ..bundle.artifact import Intake
from ..bundle.bundle import Bundle, claimed, create_bundle, named_bundle, writable
from ..bundle.record import Record
from ..bundle.recurrence import with_recurrences
from ..bundle.spool import Room
from ..capture.pod_upload import PodUpload, open_pod_upload_store
from ..errors import BadInput, CaptureError, NothingCaptured
from ..incident.account import account_of
from ..incident.dedup import CaptureIndex, CaptureRequest
from ..incident.notify import duplicate_event_line, incident_key, join_capture, notify_start
from ..kube.client import Api, open_api
from ..manifest import Manifest
from ..model import Target
from ..redaction.redactor import redaction
from ..report.summary import plan_table, summary
from ..runtime.context import RunContext, spool_of
from ..settings.encryption import EncryptionSettings
from ..settings.forms import CaptureStep
from ..targets.condition import filter_matching
from ..targets.selection import SelectedPod, check_target, select_pods, select_targets, target_name
from ..text import one_line
from ..upload.uploader import background_upload

if TYPE_CHECKING:
    # It imports the YAML parser, which other steps do not need.
    from ..capture.parallel import ParallelCapture
    from ..incident.alert_targets import AlertTargets

T = TypeVar("T")
_MAX_LOCAL_PODS = 1000


def new_bundle(step: CaptureStep, context: RunContext, held: ExitStack) -> Bundle | None:
    """Return the new bundle. Runs for the same workload join it until ``held`` is closed.

    Returns None if nothing is captured: in a dry run, if a condition is not met, or if another capture covers it.
    """
    if not (step.by_incident or step.in_cluster.resume):
        check_target(step.target)
    return (_capture_locally if step.in_cluster.mode == "local" else _capture_in_cluster)(step, context, held)


def subject(step: CaptureStep) -> str:
    """Return the name of the run, the incident or the target, as the subject of error messages."""
    if step.in_cluster.resume:
        return f"run {step.in_cluster.resume}"
    return f"incident {step.incident.incident_id}" if step.by_incident else target_name(step.target)


def _capture_locally(step: CaptureStep, context: RunContext, held: ExitStack) -> Bundle | None:
    """Capture in this process."""
    from ..capture.parallel import ParallelCapture, capture_options

    if step.in_cluster.resume:
        raise BadInput("cannot resume a run", "mode is local", "Set mode to in-cluster.")
    if step.many.max_pods > _MAX_LOCAL_PODS:
        remedy = "Set mode to in-cluster for more pods."
        raise BadInput("cannot capture in the step itself", f"max_pods is more than {_MAX_LOCAL_PODS}", remedy)
    options = capture_options(step.capture, step.debug, step.many.concurrency)
    if _is_repeated(step, context):
        return None
    room, intake = _intake(step, context)
    api = open_api(step.connection)
    chosen = _select(api, step, context)
    selected = chosen.items
    captures = ParallelCapture(api, options, room, context.report)
    if step.capture.dry_run:
        for selection in selected:
            context.report(plan_table(selection.target, captures.plan(selection), step.debug.profile))
    if step.capture.dry_run or not selected:
        return None
    with ExitStack() as claim:
        targets = [selection.target for selection in selected]
        start_manifest = _new_manifest(_Chosen(targets, chosen.remarks, chosen.alerted), context)
        bundle, is_new = _create_or_join(step, context, intake, start_manifest, claim, held)
        if not is_new:
            join_capture(step, bundle, context)
            return None
        start_manifest = _announce(step, bundle, start_manifest, context)
        manifest = _run(step, captures, selected, bundle, start_manifest, context)
    return _finish(step, bundle, manifest, context)


def _capture_in_cluster(step: CaptureStep, context: RunContext, held: ExitStack) -> Bundle | None:
    """Capture in a Job in the cluster. The bundle describes all pods, but does not contain their files."""
    from ..fleet.controller import FleetCapture

    api = open_api(step.connection)
    run = FleetCapture(api, step, context.report)
    if not step.in_cluster.resume and _is_repeated(step, context):
        return None
    start_manifest = (
        run.load_resumed()
        if step.in_cluster.resume
        else _new_manifest(_select_for_workers(api, step, context), context)
    )
    if step.capture.dry_run:
        context.report(run.describe_plan(start_manifest))
        return None
    intake = _intake(step, context)[1]
    with ExitStack() as claim:
        if step.in_cluster.resume:
            bundle, is_new = named_bundle(spool_of(step.spool, context), start_manifest.capture_id, intake), True
            claim.enter_context(claimed(bundle))
        else:
            bundle, is_new = _create_or_join(step, context, intake, start_manifest, claim, held)
        if not is_new:
            join_capture(step, bundle, context)
            return None
        start_manifest = _announce(step, bundle, start_manifest, context)
        try:
            manifest = run.run(bundle, start_manifest)
        except CaptureError as error:
            raise error.with_data(capture_id=bundle.folder.name) from error
    context.report(summary(manifest))
    return _finish(step, bundle, manifest, context)


def _intake(step: CaptureStep, context: RunContext) -> tuple[Room, Intake]:
    room = Room(spool_of(step.spool, context), step.spool.spool_limit_mib << 20, step.spool.spool_free_mib << 20)
    return room, Intake(redaction(step.redaction.redact_patterns) if step.redaction.redact else None, room)


def _new_manifest(chosen: "_Chosen[Target]", context: RunContext) -> Manifest:
    """Return the manifest of a capture that starts now. It has no ID yet."""
    first, *more = chosen.items
    return Manifest(
        "",
        datetime.now(timezone.utc),
        None,
        first,
        context.trigger,
        more_targets=tuple(more),
        remarks=tuple(chosen.remarks),
        alerted=chosen.alerted,
    )


def _announce(step: CaptureStep, bundle: Bundle, manifest: Manifest, context: RunContext) -> Manifest:
    """Report the start of the capture to the log and the incident, and return the complete manifest."""
    context.report(f"bundle {bundle.folder}")
    context.follow(bundle.folder)
    notify_start(step, manifest.target, bundle.folder.name, context)
    encrypted = bool(step.store.of(EncryptionSettings).encrypt_to)
    return replace(manifest, capture_id=bundle.folder.name, encrypted=encrypted)


def _finish(step: CaptureStep, bundle: Bundle, manifest: Manifest, context: RunContext) -> Bundle:
    """Report the findings, and return the bundle. Raises NothingCaptured if it contains no evidence."""
    context.report(f"{manifest.requests} requests to the API server")
    manifest = _with_recurrences(manifest, bundle, context)
    for finding in manifest.findings:
        if finding.severity != "info":
            context.report(one_line(f"finding: {finding.title}"))
    if manifest.status == "failed":
        reasons = "; ".join(dict.fromkeys(artifact.reason for artifact in manifest.artifacts))
        nothing = NothingCaptured(f"nothing was captured from {subject(step)}", reasons)
        raise nothing.with_data(capture_id=bundle.folder.name)
    return bundle


def _with_recurrences(manifest: Manifest, bundle: Bundle, context: RunContext) -> Manifest:
    """Return ``manifest`` with the earlier captures of its findings, or unchanged if the spool cannot be used."""
    try:
        compared = with_recurrences(manifest, bundle.folder.parent)
        bundle.save(compared)
    except OSError as error:
        context.report(f"cannot compare the findings with earlier captures: {error}")
        return manifest
    return compared


def _run(
    step: CaptureStep,
    captures: "ParallelCapture",
    selected: Sequence[SelectedPod],
    bundle: Bundle,
    start_manifest: Manifest,
    context: RunContext,
) -> Manifest:
    """Capture the selected pods while a background upload sends finished artifacts. Return the final manifest."""
    try:
        with (
            writable(bundle.folder),
            background_upload(bundle, step.store, start_manifest.key, context.report) as upload,
        ):
            record = Record(bundle.followed_by(upload.follow), start_manifest, upload.send)
            captures.run(selected, record, _pod_upload(step, start_manifest))
            manifest = _with_differences(captures.finish(record, captures.requests), bundle, context)
            bundle.save(manifest)
            return manifest
    except CaptureError as error:
        raise error.with_data(capture_id=bundle.folder.name) from error


def _with_differences(manifest: Manifest, bundle: Bundle, context: RunContext) -> Manifest:
    """Return ``manifest`` with what only its unhealthy pods have."""
    if len(manifest.targets) == 1:
        return manifest
    # Imported here, because it loads parsers.
    from ..findings.comparison.bundle import with_differences

    return with_differences(
        manifest, bundle.folder, lambda file, error: context.report(f"{file.name} cannot be compared: {error}")
    )


def _pod_upload(step: CaptureStep, start_manifest: Manifest) -> PodUpload | None:
    """Return the upload from pods; None if the job does not use it."""
    store = open_pod_upload_store(step.store, step.capture.direct_upload_mib)
    return PodUpload(store, start_manifest.key, step.capture.direct_upload_mib << 20) if store else None


@dataclass(frozen=True, slots=True)
class _Chosen(Generic[T]):
    """The pods or targets to capture, and lines that explain the choice."""

    items: list[T]
    remarks: list[str]
    alerted: datetime | None = None
    """See `Manifest.alerted`."""


def _select(api: Api, step: CaptureStep, context: RunContext) -> _Chosen[SelectedPod]:
    """Return the pods to capture, selected by the settings or by alerts."""
    alerted = None
    if step.by_incident:
        alert_targets = _find_alert_targets(api, step, context)
        selected, remarks, alerted = alert_targets.targets, alert_targets.remarks, alert_targets.alerted
    else:
        selected, remarks = select_pods(api, step.target, step.many.max_pods, step.sampling)
    matching, judged = filter_matching(api, selected, step.capture.when)
    for line in (*remarks, *judged):
        context.report(line)
    return _Chosen(matching, [*remarks, *judged], alerted)


def _select_for_workers(api: Api, step: CaptureStep, context: RunContext) -> _Chosen[Target]:
    """Return the targets of the workers, which check the conditions."""
    alerted = None
    if step.by_incident:
        alert_targets = _find_alert_targets(api, step, context)
        targets = [selection.target for selection in alert_targets.targets]
        remarks, alerted = alert_targets.remarks, alert_targets.alerted
    else:
        targets, remarks = select_targets(api, step.target, step.many.max_pods, step.sampling)
    for line in remarks:
        context.report(line)
    return _Chosen(targets, remarks, alerted)


def _find_alert_targets(api: Api, step: CaptureStep, context: RunContext) -> "AlertTargets":
    from ..incident.alert_targets import find_targets, read_alerts

    account = account_of(step.incident, spool_of(step.spool, context))
    alerts = read_alerts(account, step.incident.incident_id, step.alerts)
    return find_targets(api, alerts, step.alerts, step.target.container, step.many.max_pods)


def _is_repeated(step: CaptureStep, context: RunContext) -> bool:
    """Return whether the incident has a capture already, because PagerDuty delivered the event before."""
    if not step.joins or step.capture.dry_run:
        return False
    index = CaptureIndex(spool_of(step.spool, context), step.trigger.dedup_window_s)
    existing = index.find(incident_key(step), datetime.now(timezone.utc))
    if existing:
        context.report(duplicate_event_line(step, existing))
    return existing is not None


def _create_or_join(
    step: CaptureStep, context: RunContext, intake: Intake, manifest: Manifest, claim: ExitStack, held: ExitStack
) -> tuple[Bundle, bool]:
    """Return a new bundle and True, or the bundle of another run and False.

    No other process uploads the bundle before ``claim`` is closed. Other runs can join it until ``held`` is closed.
    """
    spool, target = spool_of(step.spool, context), manifest.target

    def make() -> Bundle:
        if intake.room:
            intake.room.require()
        bundle = create_bundle(spool, target.pod, manifest.started, intake)
        claim.enter_context(claimed(bundle))
        if step.joins:
            # A run that joins the capture reads the manifest.
            bundle.save(replace(manifest, capture_id=bundle.folder.name))
        return bundle

    if not step.joins:
        return make(), True
    # Identifies the cluster. The index stores only a hash of it.
    cluster = f"{step.alerts.cluster} {step.connection}"
    workload = f"workload {cluster} {target.namespace}/{target.workload}"
    request = CaptureRequest(step.incident.incident_id, incident_key(step), workload, manifest.started)
    return CaptureIndex(spool, step.trigger.dedup_window_s).find_or_create(request, make, held)
