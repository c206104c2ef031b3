"""The whole chain on one screen: capture the debug state of a pod, keep it, tell the incident.

Each public function is one step of a job; `capture` does the later ones too when it is given a store or an incident.
Read this file first.
"""

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import BinaryIO

from .artifact_file import Intake
from .attachment import Attachment, debug_options
from .bundle import Bundle, claimed, create_bundle, open_bundle, prune, recover, waiting, writable
from .capture import Record
from .cluster import exec as exec_stream
from .cluster.api import Api
from .cluster.connect import connect
from .condition import fulfilled
from .errors import (
    EXIT_PARTIAL,
    BadInput,
    CaptureError,
    NoteNotSent,
    NothingCaptured,
    NotStored,
)
from .incident.note import capture_note, failure_note, marker, start_note
from .incident.outbox import Note, Outbox
from .incident.pagerduty import TRIES, PagerDuty
from .keep import keep
from .model import ContainerRef, ExitStatus, Manifest, Outcome, Target
from .plan import is_running
from .redact import redaction
from .report import INDEX, artifact_table, plan_table, summary
from .selection import check, name_of, select
from .settings import (
    BundleSettings,
    CaptureSettings,
    CommandSettings,
    ConnectionSettings,
    DebugContainerSettings,
    FailureSettings,
    IncidentSettings,
    ManyPodsSettings,
    RedactionSettings,
    SpoolSettings,
    StoreSettings,
    TargetSettings,
)
from .spool import Room
from .stores.store import open_store


@dataclass(frozen=True, slots=True)
class Caller:
    """Who runs a step: how to talk to them, and what the evidence says about them."""

    say: Callable[[str], None]  # one line of progress
    stdout: BinaryIO
    stderr: BinaryIO
    spool: Path  # unless the settings name one
    run_id: str  # identifies this try
    trigger: Mapping[str, str]  # "started_by", "execution" (its URL), …; goes into the manifest


@dataclass(frozen=True, kw_only=True)
class CaptureStep:
    """Settings of `capture`."""

    connection: ConnectionSettings
    target: TargetSettings
    many: ManyPodsSettings
    capture: CaptureSettings
    debug: DebugContainerSettings
    redaction: RedactionSettings
    spool: SpoolSettings
    store: StoreSettings
    incident: IncidentSettings


@dataclass(frozen=True, kw_only=True)
class ExecStep:
    """Settings of `execute`."""

    connection: ConnectionSettings
    target: TargetSettings
    command: CommandSettings


@dataclass(frozen=True, kw_only=True)
class AttachStep:
    """Settings of `attach`."""

    connection: ConnectionSettings
    target: TargetSettings
    command: CommandSettings
    debug: DebugContainerSettings


@dataclass(frozen=True, kw_only=True)
class UploadStep:
    """Settings of `upload`."""

    bundle: BundleSettings
    store: StoreSettings
    spool: SpoolSettings


@dataclass(frozen=True, kw_only=True)
class NoteStep:
    """Settings of `annotate`."""

    incident: IncidentSettings
    bundle: BundleSettings
    failure: FailureSettings
    spool: SpoolSettings


def capture(step: CaptureStep, caller: Caller) -> Outcome:
    """Capture the target's debug state into a new bundle; store it and tell the incident when the settings say so.

    Raises NothingCaptured when no collector reached anything, NotStored (after the note) when the store refuses.
    """
    _check_incident(step.incident)
    if step.store.store:
        open_store(step.store)
    try:
        with _about(step.target):
            bundle = _capture(step, caller)
    except CaptureError as error:
        reason = str(error)
        mark = error.data.get("capture_id", caller.run_id)
        _told(error, lambda: _tell_failure(step.incident, step.spool, caller, reason, mark), caller)
        raise
    if bundle is None:
        return Outcome(0)
    data, failure = _store_and_tell(step, bundle, caller)
    if failure:
        failure.data = data
        raise failure
    partial = data["status"] == "partial" and step.capture.fail_when_partial
    return Outcome(EXIT_PARTIAL if partial else 0, data)


def execute(step: ExecStep, caller: Caller) -> Outcome:
    """Run a command in the target; its output is the step's, byte by byte, and so is its exit code."""
    with _about(step.target):
        argv = _argv(step.command)
        check(step.target)
        api = Api(connect(step.connection))
        target = _one(api, step.target, caller)
        _require_running(target, "run a command in")
        return _run(api, target.ref, argv, step.command.time_limit_s, caller)


def attach(step: AttachStep, caller: Caller) -> Outcome:
    """Run a command in a debug container attached to the target; see `execute`."""
    with _about(step.target):
        argv = _argv(step.command)
        check(step.target)
        options = debug_options(step.debug, step.command.time_limit_s + 60)
        api = Api(connect(step.connection))
        target = _one(api, step.target, caller)
        _require_running(target, "attach to")
        with Attachment(api, target, (), options, caller.say) as attachment:
            place = attachment.place(step.debug.profile)
            return _run(api, place.ref, argv, step.command.time_limit_s, caller)


