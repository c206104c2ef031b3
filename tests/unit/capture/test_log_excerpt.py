"""log_excerpt.py: what a process writes to its log after a signal, which is sent only if the process handles it."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from typing import cast

import pytest

from debugcapture.capture.log_excerpt import LogExcerpt
from debugcapture.capture.tool_run import utc_now
from debugcapture.collectors.catalog import catalog
from debugcapture.kube.client import Api
from tests.unit.builders import target
from tests.unit.clock import Clock

STAMP = b"2026-01-02T12:00:00.123456789Z "
BEFORE, DUMP = b"Full thread dump 1\nold\n", b'Full thread dump 2\n\n"main"\n   at x\n'


def stamped(text: bytes) -> bytes:
    return b"".join(STAMP + line for line in text.splitlines(keepends=True))


class Logs:
    """A cluster whose log grows: each request gets the next of ``contents``, and the last forever."""

    clock = Clock()

    def __init__(self, *contents: bytes) -> None:
        self.contents, self.requests = list(contents), list[int]()

    def log(self, _namespace: str, _pod: str, _container: str, *, tail_lines: int, since_s: int) -> Iterator[bytes]:
        assert tail_lines > 0
        self.requests.append(since_s)
        content = self.contents.pop(0) if len(self.contents) > 1 else self.contents[0]
        yield from (content[start : start + 7] for start in range(0, len(content), 7))


def excerpt(logs: Logs, ago_s: float = 3) -> LogExcerpt:
    return LogExcerpt(cast("Api", logs), target(), "^Full thread dump ", utc_now() - timedelta(seconds=ago_s))


def test_the_last_dump_is_read_without_the_times_of_its_lines() -> None:
    logs = Logs(stamped(b"hello\n" + BEFORE + DUMP))
    assert excerpt(logs).read() == DUMP
    assert 3 < logs.requests[0] <= 6


@pytest.mark.parametrize("content", [b"", b"hello\n", b"it says: Full thread dump\n"])
def test_a_log_without_a_dump_has_none(content: bytes) -> None:
    assert excerpt(Logs(stamped(content))).read() == b""


def test_an_unfinished_dump_is_waited_for() -> None:
    pod_json = stamped(DUMP)
    logs = Logs(b"", stamped(b"hello\n"), pod_json[:60], pod_json, pod_json)
    assert excerpt(logs).wait() == DUMP
    assert len(logs.requests) == 5


def test_a_dump_that_never_comes_is_not_waited_for_long() -> None:
    logs = Logs(b"")
    assert excerpt(logs).wait() == b""
    assert len(logs.requests) < 20


HANDLES = "import signal, sys; signal.signal(signal.SIGQUIT, lambda *_: sys.exit(7)); print(flush=True); signal.pause()"
IGNORES = "import signal; print(flush=True); signal.pause()"


@pytest.mark.parametrize(("program", "handles"), [(HANDLES, True), (IGNORES, False)], ids=["handles it", "does not"])
def test_a_process_that_does_not_handle_the_signal_does_not_get_it(program: str, handles: bool) -> None:
    (tool,) = catalog()["jvm-thread-dump"].from_log
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        argv = [word.replace("{pid}", str(process.pid)) for word in tool.run]
        completed = subprocess.run(argv, capture_output=True, text=True, check=False)
        if handles:
            assert (completed.returncode, process.wait(10)) == (0, 7)
        else:
            assert completed.returncode == 1
            assert "does not handle SIGQUIT" in completed.stderr
            assert process.poll() is None
            process.send_signal(signal.SIGTERM)
