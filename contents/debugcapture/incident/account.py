"""The PagerDuty account of an incident, and whether the settings allow its use."""

from hashlib import sha256
from pathlib import Path

from ..errors import BadInput
from ..pagerduty.api import Access, PagerDuty
from ..pagerduty.rate_limit import SharedRateLimit
from ..settings.incident import IncidentSettings


def check_incident(settings: IncidentSettings, *, reads: bool = False) -> None:
    """Raise BadInput if an incident is set but the key is missing that the step needs for it.

    With ``reads`` the step reads the alerts of the incident, which an integration key does not allow.
    """
    if not settings.incident_id or settings.pagerduty_token:
        return
    if reads or not settings.pagerduty_integration_key:
        action = f"cannot {'read' if reads else 'add a note to'} incident {settings.incident_id}"
        raise BadInput(action, "pagerduty_token is missing", "Set it to a Key Storage path.")


def takes_notes(settings: IncidentSettings) -> bool:
    """Return whether the settings name an incident and contain a key that can write notes."""
    return bool(settings.incident_id and settings.pagerduty_token)


def account_of(settings: IncidentSettings, spool: Path) -> PagerDuty:
    """Return the account. All processes with the same ``spool`` share its rate limit."""
    file = spool / "notes" / f"pace-{sha256(settings.pagerduty_url.encode()).hexdigest()[:16]}"
    access = Access(settings.pagerduty_url, settings.pagerduty_token, settings.pagerduty_from, ca=settings.pagerduty_ca)
    return PagerDuty(access, rate_limit=SharedRateLimit(file))
