"""k8s-debug-incident-note: adds a note about a bundle to an incident."""

from dataclasses import dataclass

from ..bundle.bundle import open_bundle
from ..incident.account import check_incident
from ..incident.notify import notify_end, notify_failure
from ..model import Outcome
from ..runtime.context import RunContext, spool_of
from ..settings.incident import FailureSettings, IncidentSettings
from ..settings.spool import BundleSettings, SpoolSettings
from .shared import Step


@dataclass(frozen=True, kw_only=True)
class NoteStep:
    """Settings of `annotate`."""

    incident: IncidentSettings
    bundle: BundleSettings
    failure: FailureSettings
    spool: SpoolSettings


def annotate(step: NoteStep, context: RunContext) -> Outcome:
    """Add a note about a bundle, or about a failed capture, to the incident. Raises NoteNotSent."""
    if not (step.incident.incident_id or step.incident.pagerduty_integration_key):
        context.report("no note: no incident is set")
        return Outcome(0)
    check_incident(step.incident)
    if step.bundle.bundle:
        bundle = open_bundle(step.bundle.bundle, spool_of(step.spool, context))
        notify_end(step.incident, step.spool, bundle, context, step.failure.failure)
    else:
        failure, mark = step.failure.failure or "no bundle was captured", step.failure.capture_id or context.run_id
        notify_failure(step.incident, step.spool, context, failure, mark)
    return Outcome(0)


STEP = Step(NoteStep, annotate)
