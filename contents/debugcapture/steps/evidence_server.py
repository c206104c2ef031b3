"""k8s-debug-evidence-server: opens captures by their ID, for users who are logged in."""

from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import BadInput
from ..links.access import AccessLog, access_of
from ..links.evidence_server import LIMITS, EvidenceService
from ..model import Outcome
from ..runtime.context import RunContext
from ..serving.http import serve
from ..settings.evidence import EvidenceServerSettings
from ..settings.store import StoreSettings
from ..stores.registry import open_readable
from .shared import Step


@dataclass(frozen=True, kw_only=True)
class EvidenceServerStep:
    """Settings of `serve_evidence`."""

    server: EvidenceServerSettings
    store: StoreSettings


def serve_evidence(step: EvidenceServerStep, context: RunContext) -> Outcome:
    """Serve the captures in a store until the process receives a signal. Raises BadInput."""
    settings = step.server
    if not step.store.store:
        raise BadInput("cannot start the evidence server", "store is missing", "Set the store's URL.")
    access = access_of(settings)
    # Its redirects lead to the store itself, whatever kind of links the notes have.
    store = open_readable(replace(step.store, link="signed", link_base="", link_valid_s=settings.redirect_valid_s))
    log = AccessLog(Path(settings.access_log) if settings.access_log else None, context.stdout)
    serve(EvidenceService(store, access, log, context.report), settings.evidence_listen, LIMITS)
    return Outcome(0)


STEP = Step(EvidenceServerStep, serve_evidence)
