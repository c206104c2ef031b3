"""Reads what a process writes to its container's log when it gets a signal, such as the thread dump of a JVM."""

import re
from datetime import datetime
from math import ceil
from typing import Final

from ..kube.client import Api
from ..model import Target
from ..regex import text_pattern
from .snapshot import LOG_LINES
from .tool_run import utc_now

_TIME: Final = re.compile(r"^\d{4}-\d\d-\d\dT\S+Z ")  # the API server puts it in front of each line
_POLLS: Final = 12
_POLL_S: Final = 0.5
_SLACK_S: Final = 2  # the clock of the node may differ
_LIMIT_BYTES: Final = 64 << 20


class LogExcerpt:
    """The part of a container's log from the last line that matches a pattern, if it was written after a time."""

    def __init__(self, api: Api, target: Target, pattern: str, since: datetime) -> None:
        self._api, self._target, self._since = api, target, since
        self._begin = text_pattern(pattern, "in_log")

    def read(self) -> bytes:
        """Return the excerpt without the times of its lines; empty if there is none. Raises CaptureError."""
        since_s = ceil((utc_now() - self._since).total_seconds()) + _SLACK_S
        target, content = self._target, bytearray()
        pieces = self._api.log(target.namespace, target.pod, target.container, tail_lines=LOG_LINES, since_s=since_s)
        for piece in pieces:
            content.extend(piece[: _LIMIT_BYTES - len(content)])
        lines = [_TIME.sub("", line) for line in content.decode(errors="replace").split("\n")]
        starts = [number for number, line in enumerate(lines) if self._begin.search(line)]
        return "\n".join(lines[starts[-1] :]).encode() if starts else b""

    def wait(self) -> bytes:
        """Return the excerpt as soon as it no longer grows; empty if it does not appear within seconds."""
        previous = b""
        for _ in range(_POLLS):
            self._api.clock.sleep(_POLL_S)
            content = self.read()
            if content and content == previous:
                break
            previous = content
        return previous
