"""k8s-debug-doctor: check the installation."""

from dataclasses import asdict, dataclass

from ..doctor.checks import Installation, examine
from ..doctor.result import findings_text, verdict_of
from ..errors import EXIT_PARTIAL
from ..model import Outcome
from ..runtime.context import RunContext, spool_of
from ..settings.cluster import ConnectionSettings, NamespacesSettings
from ..settings.debug_container import DebugContainerSettings
from ..settings.incident import IncidentSettings
from ..settings.result import ResultSettings
from ..settings.spool import SpoolSettings
from ..settings.store import StoreSettings
from .result_table import findings_html
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
    """Check the installation and print what was found; exit code 10 when something is wrong."""
    findings = examine(
        Installation(
            connection=step.connection,
            namespaces=names_of(step.namespaces),
            debug=step.debug,
            spool=spool_of(step.spool, context),
            store=step.store,
            incident=step.incident,
            report=context.report,
        )
    )
    context.report((findings_html if step.result.rendered else findings_text)(findings))
    wrong = any(one.verdict == "wrong" for one in findings)
    data = {"summary": verdict_of(findings)}
    return Outcome(EXIT_PARTIAL if wrong else 0, data, [asdict(one) for one in findings])


STEP = Step(DoctorStep, diagnose)
