"""The PagerDuty account of an incident, and whether the settings are enough to use it."""

from hashlib import sha256
from pathlib import Path

from ..errors import BadInput
from ..pagerduty.api import PagerDuty
from ..pagerduty.rate_limit import Pace
from ..settings.incident import IncidentSettings


def check_incident(settings: IncidentSettings, *, reads: bool = False) -> None:
    """Raise BadInput when an incident is to be told, or with ``reads`` its alerts to be read, and there is no key."""
    if not settings.incident_id or settings.pagerduty_token:
        return
    if reads or not settings.pagerduty_integration_key:
        what = f"cannot {'read' if reads else 'add a note to'} incident {settings.incident_id}"
        raise BadInput(what, "pagerduty_token is missing", "Set it to a Key Storage path.")


def takes_notes(settings: IncidentSettings) -> bool:
    """Return whether there is an incident, and a key to write notes with."""
    return bool(settings.incident_id and settings.pagerduty_token)


def account_of(settings: IncidentSettings, spool: Path) -> PagerDuty:
    """Return the account; all that share the spool share its rate limit."""
    pace = Pace(spool / "notes" / f"pace-{sha256(settings.pagerduty_url.encode()).hexdigest()[:16]}")
    key, sender, ca = settings.pagerduty_token, settings.pagerduty_from, settings.pagerduty_ca
    return PagerDuty(settings.pagerduty_url, key, sender, pace=pace, ca=ca)
