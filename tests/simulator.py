"""A PagerDuty account for one test."""

from __future__ import annotations

import json
import ssl
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.pagerduty.account import Keys
from lab.pagerduty.server import server


@dataclass(frozen=True)
class Simulator:
    """A running simulator, with the methods that tests use."""

    url: str
    keys: Keys

    def create(self, incident: str, *alerts: Any, title: str = "Something is wrong") -> None:
        """An incident whose alerts have these details."""
        self._send_request("/_control", {"incident": {"id": incident, "title": title, "alerts": list(alerts)}})

    def control(self, **order: Any) -> None:
        """Failures and limits of lab/pagerduty/limits.py."""
        self._send_request("/_control", order)

    def notes(self, incident: str) -> list[str]:
        """The incident's notes, oldest first."""
        return [str(note["content"]) for note in self._send_request(f"/incidents/{incident}/notes")["notes"]]

    def requests(self) -> list[dict[str, Any]]:
        """The requests that came, without those of this class."""
        requests: list[dict[str, Any]] = self._send_request("/_requests")["requests"]
        return [request for request in requests if request["headers"].get("user-agent") != "test"]

    def settings(self, incident: str) -> dict[str, str]:
        """A step's settings for this account."""
        return {
            "pagerduty_url": self.url,
            "pagerduty_token": self.keys.user,
            "incident_id": incident,
            "alert_namespaces": "*",
        }

    def _send_request(self, path: str, body: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self.keys.bearer}", "User-Agent": "test", "From": "oncall@shop.example"}
        content = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(self.url + path, content, headers)) as answer:
            return json.load(answer)


@contextmanager
def simulator(state: Path, tls: ssl.SSLContext | None = None) -> Iterator[Simulator]:
    """A simulator in this process, which keeps its incidents in ``state``."""
    state.mkdir()
    listening = server(state, 0)
    scheme = "https" if tls else "http"
    if tls:
        listening.socket = tls.wrap_socket(listening.socket, server_side=True)
    thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield Simulator(f"{scheme}://127.0.0.1:{listening.server_address[1]}", Keys.load(state / "keys.json"))
    finally:
        listening.shutdown()
        thread.join()
        listening.server_close()
