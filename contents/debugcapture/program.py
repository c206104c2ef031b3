"""What every program of ours does first: a user gets lines, not stack traces, and an abort ends it in order."""

import io
import logging
import os
import signal
import sys
from types import FrameType
from typing import NoReturn

ABORTED = 128 + signal.SIGTERM


def prepare(*, debug: bool) -> None:
    """Set up logging, permissions, signals and streams for this process."""
    if not debug:
        logging.getLogger().addHandler(
            logging.NullHandler()
        )  # libraries log whole stack traces of what we tell in a line
    os.umask(0o077)  # evidence is for this user only
    signal.signal(signal.SIGTERM, _abort)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="replace")  # whatever the server's locale is


def _abort(_signal: int, _frame: FrameType | None) -> NoReturn:
    """End as after an error, so that debug containers are ended and the bundle is closed."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # Rundeck asks again each second, and would cut the end short
    raise SystemExit(ABORTED)
