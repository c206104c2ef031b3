"""k8s-debug-doctor: check the installation."""

from dataclasses import asdict, dataclass

from ..doctor.checks import Installation, examine
from ..doctor.result import results_text, verdict_of
from ..errors import EXIT_PARTIAL
from ..model import Outcome
from ..runtime.context import RunContext, spool_path
from ..settings.cluster import ConnectionSettings, NamespacesSettings
from ..settings.debug_container import DebugContainerSettings
from ..settings.incident import IncidentSettings
from ..settings.result import ResultSettings
from ..settings.spool import SpoolSettings
from ..settings.store import StoreSettings
from .result_table import check_results_html
from .shared import Step, names_of


@dataclass(frozen=True, kw_only=True)
class DoctorStep:
    """Settings of `diagnose`."""

    connection: ConnectionSettings
    namespaces: NamespacesSettings
    debug: DebugContainerSettings
    spool: SpoolSettings
    store: StoreSettings
    result: ResultSettings
    incident: IncidentSettings


def diagnose(step: DoctorStep, context: RunContext) -> Outcome:
    """Check the installation and print the results. The exit code is 10 if a check fails."""
    results = examine(
        Installation(
            connection=step.connection,
            namespaces=names_of(step.namespaces),
            debug=step.debug,
            spool=spool_path(step.spool, context),
            store=step.store,
            incident=step.incident,
            report=context.report,
        )
    )
    context.report((check_results_html if step.result.rendered else results_text)(results))
    wrong = any(result.verdict == "wrong" for result in results)
    data = {"summary": verdict_of(results)}
    return Outcome(EXIT_PARTIAL if wrong else 0, data, [asdict(result) for result in results])


STEP = Step(DoctorStep, diagnose)
