"""The whole chain on one screen: capture the debug state of a pod, keep it, tell the incident.

Each public function is one step of a job; `capture` does the later ones too when it is given a store or an incident.
Read this file first.
"""

import shlex
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from ..bundle.bundle import Bundle, claimed, open_bundle, prune, recover, waiting
from ..capture.debug_session import Attachment, debug_options
from ..capture.pod_upload import direct_store
from ..collectors.plan import is_running
from ..errors import EXIT_PARTIAL, BadInput, CaptureError, CommandFailed, GateClosed, NoteNotSent, NotRunning, NotStored
from ..incident.account import account_of, check_incident
from ..incident.notify import tell_end, tell_failure, tell_left, tell_restart, told
from ..kube import exec_stream
from ..kube.auth import connect
from ..kube.client import IMPATIENT, Api
from ..kube.command import Command, run_command
from ..model import ContainerRef, ExitStatus, Outcome, Receipt, Target
from ..report.summary import shortfall, summary
from ..runtime.context import Caller, spool_of
from ..settings.cluster import NamespacesSettings
from ..settings.command import CommandSettings
from ..settings.forms import (
    AttachStep,
    CaptureStep,
    CollectorsStep,
    DoctorStep,
    ExecStep,
    IncidentTargetStep,
    NodesStep,
    NoteStep,
    OptionsServerStep,
    OptionsStep,
    RestartStep,
    UploadStep,
)
from ..settings.incident import IncidentSettings, TriggerSettings
from ..settings.store import StoreSettings
from ..settings.target import TargetSettings
from ..stores.registry import open_store
from ..targets.selection import check, name_of, select
from ..upload.publish import keep
from .capture_run import new_bundle, subject
from .result_table import capture_result

if TYPE_CHECKING:
    from ..listings.options import Kind

_OTHER_SENDS_S = 600


def capture(step: CaptureStep, caller: Caller) -> Outcome:
    """Capture the target's debug state into a new bundle; store it and tell the incident when the settings say so.

    Raises NothingCaptured when no collector reached anything, NotStored (after the note) when the store refuses.
    """
    unwanted = _unwanted(step.incident, step.trigger)
    if unwanted:
        caller.say(unwanted)
        return Outcome(0)
    _check(step)
    with ExitStack() as held:
        bundle = _captured(step, caller, held)
        if bundle is None:
            return Outcome(0)
        data, failure = _store_and_tell(step, bundle, caller)
    tell_left(step, caller)
    if failure:
        raise failure.handing_on(**data)
    return _outcome(step, bundle, data, caller)


def _check(step: CaptureStep) -> None:
    """Raise BadInput for settings of incident and store that cannot work: nothing has been touched yet."""
    check_incident(step.incident, reads=step.by_incident)
    if step.store.store:
        open_store(step.store)
    direct_store(step.store, step.capture.direct_mib)


def _captured(step: CaptureStep, caller: Caller, held: ExitStack) -> Bundle | None:
    """Return the new bundle, if one is made. A failure goes to the incident, into the note about the start if any."""
    try:
        with _about(subject(step)):
            return new_bundle(step, caller, held)
    except NoteNotSent:
        raise  # it joined another capture, and there is nothing else to tell
    except CaptureError as error:
        mark = error.data.get("capture_id") or (step.incident.incident_id if step.by_incident else caller.run_id)
        failure = str(error)
        told(error, lambda: tell_failure(step.incident, step.spool, caller, failure, mark), caller)
        raise


def _outcome(step: CaptureStep, bundle: Bundle, data: dict[str, str], caller: Caller) -> Outcome:
    """Return the outcome of a capture that has been stored and reported as the settings ask."""
    document, manifest = bundle.document(), bundle.manifest()
    if manifest.status == "partial" and (step.capture.fail_when_partial or not manifest.fulfilled):
        caller.say(f"Error: {shortfall(manifest)}")
        return Outcome(EXIT_PARTIAL, data, document)
    return Outcome(0, data, document)


