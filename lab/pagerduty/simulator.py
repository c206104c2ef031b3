"""The state of a simulated account."""

from __future__ import annotations

import re
from pathlib import Path

from lab.pagerduty.account import Keys
from lab.pagerduty.database import Database
from lab.pagerduty.incidents import make_alert, make_incident, seed_incidents
from lab.pagerduty.journal import Journal
from lab.pagerduty.limits import Limits
from lab.pagerduty.model import Json, invalid_input


class Simulator:
    """Keys, incidents, limits and journal of an account. Thread-safe."""

    def __init__(self, state: Path, base_url: str) -> None:
        """`state` is the directory of keys, incidents and notes. Links start with `base_url`."""
        self.keys = Keys.load(state / "keys.json")
        self.database = Database(state / "incidents.sqlite")
        self.limits = Limits()
        self.journal = Journal()
        self.fields: dict[str, list[Json]] = {}
        """The custom fields of each incident; gone when the simulator stops."""
        self._base_url = base_url
        if not self.database.incident_ids():
            self._seed()

    def reset(self) -> None:
        """Delete everything except the keys, and restore the initial incidents."""
        self.database.clear()
        self.limits.reset()
        self.journal.clear()
        self._seed()

    def create(self, fields: Json) -> None:
        """Add an incident with its alerts. Raises ApiError if its ID does not have PagerDuty's format."""
        if not re.fullmatch(r"[PQR][A-Z0-9]{5,31}", str(fields.get("id", ""))):
            raise invalid_input("incident.id must be upper-case letters and digits, beginning with P, Q or R")
        incident = make_incident(self._base_url, len(self.database.incident_ids()) + 1, fields)
        alerts = [make_alert(incident, n, details) for n, details in enumerate(fields.get("alerts", []), start=1)]
        self.database.add_incident(incident, alerts)

    def _seed(self) -> None:
        for seed in seed_incidents():
            self.create(seed)
