"""The HTTP server of a simulated account."""

from __future__ import annotations

import socket
from pathlib import Path

from flask import Flask
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler, make_server

from lab.daemon import HOST
from lab.pagerduty import api, control, incoming, page
from lab.pagerduty.model import ApiError, not_found
from lab.pagerduty.simulator import Simulator

_LARGEST_BODY = 4 * 1024 * 1024
# many captures may write notes at the same time
_BACKLOG = 128


def serve(state: Path, port: int) -> None:
    """Serve until the process ends."""
    server(state, port).serve_forever()


def server(state: Path, port: int) -> BaseWSGIServer:
    """Return a server that listens. Port 0 chooses a free port."""
    with socket.create_server((HOST, port), backlog=_BACKLOG) as listening:
        port = listening.getsockname()[1]
        app = create_app(Simulator(state, f"http://{HOST}:{port}"))
        return make_server(HOST, port, app, threaded=True, request_handler=_Handler, fd=listening.fileno())


def create_app(simulator: Simulator) -> Flask:
    """Return an app with the API, the pages and the lab's own endpoints for an account."""
    app = Flask(__name__, static_folder=None)
    app.config.update(SIMULATOR=simulator, MAX_CONTENT_LENGTH=_LARGEST_BODY)
    app.url_map.merge_slashes = False
    for blueprint in (api.api, api.events, control.lab):
        app.register_blueprint(blueprint)
    app.before_request(page.show_page)
    app.before_request(incoming.admit)
    app.after_request(incoming.record)
    app.register_error_handler(ApiError, _respond)
    app.register_error_handler(NotFound, lambda _: _respond(not_found()))
    app.register_error_handler(MethodNotAllowed, lambda _: _respond(not_found()))
    app.add_template_filter(page.moment)
    app.add_template_filter(page.labels)
    return app


def _respond(error: ApiError) -> ResponseReturnValue:
    return error.content or "", error.status, error.headers


class _Handler(WSGIRequestHandler):
    # headers and body are separate writes: without this option, each response takes 40 ms
    disable_nagle_algorithm = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing: the journal contains the requests."""