def find_target(step: IncidentTargetStep, caller: Caller) -> Outcome:
    """Find what an incident's alerts are about, for later steps. Raises TargetNotFound that says what was looked at."""
    from ..incident.alert_targets import data_of, find_targets, read_alerts

    incident = step.incident.incident_id
    if not incident:
        raise BadInput("cannot look for a target", "incident_id is missing", "Give the incident's ID.")
    check_incident(step.incident, reads=True)
    with _about(f"incident {incident}"):
        alerts = read_alerts(account_of(step.incident, caller.spool), incident, step.alerts)
        api = Api(connect(step.connection))
        found = find_targets(api, alerts, step.alerts, "", 1)
    for line in found.remarks:
        caller.say(line)
    return Outcome(0, data_of(found))


def execute(step: ExecStep, caller: Caller) -> Outcome:
    """Run a command in the target; its output is the step's, byte by byte, and so is its exit code.

    A step that is aborted ends the command, too.
    """
    with _about(name_of(step.target)):
        argv = _argv(step.command)
        check(step.target)
        api = Api(connect(step.connection))
        target = _one(api, step.target, caller)
        _require_running(target, "run a command in")
        command = Command(tuple(argv), step.command.time_limit_s, caller.stdout.write, caller.stderr.write)
        return _ended(target.ref, argv[0], run_command(api, target.ref, command, caller.say), caller)


def attach(step: AttachStep, caller: Caller) -> Outcome:
    """Run a command in a debug container attached to the target; see `execute`."""
    with _about(name_of(step.target)):
        argv = _argv(step.command)
        check(step.target)
        options = debug_options(step.debug, step.command.time_limit_s + 60)
        api = Api(connect(step.connection))
        target = _one(api, step.target, caller)
        _require_running(target, "attach to")
        with Attachment(api, target, (), options, caller.say) as attachment:
            place = attachment.place(step.debug.profile)
            return _run(api, place.ref, argv, step.command.time_limit_s, caller, supervised=True)


def upload(step: UploadStep, caller: Caller) -> Outcome:
    """Send a bundle to the store, and those that wait from earlier runs; what the store confirms leaves the spool.

    Raises NotStored when the bundle that was named, or where none was, one that waits, could not be sent.
    """
    spool = spool_of(step.spool, caller)
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
        prune(spool, datetime.now(timezone.utc))
        if failures:
            raise failures[0]
        return Outcome(0)
    bundle = open_bundle(step.bundle.bundle, spool)
    receipt = _keep(bundle, step, caller)
    for error in _send_waiting(waiting(spool), step.store, caller):
        caller.say(str(error))  # not this run's bundle, and it is tried again by the next
    return Outcome(0, {"link": receipt.page})


def annotate(step: NoteStep, caller: Caller) -> Outcome:
    """Add a note about a bundle, or about the failure to make one, to the incident. Raises NoteNotSent."""
    if not (step.incident.incident_id or step.incident.pagerduty_integration_key):
        caller.say("no incident was given: no note")
        return Outcome(0)
    check_incident(step.incident)
    if step.bundle.bundle:
        bundle = open_bundle(step.bundle.bundle, spool_of(step.spool, caller))
        tell_end(step.incident, step.spool, bundle, caller, step.failure.failure)
    else:
        failure, mark = step.failure.failure or "no bundle was captured", step.failure.capture_id or caller.run_id
        tell_failure(step.incident, step.spool, caller, failure, mark)
    return Outcome(0)


def list_nodes(step: NodesStep, caller: Caller) -> Outcome:
    """Print the pods as Rundeck's nodes, in its JSON."""
    from ..listings.nodes import listed

    api, namespaces = Api(connect(step.connection)), _names(step.namespaces)
    text = listed(api, namespaces, step.nodes, spool_of(step.spool, caller), caller.say)
    return _printed(text, caller)


