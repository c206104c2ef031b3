"""k8s-debug-incident-target: finds the pod that the alerts of an incident name."""

from dataclasses import dataclass

from ..errors import BadInput
from ..incident.account import account_of, check_incident
from ..incident.alert_targets import find_targets, read_alerts, step_data
from ..kube.client import open_api
from ..model import Outcome
from ..runtime.context import RunContext
from ..settings.cluster import ConnectionSettings
from ..settings.incident import AlertSettings, IncidentSettings
from .shared import Step, about


@dataclass(frozen=True, kw_only=True)
class IncidentTargetStep:
    """Settings of `find_target`."""

    connection: ConnectionSettings
    incident: IncidentSettings
    alerts: AlertSettings


def find_target(step: IncidentTargetStep, context: RunContext) -> Outcome:
    """Find the target in the alerts of an incident, for later steps. TargetNotFound lists what the alerts contain."""
    incident = step.incident.incident_id
    if not incident:
        raise BadInput("cannot find a target", "incident_id is missing", "Set the incident's ID.")
    check_incident(step.incident, reads=True)
    with about(f"incident {incident}"):
        alerts = read_alerts(account_of(step.incident, context.spool), incident, step.alerts)
        api = open_api(step.connection)
        targets = find_targets(api, alerts, step.alerts, "", 1)
    for line in targets.remarks:
        context.report(line)
    return Outcome(0, step_data(targets))


STEP = Step(IncidentTargetStep, find_target)
