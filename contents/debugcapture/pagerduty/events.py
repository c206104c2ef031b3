"""PagerDuty's Events API v2: a change event on the service, which needs an integration key and no REST API key.

Source: PagerDuty Events API v2 reference, "Send a change event"; service regions.
"""

import time
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from urllib.parse import urlsplit

from ..errors import NoteNotSent
from .client import Client, RequestFailed

_MAX_SUMMARY_CHARACTERS = 1024
_HOSTS = {"api.pagerduty.com": "events.pagerduty.com", "api.eu.pagerduty.com": "events.eu.pagerduty.com"}
_KEY_REMEDY = "Check that pagerduty_integration_key is the key of an Events API v2 integration."


class Events:
    """One integration of a service."""

    def __init__(
        self, api_url: str, routing_key: str, ca: str = "", sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """Send to the service region of ``api_url``. ``routing_key`` is the integration key of the service."""
        self._key, self._client = routing_key, Client(events_url(api_url), {}, ca, sleep)

    def send_change(self, summary: str, source: str, link: str, details: Mapping[str, str]) -> None:
        """Send a change event. PagerDuty shows it on the service and with its incidents. Raises NoteNotSent."""
        body = {
            "routing_key": self._key,
            "payload": {
                "summary": summary[:_MAX_SUMMARY_CHARACTERS],
                "source": source,
                "timestamp": datetime.now(timezone.utc).isoformat(timespec="seconds"),
                "custom_details": dict(details),
            },
            "links": [{"href": link, "text": "Debug capture"}] if link else [],
        }
        try:
            self._client.retry(lambda: self._client.send("POST", "/v2/change/enqueue", body))
        except RequestFailed as error:
            remedy = _KEY_REMEDY if error.status == 400 else ""
            action = "cannot send a change event to PagerDuty"
            raise NoteNotSent(action, error.reason, remedy, status=error.status) from None


def events_url(api_url: str) -> str:
    """Return the URL for events in the region of ``api_url``. Any other server receives its events itself."""
    parts = urlsplit(api_url)
    return f"{parts.scheme}://{_HOSTS.get(parts.netloc, parts.netloc)}"
