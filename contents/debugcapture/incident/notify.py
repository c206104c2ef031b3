"""Tell PagerDuty: the incident that a step is for, those that joined its capture, and the service.

What fails here never keeps evidence from being captured or stored.
"""

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from ..bundle.bundle import Bundle, claimed, recover
from ..errors import BadInput, CaptureError, NoteNotSent, NotStored
from ..model import Target
from ..pagerduty.api import LONGEST_FIELD
from ..pagerduty.client import TRIES
from ..pagerduty.events import Events
from ..pagerduty.note_text import capture_note, failure_note, joined_note, marker, restart_note, start_note
from ..pagerduty.outbox import Note, Outbox
from ..report.summary import summary
from ..runtime.context import Caller, spool_of
from ..settings.incident import IncidentSettings
from ..settings.spool import SpoolSettings
from ..stores.registry import open_store
from ..upload.publish import keep
from .account import account_of, takes_notes
from .dedup import Send, join, tell, untold

if TYPE_CHECKING:
    from ..settings.forms import CaptureStep, RestartStep


def told(failure: CaptureError | None, tell: Callable[[], None], caller: Caller) -> CaptureError | None:
    """Tell the incident, and return the failure that counts: an earlier one is not hidden by that of the note."""
    try:
        tell()
    except NoteNotSent as error:
        if failure:
            caller.say(str(error))
        return failure or error
    return failure


def tell_start(step: "CaptureStep", target: Target, capture_id: str, caller: Caller) -> None:
    """Tell the incident that evidence is on its way: tried once, for the pod may be gone in a minute."""
    if not takes_notes(step.incident):
        return
    by, execution = caller.trigger.get("started_by", ""), caller.trigger.get("execution", "")
    text = start_note(target, capture_id, by, execution)
    try:
        _post(step.incident, step.spool, marker(capture_id), text, caller, tries=1)
    except NoteNotSent as error:
        caller.say(f"{error} The capture goes on.")


def tell_end(settings: IncidentSettings, spool: SpoolSettings, bundle: Bundle, caller: Caller, failure: str) -> None:
    """Tell the service, the incident, and those that joined about ``bundle``. Raises NoteNotSent.

    The note is what counts; where none can be written, the change event is.
    """
    if settings.pagerduty_integration_key:
        try:
            _change(settings, bundle, caller)
        except NoteNotSent as error:
            if not takes_notes(settings):
                raise
            caller.say(str(error))
    if takes_notes(settings):
        _note_end(settings, spool, bundle, caller, failure)


def _note_end(settings: IncidentSettings, spool: SpoolSettings, bundle: Bundle, caller: Caller, failure: str) -> None:
    manifest = bundle.manifest()
    text = capture_note(manifest, bundle.receipt(), str(bundle.folder), caller.trigger.get("execution", ""), failure)
    try:
        _post(settings, spool, marker(manifest.capture_id), text, caller)
        _set_field(settings, bundle, caller)
        _publish(settings, bundle, text, caller)
    finally:
        tell(bundle, text, _to_joined(settings, spool, manifest.capture_id, caller))


def _publish(settings: IncidentSettings, bundle: Bundle, text: str, caller: Caller) -> None:
    """Mail the note to those who subscribed, where the job asks for it; the note is there in any case."""
    if not settings.pagerduty_status_update:
        return
    try:
        account_of(settings, bundle.folder.parent).update_status(settings.incident_id, text)
        caller.say(f"incident {settings.incident_id}: status update published")
    except NoteNotSent as error:
        caller.say(str(error))


def _change(settings: IncidentSettings, bundle: Bundle, caller: Caller) -> None:
    manifest, receipt = bundle.manifest(), bundle.receipt()
    execution = caller.trigger.get("execution", "")
    link = receipt.page if receipt else execution
    details = {"capture": manifest.capture_id, "status": manifest.status, "incident": settings.incident_id}
    details |= {"pod": str(manifest.target), "workload": manifest.target.workload, "rundeck": execution}
    events = Events(settings.pagerduty_url, settings.pagerduty_integration_key, settings.pagerduty_ca)
    told = {name: text for name, text in details.items() if text}
    events.change(f"Debug capture {summary(manifest)}", str(manifest.target), link, told)
    caller.say("change event sent to PagerDuty")


def tell_failure(settings: IncidentSettings, spool: SpoolSettings, caller: Caller, failure: str, mark: str) -> None:
    """Tell the incident, and those that joined, that nothing was captured. Raises NoteNotSent."""
    if not takes_notes(settings):
        return
    text = failure_note(failure, caller.trigger.get("execution", ""), marker(mark))
    try:
        _post(settings, spool, marker(mark), text, caller)
    finally:
        tell(Bundle(spool_of(spool, caller) / mark), text, _to_joined(settings, spool, mark, caller))