def list_values(kind: "Kind", step: OptionsStep, caller: Caller) -> Outcome:
    """Print the values of a dropdown as Rundeck reads them from a script; those of the last time, if need be."""
    from ..listings.cache import Answers, FileShelf
    from ..listings.options import FOLDER, Source, Wanted, script_text

    shelf = FileShelf(spool_of(step.spool, caller) / FOLDER, caller.say)
    answers = Answers(shelf, fresh_s=step.values.fresh_s, wait_s=step.values.wait_s)
    source = Source(Api(connect(step.connection), IMPATIENT), answers, step.values.most_values)
    listed = source.listed(Wanted(kind, tuple(_names(step.namespaces))))
    if listed.late:
        caller.say(listed.late)
    return _printed(script_text(listed.rows), caller)


def list_collectors(step: CollectorsStep, caller: Caller) -> Outcome:
    """Print the presets and collectors as values of a dropdown."""
    from ..listings.options import collector_rows, script_text

    return _printed(script_text(collector_rows(step.catalog.catalog, step.values.most_values)), caller)


def serve_options(step: OptionsServerStep, caller: Caller) -> Outcome:
    """Serve the values of dropdowns over HTTP until the process is told to end."""
    from ..listings.options import collector_rows
    from ..listings.server import Offer, serve, service_of

    values = step.values
    collectors = tuple(collector_rows(step.catalog.catalog, values.most_values))
    offer = Offer(tuple(_names(step.namespaces)), collectors, values.most_values, values.fresh_s, values.wait_s)
    api = Api(connect(step.connection), IMPATIENT)
    serve(service_of(api, step.listen, offer, caller.say), step.listen.listen)
    return Outcome(0)


def diagnose(step: DoctorStep, caller: Caller) -> Outcome:
    """Check the installation and print what was found; exit code 10 when something is wrong."""
    from ..doctor.checks import Installation, examine
    from ..doctor.result import findings_text, verdict_of
    from .result_table import findings_html

    findings = examine(
        Installation(
            connection=step.connection,
            namespaces=_names(step.namespaces),
            debug=step.debug,
            spool=spool_of(step.spool, caller),
            store=step.store,
            incident=step.incident,
            say=caller.say,
        )
    )
    caller.say((findings_html if step.result.rendered else findings_text)(findings))
    wrong = any(one.verdict == "wrong" for one in findings)
    data = {"summary": verdict_of(findings)}
    return Outcome(EXIT_PARTIAL if wrong else 0, data, [asdict(one) for one in findings])


def restart(step: RestartStep, caller: Caller) -> Outcome:
    """Restart what was captured, if the capture is as good as the job's author wants, and tell the incident.

    Raises GateClosed, RolloutBlocked, RolloutNotReady, or what the API server refuses.
    """
    check_incident(step.incident)
    bundle = open_bundle(step.bundle.bundle, spool_of(step.spool, caller)) if step.bundle.bundle else None
    what = f"{step.restart.action} of {name_of(step.target)}"
    try:
        what, how = _restart(step, bundle, caller)
    except CaptureError as error:
        failure = str(error)
        told(error, lambda: tell_restart(step, bundle, caller, f"Restart failed: {what}", failure), caller)
        raise
    caller.say(how)
    if not step.restart.preview:
        tell_restart(step, bundle, caller, f"Restarted: {what}", how)
    return Outcome(0, {"restart": how})


def _restart(step: RestartStep, bundle: Bundle | None, caller: Caller) -> tuple[str, str]:
    """Return what was done, and how it went."""
    from ..restart.restart import carry_out, gate, plan, target_of, wait

    manifest = bundle.manifest() if bundle else None
    target = target_of(manifest, step.target, step.restart.action)
    closed = gate(manifest, bool(bundle and bundle.receipt()), step.gate, target)
    if closed:
        raise GateClosed(f"{step.restart.action} of {name_of(target)} was not done", closed, "Look at the capture.")
    with _about(name_of(target)):
        api = Api(connect(step.connection))
        planned = plan(api, target, step.restart, datetime.now(timezone.utc))
        carry_out(api, planned, dry_run=step.restart.preview)
        if step.restart.preview:
            return planned.what, f"would do: {planned.what}; the cluster would allow it"
        caller.say(f"{planned.what}: begun")
        return planned.what, wait(api, planned, step.restart.rollout_limit_s, caller.say)


