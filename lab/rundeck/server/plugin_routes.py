"""Information about the server and its plugins."""

from __future__ import annotations

from lab.rundeck.engine import probe_plugin
from lab.rundeck.server.request import Answer, Request
from lab.rundeck.server.state import State


def plugins(state: State, request: Request) -> Answer:
    """``GET /plugin/list``: all providers that could be created, or those of a `service`."""
    service = request.query.get("service")
    return 200, [
        {
            "service": provider.service,
            "name": provider.name,
            "title": provider.title,
            "pluginVersion": probe.version,
            "builtin": False,
        }
        for probe in map(probe_plugin, state.plugins)
        for provider in probe.providers
        if provider.error is None and service in (None, provider.service)
    ]
