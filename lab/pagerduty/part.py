"""The lab part `pagerduty`."""

from __future__ import annotations

import sys
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from lab.pagerduty.account import SENDER, Keys
from lab.paths import REPO, part_dir
from lab.process import Process, wait_until
from lab.progress import Progress

PORT = 18081
URL = f"http://127.0.0.1:{PORT}"


@dataclass(frozen=True)
class PagerDutyEndpoint:
    """What a client of the simulated account needs."""

    url: str
    token: str
    """A general access key, which needs `sender` in the From header."""
    sender: str
    user_token: str
    """A user's key: From may be left out."""
    bearer: str
    """An OAuth token, for `Authorization: Bearer`."""


def endpoint() -> PagerDutyEndpoint:
    """The simulator that `python -m lab up pagerduty` starts."""
    keys = Keys.kept_in(state() / "keys.json")
    return PagerDutyEndpoint(URL, keys.account, SENDER, keys.user, keys.bearer)


def state() -> Path:
    """Where keys, incidents and notes are kept."""
    return part_dir("pagerduty")


class PagerDutySimulator:
    """The simulator as a daemon."""

    name = "pagerduty"
    needs: tuple[str, ...] = ()

    def up(self, progress: Progress) -> None:
        """Starts it; notes of an earlier run are still there."""
        if self._process().ensure_running() or not _answers():
            with progress.stage(self.name, "starting the PagerDuty simulator"):
                wait_until("PagerDuty simulator", _answers, 10, self._process().log)

    def down(self) -> None:
        """Stops it; incidents and notes stay."""
        self._process().stop()

    def status(self) -> str:
        """Whether it runs and answers."""
        if not self._process().running():
            return "down"
        return "up" if _answers() else f"broken: {URL} does not answer"

    def logs(self) -> list[Path]:
        """Only what goes wrong is in there: requests are at /_requests."""
        return [self._process().log]

    def reset(self) -> None:
        """Forgets keys, incidents and notes."""
        for file in state().iterdir():
            file.unlink()

    def _process(self) -> Process:
        return Process(self.name, "pagerduty", [sys.executable, "-m", "lab.pagerduty", "serve"], cwd=REPO)


def _answers() -> bool:
    try:
        with urllib.request.urlopen(f"{URL}/_requests", timeout=2):
            return True
    except OSError:
        return False


PART = PagerDutySimulator()