def _unwanted(incident: IncidentSettings, trigger: TriggerSettings) -> str:
    """Return why an event is nothing to capture for, or ""."""
    event = trigger.event_type
    if event in ("", "manual"):
        return ""
    if event not in [one.strip() for one in trigger.events.split(",")]:
        return f"event {event} starts no capture (those that do: {trigger.events}): nothing to do"
    return "" if incident.incident_id else f"event {event} has no incident: nothing to do"


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
            data["link"] = _keep(bundle, step, caller).page
        except NotStored as error:
            failure = error
    why = str(failure or "")
    failure = told(failure, lambda: tell_end(step.incident, step.spool, bundle, caller, why), caller)
    return data, failure


def _send_waiting(bundles: Sequence[Bundle], settings: StoreSettings, caller: Caller) -> list[CaptureError]:
    """Send ``bundles``, which wait in the spool, and return what went wrong; those of a live process are left to it."""
    failures: list[CaptureError] = []
    for bundle in bundles:
        with claimed(bundle) as ours:
            if not ours:
                continue
            try:
                if bundle.receipt():
                    continue
                caller.say(f"{bundle.folder.name} waits in the spool since an earlier run")
                recover(bundle, datetime.now(timezone.utc))
                keep(bundle, open_store(settings), settings.store, caller.say)
            except CaptureError as error:
                failures.append(error)
    return failures


def _keep(bundle: Bundle, step: CaptureStep | UploadStep, caller: Caller) -> Receipt:
    """Send ``bundle`` to the store, show the result, and return the receipt; old receipts go.

    A run that sends what waits may just have taken it: then it is there a little later, and only the link is wanted.
    """
    with claimed(bundle, _OTHER_SENDS_S) as ours:
        if not ours:
            raise NotStored(
                f"cannot send {bundle.folder}", "another process is sending it", "It will be stored by that."
            )
        caller.follow(bundle.folder)
        receipt = keep(bundle, open_store(step.store), step.store.store, caller.say)
    prune(spool_of(step.spool, caller), datetime.now(timezone.utc))
    if step.result.rendered:
        caller.say(capture_result(bundle.manifest(), receipt))
    return receipt


def _run(
    api: Api, place: ContainerRef, argv: list[str], time_limit_s: int, caller: Caller, *, supervised: bool = False
) -> Outcome:
    """Run a command. ``supervised`` by run-tool, it ends with this step, and so does all that it has started."""
    status = exec_stream.run(
        api,
        place,
        ["run-tool", "command", str(time_limit_s), *argv] if supervised else argv,
        stdout=caller.stdout.write,
        stderr=caller.stderr.write,
        time_limit_s=time_limit_s,
        holds_stdin=supervised,
    )
    return _ended(place, argv[0], status, caller)


def _ended(place: ContainerRef, program: str, status: ExitStatus, caller: Caller) -> Outcome:
    """Return the exit code of a command as the step's. Raises CommandFailed when it has none."""
    caller.stdout.flush()
    caller.stderr.flush()
    if status.code is None:
        raise _not_run(place, program, status)
    if status.code:
        caller.say(f"{program} in {place} ended with exit code {status.code}")
    return Outcome(status.code)


def _not_run(place: ContainerRef, program: str, status: ExitStatus) -> CommandFailed:
    what = f"cannot run {program} in {place}"
    if status.not_found:
        return CommandFailed(what, "the container has no such program", "Run it from a debug container instead.")
    return CommandFailed(what, status.message or status.reason)


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
        raise NotRunning(
            f"cannot {do} {target} (container {target.container})",
            f"it does not run: {target.state}",
            "Capture it: logs and state of the previous run are kept.",
        )


@contextmanager
def _about(subject: str) -> Iterator[None]:
    """Have every error name the pod."""
    try:
        yield
    except CaptureError as error:
        named = error.about(subject)
        if named is error:
            raise
        raise named from error


def _printed(text: str, caller: Caller) -> Outcome:
    caller.stdout.write(text.encode())
    caller.stdout.flush()
    return Outcome(0)


def _names(settings: NamespacesSettings) -> list[str]:
    return [name.strip() for name in settings.namespaces.split(",") if name.strip()]