def tell_restart(step: "RestartStep", bundle: Bundle | None, caller: Caller, what: str, how: str) -> None:
    """Tell the incident what was done to the workload. Raises NoteNotSent."""
    if not takes_notes(step.incident):
        return
    mark = marker(f"{bundle.folder.name if bundle else caller.run_id} {step.restart.action}")
    by, execution = caller.trigger.get("started_by", ""), caller.trigger.get("execution", "")
    _post(step.incident, step.spool, mark, restart_note(what, how, by, execution, mark), caller)


def join_capture(step: "CaptureStep", bundle: Bundle, caller: Caller) -> None:
    """Have the incident told about ``bundle``, which another run captures. Raises NoteNotSent."""
    target, capture_id = bundle.manifest().target, bundle.folder.name
    outbox = _outbox(step.incident, spool_of(step.spool, caller), caller)

    def send(incident: str, text: str) -> None:
        caller.say(f"{target} is being captured, or was captured recently: incident {incident} joins {capture_id}")
        outbox.send(Note(step.incident.pagerduty_url, incident, marker(capture_id), text))

    text = joined_note(target, capture_id, caller.trigger.get("execution", ""))
    if not join(bundle, step.incident.incident_id, text, send):
        caller.say(repeated(step, bundle))


def tell_left(step: "CaptureStep", caller: Caller) -> None:
    """Tell the incidents whose capture was killed before it could: what there is of it is kept as well."""
    if not step.by_incident:
        return
    for bundle in untold(spool_of(step.spool, caller)):
        capture_id, failure = bundle.folder.name, ""
        with claimed(bundle) as ours:
            if not ours:
                continue
            caller.say(f"{capture_id} was killed before it could update its incidents")
            try:
                recover(bundle, datetime.now(timezone.utc))
                if step.store.store:
                    keep(bundle, open_store(step.store), step.store.store, caller.say)
            except (NotStored, BadInput) as error:
                failure = str(error)
                caller.say(failure)
        tell(bundle, _end_of(bundle, failure), _to_joined(step.incident, step.spool, capture_id, caller))


def _end_of(bundle: Bundle, failure: str) -> str:
    """Return the note about the end of a capture that was killed; one whose manifest is torn left only files."""
    try:
        return capture_note(bundle.manifest(), bundle.receipt(), str(bundle.folder), "", failure)
    except BadInput as error:
        return failure_note(str(error), "", marker(bundle.folder.name))


def repeated(step: "CaptureStep", bundle: Bundle) -> str:
    """Return the line about an event that was delivered again."""
    return f"incident {step.incident.incident_id} already has its capture {bundle.folder.name}: nothing to do"


def incident_key(step: "CaptureStep") -> str:
    """Return what tells the incident from those of other accounts."""
    return f"incident {step.incident.pagerduty_url} {step.incident.incident_id}"


def _set_field(settings: IncidentSettings, bundle: Bundle, caller: Caller) -> None:
    """Put the link into the incident's custom field, where the job names one; the note has it in any case."""
    receipt = bundle.receipt()
    if not (settings.pagerduty_field and receipt):
        return
    links = (receipt.page, caller.trigger.get("execution", ""))
    short = next((one for one in links if one and len(one) <= LONGEST_FIELD), "")
    if not short:
        caller.say(f"every link has more than {LONGEST_FIELD} characters: the custom field is not changed")
        return
    try:
        account_of(settings, bundle.folder.parent).set_field(settings.incident_id, settings.pagerduty_field, short)
    except NoteNotSent as error:
        caller.say(str(error))


def _to_joined(settings: IncidentSettings, spool: SpoolSettings, capture_id: str, caller: Caller) -> Send:
    """Return what sends a note to an incident other than the step's own, whose note is sent apart."""
    outbox = _outbox(settings, spool_of(spool, caller), caller)

    def send(incident: str, text: str) -> None:
        if incident != settings.incident_id:
            try:
                outbox.send(Note(settings.pagerduty_url, incident, marker(capture_id), text))
            except NoteNotSent as error:
                caller.say(str(error))  # it is not this run's incident, and waits in the outbox where that helps

    return send


def _post(
    settings: IncidentSettings, spool: SpoolSettings, mark: str, text: str, caller: Caller, tries: int = TRIES
) -> None:
    note = Note(settings.pagerduty_url, settings.incident_id, mark, text)
    _outbox(settings, spool_of(spool, caller), caller).send(note, tries)


def _outbox(settings: IncidentSettings, spool: Path, caller: Caller) -> Outbox:
    return Outbox(spool, account_of(settings, spool), caller.say)
