"""k8s-debug-capture: captures the debug state of pods, uploads it, and notifies the incident."""

from contextlib import ExitStack

from ..bundle.bundle import Bundle
from ..capture.pod_upload import open_pod_upload_store
from ..errors import EXIT_PARTIAL, CaptureError, NoteNotSent, NotStored
from ..incident.account import check_incident
from ..incident.notify import notify_end, notify_failure, notify_interrupted, try_to_notify
from ..model import Outcome
from ..report.summary import first_finding, shortfall, summary
from ..runtime.context import RunContext
from ..settings.forms import CaptureStep
from ..settings.incident import IncidentSettings, TriggerSettings
from ..stores.registry import open_store
from .capture_run import new_bundle, subject
from .shared import Step, about
from .upload import publish_and_report


def capture(step: CaptureStep, context: RunContext) -> Outcome:
    """Capture the debug state of the targets into a bundle, upload it and notify the incident, as the settings say.

    Raises NothingCaptured if all collectors failed, and NotStored, after the note, if the upload failed.
    """
    ignored = _reason_to_ignore(step.incident, step.trigger)
    if ignored:
        context.report(ignored)
        return Outcome(0)
    _check(step)
    with ExitStack() as held:
        bundle = _create_bundle(step, context, held)
        if bundle is None:
            return Outcome(0)
        data, failure = _upload_and_notify(step, bundle, context)
    notify_interrupted(step, context)
    if failure:
        raise failure.with_data(**data)
    return _outcome(step, bundle, data, context)


def _check(step: CaptureStep) -> None:
    """Raise BadInput if the settings of incident or store are wrong, before anything is changed."""
    check_incident(step.incident, reads=step.by_incident)
    if step.store.store:
        open_store(step.store)
    open_pod_upload_store(step.store, step.capture.direct_upload_mib)


def _create_bundle(step: CaptureStep, context: RunContext, held: ExitStack) -> Bundle | None:
    """Return the new bundle, if there is one. Report a failure to the incident, if possible in the start note."""
    try:
        with about(subject(step)):
            return new_bundle(step, context, held)
    except NoteNotSent:
        # This run joined another capture, and could not add its note.
        raise
    except CaptureError as error:
        mark = error.data.get("capture_id") or (step.incident.incident_id if step.by_incident else context.run_id)
        failure = str(error)
        try_to_notify(error, lambda: notify_failure(step.incident, step.spool, context, failure, mark), context)
        raise


def _outcome(step: CaptureStep, bundle: Bundle, data: dict[str, str], context: RunContext) -> Outcome:
    """Return the outcome of a capture after upload and notification."""
    document, manifest = bundle.document(), bundle.manifest()
    if manifest.status == "partial" and (step.capture.fail_when_partial or not manifest.fulfilled):
        context.report(f"Error: {shortfall(manifest)}")
        return Outcome(EXIT_PARTIAL, data, document)
    return Outcome(0, data, document)


def _reason_to_ignore(incident: IncidentSettings, trigger: TriggerSettings) -> str:
    """Return why the event does not start a capture; "" if it does."""
    event = trigger.event_type
    if event in ("", "manual"):
        return ""
    if event not in [name.strip() for name in trigger.events.split(",")]:
        return f"nothing to do: event {event} does not start a capture (events that do: {trigger.events})"
    return "" if incident.incident_id else f"nothing to do: event {event} has no incident"


def _upload_and_notify(
    step: CaptureStep, bundle: Bundle, context: RunContext
) -> tuple[dict[str, str], CaptureError | None]:
    """Return the data for later steps and the first error. If the upload fails, the incident is still notified."""
    manifest = bundle.manifest()
    data = {
        "capture_id": manifest.capture_id,
        "bundle": str(bundle.folder),
        "status": manifest.status,
        "summary": summary(manifest),
        "finding": first_finding(manifest),
    }
    failure: CaptureError | None = None
    if step.store.store:
        try:
            data["link"] = publish_and_report(bundle, step, context).page
        except NotStored as error:
            failure = error
    reason = str(failure or "")
    failure = try_to_notify(failure, lambda: notify_end(step.incident, step.spool, bundle, context, reason), context)
    return data, failure


STEP = Step(CaptureStep, capture)
