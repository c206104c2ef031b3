"""PagerDuty's Events API v2: a change event on the service, which takes an integration key and no key of the REST API.

Source: PagerDuty Events API v2 reference, "Send a change event"; service regions.
"""

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from urllib.parse import urlsplit

from ..errors import NoteNotSent
from .client import Client, Failed

LONGEST_SUMMARY = 1024
_HOSTS = {"api.pagerduty.com": "events.pagerduty.com", "api.eu.pagerduty.com": "events.eu.pagerduty.com"}
_CHECK_KEY = "Check that pagerduty_integration_key is the key of an Events API v2 integration."


class Events:
    """One integration of a service."""

    def __init__(
        self, api_url: str, routing_key: str, ca: str = "", sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """Send to the service region of ``api_url`` with ``routing_key``, the integration key of the service."""
        self._key, self._client = routing_key, Client(events_url(api_url), {}, ca, sleep)

    def change(self, summary: str, source: str, link: str, details: Mapping[str, str]) -> None:
        """Put a change event on the service's time line, shown with its incidents. Raises NoteNotSent."""
        body = {
            "routing_key": self._key,
            "payload": {
                "summary": summary[:LONGEST_SUMMARY],
                "source": source,
                "timestamp": datetime.now(timezone.utc).isoformat(timespec="seconds"),
                "custom_details": dict(details),
            },
            "links": [{"href": link, "text": "Debug capture"}] if link else [],
        }
        try:
            self._client.retried(lambda: self._client.send("POST", "/v2/change/enqueue", body))
        except Failed as failed:
            do = _CHECK_KEY if failed.status == 400 else ""
            raise NoteNotSent("cannot send a change event to PagerDuty", failed.why, do, status=failed.status) from None


def events_url(api_url: str) -> str:
    """Return where the region of ``api_url`` takes events; a server of one's own takes them itself."""
    parts = urlsplit(api_url)
    return f"{parts.scheme}://{_HOSTS.get(parts.netloc, parts.netloc)}"
