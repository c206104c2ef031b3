"""Notify PagerDuty: the incident of a step, the incidents attached to its capture, and the service.

A failure here never prevents evidence from being captured or stored.
"""

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from ..bundle.bundle import Bundle, claimed, recover
from ..errors import BadInput, CaptureError, NoteNotSent, NotStored
from ..links.address import job_link
from ..links.records import LinkRecords
from ..manifest import Manifest
from ..model import Target
from ..pagerduty.api import MAX_FIELD_CHARACTERS
from ..pagerduty.client import TRIES
from ..pagerduty.events import Events
from ..pagerduty.note_text import (
    Addresses,
    attached_note,
    capture_note,
    failure_note,
    marker,
    restart_note,
    start_note,
)
from ..pagerduty.outbox import Note, Outbox
from ..report.summary import summary
from ..runtime.context import RunContext, spool_of
from ..settings.incident import IncidentSettings
from ..settings.spool import SpoolSettings
from ..upload.publish import publish_to_store
from .account import account_of, takes_notes
from .dedup import SendNote, attach_incident, attached_incidents, find_interrupted, notify_attached

if TYPE_CHECKING:
    from ..settings.forms import CaptureStep, RestartStep


def try_to_notify(failure: CaptureError | None, notify: Callable[[], None], context: RunContext) -> CaptureError | None:
    """Call ``notify`` and return the first failure: an earlier one matters more than that of the note."""
    try:
        notify()
    except NoteNotSent as error:
        if failure:
            context.report(str(error))
        return failure or error
    return failure


def notify_start(step: "CaptureStep", target: Target, capture_id: str, context: RunContext) -> None:
    """Write the note about the start. It is tried once only, because the pod may be gone in a minute."""
    if not takes_notes(step.incident):
        return
    text = start_note(target, capture_id, _started_by(context), _execution_url(context))
    try:
        _send_note(step.incident, step.spool, marker(capture_id), text, context, tries=1)
    except NoteNotSent as error:
        context.report(f"{error} The capture continues.")


def notify_end(
    settings: IncidentSettings, spool: SpoolSettings, bundle: Bundle, context: RunContext, failure: str
) -> None:
    """Notify the service, the incident and the attached incidents about the end of ``bundle``.

    Raises NoteNotSent for the note, or for the change event if the settings allow no note.
    """
    if settings.pagerduty_integration_key:
        try:
            _send_change_event(settings, bundle, context)
        except NoteNotSent as error:
            if not takes_notes(settings):
                raise
            context.report(str(error))
    if takes_notes(settings):
        _write_final_note(settings, spool, bundle, context, failure)


def notify_failure(
    settings: IncidentSettings, spool: SpoolSettings, context: RunContext, failure: str, mark: str
) -> None:
    """Notify the incident and the attached incidents that nothing was captured. Raises NoteNotSent."""
    if not takes_notes(settings):
        return
    text = failure_note(failure, _execution_url(context), marker(mark))
    try:
        _send_note(settings, spool, marker(mark), text, context)
    finally:
        notify_attached(Bundle(spool_of(spool, context) / mark), text, _sender(settings, spool, mark, context))


def notify_restart(step: "RestartStep", bundle: Bundle | None, context: RunContext, action: str, result: str) -> None:
    """Notify the incident about a restart: the ``action``, and its ``result``. Raises NoteNotSent."""
    if not takes_notes(step.incident):
        return
    mark = marker(f"{bundle.folder.name if bundle else context.run_id} {step.restart.action}")
    text = restart_note(action, result, _started_by(context), _execution_url(context), mark)
    _send_note(step.incident, step.spool, mark, text, context)


def join_capture(step: "CaptureStep", bundle: Bundle, context: RunContext) -> None:
    """Attach the incident to ``bundle``, which another run captures. Raises NoteNotSent."""
    target, capture_id = bundle.manifest().target, bundle.folder.name
    outbox = _outbox(step.incident, spool_of(step.spool, context), context)

    def send(incident: str, text: str) -> None:
        context.report(f"{target} is being captured, or was captured recently: incident {incident} joins {capture_id}")
        outbox.send(Note(step.incident.pagerduty_url, incident, marker(capture_id), text))

    text = attached_note(target, capture_id, _execution_url(context))
    if not attach_incident(bundle, step.incident.incident_id, text, send):
        context.report(duplicate_event_line(step, bundle))
    _record_links(step.incident, bundle, context)


def notify_interrupted(step: "CaptureStep", context: RunContext) -> None:
    """Notify the incidents of captures that were killed, and publish what those captures collected."""
    if not step.by_incident:
        return
    for bundle in find_interrupted(spool_of(step.spool, context)):
        with claimed(bundle) as is_claimed:
            if not is_claimed:
                continue
            failure = _recover_and_publish(step, bundle, context)
            _record_links(step.incident, bundle, context)
        send = _sender(step.incident, step.spool, bundle.folder.name, context)
        notify_attached(bundle, _interrupted_note(step.incident, bundle, failure), send)


def duplicate_event_line(step: "CaptureStep", bundle: Bundle) -> str:
    """Return the log line about an event that PagerDuty delivered again."""
    return f"incident {step.incident.incident_id} already has its capture {bundle.folder.name}: nothing to do"


def incident_key(step: "CaptureStep") -> str:
    """Return a key of the incident that is unique over all PagerDuty accounts."""
    return f"incident {step.incident.pagerduty_url} {step.incident.incident_id}"