def upload(step: UploadStep, caller: Caller) -> Outcome:
    """Send a bundle to the store, and those that wait from earlier runs; what the store confirms leaves the spool.

    Raises NotStored when the bundle that was named, or where none was, one that waits, could not be sent.
    """
    spool = _spool(step.spool, caller)
    if not step.store.store:
        if not step.bundle.bundle:
            caller.say("no bundle was captured, and no store is set: nothing to upload")
            return Outcome(0)
        what, do = "cannot upload the bundle", f"Set the store's URL. Kept in the spool: {step.bundle.bundle}"
        raise BadInput(what, "store is missing", do)
    if not step.bundle.bundle:
        bundles = waiting(spool)
        if not bundles:
            caller.say("no bundle waits: nothing to upload")
        failures = _send_waiting(bundles, step.store, caller)
        if failures:
            raise failures[0]
        return Outcome(0)
    bundle = open_bundle(step.bundle.bundle, spool)
    link = _keep(bundle, step.store, step.spool, caller)
    for error in _send_waiting(waiting(spool), step.store, caller):
        caller.say(str(error))  # not this run's bundle, and it is tried again by the next
    return Outcome(0, {"link": link})


def annotate(step: NoteStep, caller: Caller) -> Outcome:
    """Add a note about a bundle, or about the failure to make one, to the incident. Raises NoteNotSent."""
    if not step.incident.incident_id:
        caller.say("no incident was given: no note")
        return Outcome(0)
    _check_incident(step.incident)
    if step.bundle.bundle:
        bundle = open_bundle(step.bundle.bundle, _spool(step.spool, caller))
        _tell(step.incident, step.spool, bundle, caller, step.failure.failure)
    else:
        failure = step.failure.failure or "no bundle was captured"
        _tell_failure(step.incident, step.spool, caller, failure, caller.run_id)
    return Outcome(0)


def _capture(step: CaptureStep, caller: Caller) -> Bundle | None:
    """Return the bundle, or None when nothing was to be captured: a dry run, or a condition that is not met."""
    from .captures import Captures, order  # reads YAML, which other steps need not pay for

    check(step.target)
    asked = order(step.capture, step.debug, step.many.concurrency)
    room = Room(_spool(step.spool, caller), step.spool.spool_limit << 20, step.spool.spool_free << 20)
    intake = Intake(redaction(step.redaction.redact_patterns) if step.redaction.redact else None, room)
    api = Api(connect(step.connection))
    selected, remarks = select(api, step.target, step.many.max_pods)
    met, judged = fulfilled(api, selected, step.capture.when)
    remarks += judged
    for line in remarks:
        caller.say(line)
    captures = Captures(api, asked, room, caller.say)
    if step.capture.dry_run:
        for one in met:
            caller.say(plan_table(one.target, captures.plan(one), step.debug.profile))
    if step.capture.dry_run or not met:
        return None
    room.require()
    started, target = datetime.now(timezone.utc), met[0].target
    bundle = create_bundle(room.spool, target.pod, started, intake)
    caller.say(f"bundle {bundle.folder}")
    more = tuple(one.target for one in met[1:])
    manifest = Manifest(bundle.folder.name, started, None, target, caller.trigger, (), more, tuple(remarks))
    _tell_start(step, target, manifest.capture_id, caller)
    try:
        with claimed(bundle), writable(bundle.folder):
            record = Record(bundle, manifest)
            captures.run(met, record)
            manifest = record.finish()
    except CaptureError as error:
        raise _begun(error, bundle) from error.__cause__
    caller.say(artifact_table(manifest))
    if manifest.status == "failed":
        reasons = "; ".join(artifact.reason for artifact in manifest.artifacts)
        raise _begun(NothingCaptured(f"nothing was captured from {name_of(step.target)}", reasons), bundle)
    return bundle


def _begun(error: CaptureError, bundle: Bundle) -> CaptureError:
    """Return ``error`` with the capture's ID: the incident has a note about its start, which has to tell the end."""
    error.data["capture_id"] = bundle.folder.name
    return error


def _store_and_tell(step: CaptureStep, bundle: Bundle, caller: Caller) -> tuple[dict[str, str], CaptureError | None]:
    """Return what later steps can use, and the first failure: one thing that fails does not keep the next from it."""
    manifest = bundle.manifest()
    data = {
        "capture_id": manifest.capture_id,
        "bundle": str(bundle.folder),
        "status": manifest.status,
        "summary": summary(manifest),
    }
    failure: CaptureError | None = None
    if step.store.store:
        try:
            data["link"] = _keep(bundle, step.store, step.spool, caller)
        except NotStored as error:
            failure = error
    if step.incident.incident_id:
        told = str(failure or "")
        failure = _told(failure, lambda: _tell(step.incident, step.spool, bundle, caller, told), caller)
    return data, failure


def _told(failure: CaptureError | None, tell: Callable[[], None], caller: Caller) -> CaptureError | None:
    """Tell the incident, and return the failure that counts: an earlier one is not hidden by that of the note."""
    try:
        tell()
    except NoteNotSent as error:
        if failure:
            caller.say(str(error))
        return failure or error
    return failure


