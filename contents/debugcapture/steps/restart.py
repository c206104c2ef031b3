"""k8s-debug-restart: restarts a workload after its capture."""

from datetime import datetime, timezone

from ..bundle.bundle import Bundle, open_bundle
from ..errors import CaptureError, GateClosed
from ..incident.account import check_incident
from ..incident.notify import notify_restart, try_to_notify
from ..kube.client import open_api
from ..model import Outcome
from ..restart.restart import apply_plan, find_gate_problem, find_kind_problem, plan, target_of, wait
from ..runtime.context import RunContext, spool_of
from ..settings.forms import RestartStep
from ..settings.target import TargetSettings
from ..targets.selection import target_name
from .shared import Step, about


def restart(step: RestartStep, context: RunContext) -> Outcome:
    """Restart the captured workload if the gate allows it, and notify the incident.

    Raises GateClosed, RolloutBlocked, RolloutNotReady, or the error of a request that the API server rejected.
    """
    check_incident(step.incident)
    bundle = open_bundle(step.bundle.bundle, spool_of(step.spool, context)) if step.bundle.bundle else None
    action = f"{step.restart.action} of {target_name(step.target)}"
    try:
        action, result = _restart(step, bundle, context)
    except CaptureError as error:
        failure = str(error)
        try_to_notify(
            error, lambda: notify_restart(step, bundle, context, f"Restart failed: {action}", failure), context
        )
        raise
    context.report(result)
    if not step.restart.dry_run:
        notify_restart(step, bundle, context, f"Restarted: {action}", result)
    return Outcome(0, {"restart": result})


def _restart(step: RestartStep, bundle: Bundle | None, context: RunContext) -> tuple[str, str]:
    """Return the action and its result."""
    manifest = bundle.manifest() if bundle else None
    target = target_of(manifest, step.target, step.restart.action)
    _require_open(find_gate_problem(manifest, bool(bundle and bundle.receipt()), step.gate, target), step, target)
    with about(target_name(target)):
        api = open_api(step.connection)
        planned = plan(api, target, step.restart, datetime.now(timezone.utc))
        _require_open(find_kind_problem(manifest, step.gate, planned), step, target)
        apply_plan(api, planned, dry_run=step.restart.dry_run)
        if step.restart.dry_run:
            return planned.action, f"would perform: {planned.action}; the API server accepts the change"
        context.report(f"{planned.action}: started")
        return planned.action, wait(api, planned, step.restart.rollout_limit_s, context.report)


def _require_open(problem: str, step: RestartStep, target: TargetSettings) -> None:
    """Raise GateClosed if there is a ``problem``."""
    if problem:
        action = f"{step.restart.action} of {target_name(target)} was not performed"
        raise GateClosed(action, problem, "Check the capture.")


STEP = Step(RestartStep, restart)
