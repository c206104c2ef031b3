"""The lab part `pagerduty`."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from lab.daemon import HOST, Daemon
from lab.pagerduty.account import SENDER, Keys
from lab.paths import REPO, part_dir
from lab.process import Process
from lab.progress import Progress

PORT = 18081
URL = f"http://{HOST}:{PORT}"


@dataclass(frozen=True)
class PagerDutyEndpoint:
    """The data that a client of the simulated account needs."""

    url: str
    token: str
    """A general access key, which needs `sender` in the From header."""
    sender: str
    user_token: str
    """The key of a user. The header From may be missing."""
    bearer: str
    """An OAuth token, for `Authorization: Bearer`."""


def endpoint() -> PagerDutyEndpoint:
    """Return the simulator that `python -m lab up pagerduty` starts."""
    keys = Keys.load(state() / "keys.json")
    return PagerDutyEndpoint(URL, keys.account, SENDER, keys.user, keys.bearer)


def state() -> Path:
    """Return the directory of keys, incidents and notes."""
    return part_dir("pagerduty")


class PagerDutySimulator(Daemon):
    """The simulator as a daemon; incidents and notes are kept when it stops."""

    name = "pagerduty"
    port = PORT

    def process(self, progress: Progress) -> Process:
        """Return the daemon, which only needs Python."""
        return Process(self.name, self.name, [sys.executable, "-m", "lab.pagerduty", "serve"], cwd=REPO)


PART = PagerDutySimulator()
