"""The keys and users of the simulated account."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path

from lab.pagerduty.model import Json

USERS: dict[str, str] = {  # e-mail: name
    "oncall@shop.example": "Robin On-Call",
    "rundeck@shop.example": "Rundeck",
}
SENDER = "rundeck@shop.example"


@dataclass(frozen=True)
class Keys:
    """A key of each kind that PagerDuty has."""

    account: str
    """A general access key. It belongs to no user, so a request needs `From`."""
    user: str
    """Belongs to the on-call user."""
    bearer: str
    """An OAuth token of an app."""

    @classmethod
    def load(cls, file: Path) -> Keys:
        """Return the keys in ``file``. The first call creates them."""
        if not file.exists():
            keys = cls(secrets.token_hex(10), secrets.token_hex(10), "pdus+" + secrets.token_hex(16))
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as stream:
                json.dump(asdict(keys), stream)
        return cls(**json.loads(file.read_text()))


def user_reference(email: str) -> Json:
    """Return a reference to a user in PagerDuty's format."""
    identity = "P" + email.partition("@")[0].upper().ljust(6, "0")[:6]
    return {"id": identity, "type": "user_reference", "summary": USERS[email], "self": None, "html_url": None}
