"""What the server says about itself and its plugins."""

from __future__ import annotations

from lab.rundeck.engine import probe_plugin
from lab.rundeck.server.request import Answer, Request
from lab.rundeck.server.state import State


def plugins(state: State, request: Request) -> Answer:
    """``GET /plugin/list``: each provider that could be made, or those of a `service`."""
    service = request.query.get("service")
    return 200, [
        {"service": one.service, "name": one.name, "title": one.title, "pluginVersion": probe.version, "builtin": False}
        for probe in map(probe_plugin, state.plugins)
        for one in probe.providers
        if one.error is None and service in (None, one.service)
    ]