def _send_waiting(bundles: Sequence[Bundle], settings: StoreSettings, caller: Caller) -> list[CaptureError]:
    """Send ``bundles``, which wait in the spool, and return what went wrong; those of a live process are left to it."""
    failures: list[CaptureError] = []
    for bundle in bundles:
        with claimed(bundle) as ours:
            if not ours or bundle.receipt():
                continue
            caller.say(f"{bundle.folder.name} waits in the spool since an earlier run")
            try:
                recover(bundle, datetime.now(timezone.utc))
                keep(bundle, open_store(settings), settings.store, caller.say)
            except CaptureError as error:
                failures.append(error)
    return failures


def _keep(bundle: Bundle, settings: StoreSettings, spool: SpoolSettings, caller: Caller) -> str:
    """Send ``bundle`` to the store and return its link; old receipts go."""
    with claimed(bundle) as ours:
        if not ours:
            raise NotStored(
                f"cannot send {bundle.folder}", "another process is sending it", "It will be stored by that."
            )
        receipt = keep(bundle, open_store(settings), settings.store, caller.say)
    prune(_spool(spool, caller), datetime.now(timezone.utc))
    return receipt.link(INDEX)


def _run(api: Api, place: ContainerRef, argv: list[str], time_limit_s: int, caller: Caller) -> Outcome:
    status = exec_stream.run(
        api, place, argv, stdout=caller.stdout.write, stderr=caller.stderr.write, time_limit_s=time_limit_s
    )
    caller.stdout.flush()
    caller.stderr.flush()
    if status.code is None:
        raise _not_run(place, argv[0], status)
    if status.code:
        caller.say(f"{argv[0]} in {place} ended with exit code {status.code}")
    return Outcome(status.code)


def _not_run(place: ContainerRef, program: str, status: ExitStatus) -> NothingCaptured:
    what = f"cannot run {program} in {place}"
    if status.not_found:
        return NothingCaptured(what, "the container has no such program", "Run it from a debug container instead.")
    return NothingCaptured(what, status.message or status.reason)


def _argv(settings: CommandSettings) -> list[str]:
    try:
        argv = shlex.split(settings.command)
    except ValueError as error:
        raise BadInput(f"cannot read the command {settings.command!r}", str(error), "Close its quotes.") from error
    if not argv or "\0" in settings.command:
        raise BadInput("cannot read the command", "it is empty" if not argv else "it has a NUL character")
    return argv


def _one(api: Api, settings: TargetSettings, caller: Caller) -> Target:
    """Return the one target of a command."""
    selected, remarks = select(api, settings, 1)
    for line in remarks:
        caller.say(line)
    return selected[0].target


def _require_running(target: Target, do: str) -> None:
    if not is_running(target):
        raise NothingCaptured(
            f"cannot {do} {target} (container {target.container})",
            f"it does not run: {target.state}",
            "Capture it: logs and state of the previous run are kept.",
        )


@contextmanager
def _about(target: TargetSettings) -> Iterator[None]:
    """Have every error name the pod."""
    try:
        yield
    except CaptureError as error:
        error.about(name_of(target))
        raise


def _check_incident(settings: IncidentSettings) -> None:
    if settings.incident_id and not settings.pagerduty_token:
        what = f"cannot add a note to incident {settings.incident_id}"
        raise BadInput(what, "pagerduty_token is missing", "Set its Key Storage path.")


def _tell_start(step: CaptureStep, target: Target, capture_id: str, caller: Caller) -> None:
    """Tell the incident that evidence is on its way: tried once, for the pod may be gone in a minute."""
    if not step.incident.incident_id:
        return
    by, execution = caller.trigger.get("started_by", ""), caller.trigger.get("execution", "")
    text = start_note(target, capture_id, by, execution)
    try:
        _post(step.incident, step.spool, marker(capture_id), text, caller, tries=1)
    except NoteNotSent as error:
        caller.say(f"{error} The capture goes on.")


def _tell(settings: IncidentSettings, spool: SpoolSettings, bundle: Bundle, caller: Caller, failure: str) -> None:
    manifest = bundle.manifest()
    text = capture_note(manifest, bundle.receipt(), str(bundle.folder), caller.trigger.get("execution", ""), failure)
    _post(settings, spool, marker(manifest.capture_id), text, caller)


def _tell_failure(settings: IncidentSettings, spool: SpoolSettings, caller: Caller, failure: str, mark: str) -> None:
    if settings.incident_id:
        text = failure_note(failure, caller.trigger.get("execution", ""), marker(mark))
        _post(settings, spool, marker(mark), text, caller)


def _post(
    settings: IncidentSettings, spool: SpoolSettings, mark: str, text: str, caller: Caller, tries: int = TRIES
) -> None:
    account = PagerDuty(settings.pagerduty_url, settings.pagerduty_token, settings.pagerduty_from)
    note = Note(settings.pagerduty_url, settings.incident_id, mark, text)
    Outbox(_spool(spool, caller), account, caller.say).send(note, tries)


def _spool(settings: SpoolSettings, caller: Caller) -> Path:
    return Path(settings.spool) if settings.spool else caller.spool
