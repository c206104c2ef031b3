"""k8s-debug-links: renews the links of captures in the store, and edits the notes that contain them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from ..errors import BadInput, CaptureGone
from ..incident.account import account_of
from ..incident.renew import Place, Renewal, captures_of, renew_links
from ..links.records import LinkRecords
from ..model import Outcome
from ..runtime.context import RunContext, spool_of
from ..settings.incident import IncidentSettings
from ..settings.links import RenewalSettings, StoredCaptureSettings
from ..settings.spool import SpoolSettings
from ..settings.store import StoreSettings
from ..stores.registry import open_readable, required_url
from .shared import Step


@dataclass(frozen=True, kw_only=True)
class LinksStep:
    """Settings of `renew`."""

    capture: StoredCaptureSettings
    renewal: RenewalSettings
    incident: IncidentSettings
    store: StoreSettings
    spool: SpoolSettings


def renew(step: LinksStep, context: RunContext) -> Outcome:
    """Renew the links of one capture, of one incident, or of all captures whose links expire soon.

    Raises the first failure after all captures were tried, and CaptureGone for a named capture that does not exist.
    """
    url = required_url(step.store, "renew links")
    if not step.incident.pagerduty_token:
        raise BadInput("cannot edit notes", "pagerduty_token is missing", "Set it to a Key Storage path.")
    spool = spool_of(step.spool, context)
    account = account_of(step.incident, spool)
    place = Place(open_readable(step.store), url, account, LinkRecords(spool))
    captures = _captures(step, place)
    incidents = [step.incident.incident_id] if step.incident.incident_id else []
    renewal = renew_links(place, captures, incidents, context.report)
    context.report(renewal.summary)
    _raise_failure(step, renewal)
    return Outcome(0, {"summary": renewal.summary}, {"renewed": renewal.renewed, "missing": renewal.missing})


def _captures(step: LinksStep, place: Place) -> Sequence[str]:
    """Return the IDs, or the key, of the captures to renew."""
    if step.capture.capture:
        return [step.capture.capture]
    if step.incident.incident_id:
        return captures_of(place.account, step.incident.incident_id)
    return place.records.due(datetime.now(timezone.utc) + timedelta(hours=step.renewal.renew_before_h))


def _raise_failure(step: LinksStep, renewal: Renewal) -> None:
    if renewal.failures:
        raise renewal.failures[0].with_data(summary=renewal.summary)
    if renewal.missing and step.capture.capture:
        raise CaptureGone(f"cannot renew the links of {step.capture.capture}", "the store does not contain it")


STEP = Step(LinksStep, renew)