def _write_final_note(
    settings: IncidentSettings, spool: SpoolSettings, bundle: Bundle, context: RunContext, failure: str
) -> None:
    manifest = bundle.manifest()
    _record_links(settings, bundle, context)
    addresses = _addresses(settings, manifest, _execution_url(context))
    text = capture_note(manifest, bundle.receipt(), str(bundle.folder), addresses, failure)
    try:
        _send_note(settings, spool, marker(manifest.capture_id), text, context)
        _set_field(settings, bundle, context)
        _update_status(settings, bundle, text, context)
    finally:
        notify_attached(bundle, text, _sender(settings, spool, manifest.capture_id, context))


def _record_links(settings: IncidentSettings, bundle: Bundle, context: RunContext) -> None:
    """Record the links of ``bundle`` and all its incidents for a later renewal. A failure is only logged."""
    try:
        receipt = bundle.receipt()
        if receipt:
            incidents = filter(None, (settings.incident_id, *attached_incidents(bundle)))
            LinkRecords(bundle.folder.parent).add(bundle.folder.name, receipt, settings.pagerduty_url, incidents)
    except (OSError, BadInput) as error:
        context.report(f"the links are not recorded for renewal: {error}")


def _update_status(settings: IncidentSettings, bundle: Bundle, text: str, context: RunContext) -> None:
    """Publish the note to the subscribers if the job asks for it. A failure is only logged: the note exists already."""
    if not settings.pagerduty_status_update:
        return
    try:
        account_of(settings, bundle.folder.parent).update_status(settings.incident_id, text)
        context.report(f"incident {settings.incident_id}: status update published")
    except NoteNotSent as error:
        context.report(str(error))


def _send_change_event(settings: IncidentSettings, bundle: Bundle, context: RunContext) -> None:
    manifest, receipt = bundle.manifest(), bundle.receipt()
    execution = _execution_url(context)
    details = {
        "capture": manifest.capture_id,
        "status": manifest.status,
        "incident": settings.incident_id,
        "pod": str(manifest.target),
        "workload": manifest.target.workload,
        "rundeck": execution,
    }
    present = {name: text for name, text in details.items() if text}
    events = Events(settings.pagerduty_url, settings.pagerduty_integration_key, settings.pagerduty_ca)
    link = receipt.page if receipt else execution
    events.send_change(f"Debug capture {summary(manifest)}", str(manifest.target), link, present)
    context.report("change event sent to PagerDuty")


def _recover_and_publish(step: "CaptureStep", bundle: Bundle, context: RunContext) -> str:
    """Complete the bundle of a killed capture and publish it. Return the failure, or ""."""
    context.report(f"{bundle.folder.name} was killed before it could update its incidents")
    try:
        recover(bundle, datetime.now(timezone.utc))
        if step.store.store:
            publish_to_store(bundle, step.store, context.report)
    except (NotStored, BadInput) as error:
        context.report(str(error))
        return str(error)
    return ""


def _interrupted_note(settings: IncidentSettings, bundle: Bundle, failure: str) -> str:
    """Return the final note of a capture that was killed. Without a readable manifest it reports only the failure."""
    try:
        manifest = bundle.manifest()
        open_job = _addresses(settings, manifest, manifest.trigger.get("execution", "")).open_job
        return capture_note(manifest, bundle.receipt(), str(bundle.folder), Addresses(open_job=open_job), failure)
    except BadInput as error:
        return failure_note(str(error), "", marker(bundle.folder.name))


def _set_field(settings: IncidentSettings, bundle: Bundle, context: RunContext) -> None:
    """Write the link to the custom field that the job names. A failure is only logged: the note has the link too."""
    receipt = bundle.receipt()
    if not (settings.pagerduty_field and receipt):
        return
    links = (receipt.page, _execution_url(context))
    short_link = next((link for link in links if link and len(link) <= MAX_FIELD_CHARACTERS), "")
    if not short_link:
        context.report(f"every link has more than {MAX_FIELD_CHARACTERS} characters: the custom field is not changed")
        return
    account = account_of(settings, bundle.folder.parent)
    try:
        account.set_field(settings.incident_id, settings.pagerduty_field, short_link)
    except NoteNotSent as error:
        context.report(str(error))


def _sender(settings: IncidentSettings, spool: SpoolSettings, capture_id: str, context: RunContext) -> SendNote:
    """Return a function that sends a note to an attached incident. The step's own incident gets its note elsewhere."""
    outbox = _outbox(settings, spool_of(spool, context), context)

    def send(incident: str, text: str) -> None:
        if incident == settings.incident_id:
            return
        try:
            outbox.send(Note(settings.pagerduty_url, incident, marker(capture_id), text))
        except NoteNotSent as error:
            # It is the incident of another run. If a retry can help, the note stays in the outbox.
            context.report(str(error))

    return send


def _send_note(
    settings: IncidentSettings, spool: SpoolSettings, mark: str, text: str, context: RunContext, tries: int = TRIES
) -> None:
    note = Note(settings.pagerduty_url, settings.incident_id, mark, text)
    _outbox(settings, spool_of(spool, context), context).send(note, tries)


def _outbox(settings: IncidentSettings, spool: Path, context: RunContext) -> Outbox:
    return Outbox(spool, account_of(settings, spool), context.report)


def _addresses(settings: IncidentSettings, manifest: Manifest, execution: str) -> Addresses:
    return Addresses(execution, job_link(execution, settings.open_job, manifest.capture_id))


def _started_by(context: RunContext) -> str:
    return context.trigger.get("started_by", "")


def _execution_url(context: RunContext) -> str:
    return context.trigger.get("execution", "")
