"""Daemons that outlive the command that started them, each identified by pid and start time."""

import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from lab.part import LabError
from lab.paths import part_dir

_TICK_S, _LONGEST_TICK_S = 0.05, 0.5
_STATE_FIELD, _START_FIELD = 0, 19  # counted from behind the program's name in /proc/PID/stat


@dataclass(frozen=True)
class Identity:
    """A pid can be reused by another process; a pid with its start time cannot."""

    pid: int
    started: str

    def alive(self) -> bool:
        """Whether this process still runs."""
        return _start_time(self.pid) == self.started

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, unless the process has ended."""
        if self.alive():
            _send(self.pid, number)

    def stop(self, timeout_s: float) -> None:
        """SIGTERM, then SIGKILL if the process does not end."""
        self.signal(signal.SIGTERM)
        if not _comes_true(lambda: not self.alive(), timeout_s):
            self.signal(signal.SIGKILL)
            _comes_true(lambda: not self.alive(), 5)


def identify(pid: int) -> Identity | None:
    """The process that has this pid now, or None."""
    started = _start_time(pid)
    return Identity(pid, started) if started else None


class Process:
    """A daemon started by the lab."""

    def __init__(
        self,
        part: str,
        name: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        configuration: Path | None = None,
    ) -> None:
        """``configuration``: a file that it reads at its start; it is restarted when the content has changed."""
        self.name = name
        self.log = part_dir(part) / f"{name}.log"
        self._pid_file = part_dir(part) / f"{name}.pid"
        self._argv = [str(word) for word in argv]
        self._env = env
        self._cwd = cwd
        self._configuration = configuration

    def ensure_running(self) -> bool:
        """Start it unless it runs with these arguments; True if it was started now."""
        if self.running() and self._read_record().get("start") == self._fingerprint():
            return False
        self.stop()
        self._start()
        return True

    def running(self) -> bool:
        """Whether the process of the pid file is alive."""
        identity = self.identity()
        return identity is not None and identity.alive()

    def identity(self) -> Identity | None:
        """The process in the pid file, whether it is alive or not."""
        record = self._read_record()
        return Identity(int(record["pid"]), record["started"]) if record else None

    def stop(self, timeout_s: float = 20) -> None:
        """SIGTERM, then SIGKILL, then no pid file."""
        identity = self.identity()
        if identity is not None:
            identity.stop(timeout_s)
        self._pid_file.unlink(missing_ok=True)

    def last_lines(self, count: int = 5) -> str:
        """The end of its log."""
        return last_lines(self.log, count)

    def _start(self) -> None:
        with self.log.open("ab") as log:
            child = subprocess.Popen(
                self._argv,
                env=None if self._env is None else dict(self._env),
                cwd=self._cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                umask=0o022,  # containerd makes the folders of images with it, which other users have to read
            )
        child.returncode = 0  # it outlives this process on purpose: no warning when the object is collected
        identity = identify(child.pid)
        if identity is None:
            raise LabError(f"{self.name} ended at once; see {self.log}")
        record = {**{key: str(value) for key, value in asdict(identity).items()}, "start": self._fingerprint()}
        self._pid_file.write_text(json.dumps(record))

    def _read_record(self) -> dict[str, str]:
        try:
            record: dict[str, str] = json.loads(self._pid_file.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        return record

    def _fingerprint(self) -> str:
        env = sorted(self._env.items()) if self._env is not None else None
        parts = [json.dumps([self._argv, env, str(self._cwd)])]
        if self._configuration and self._configuration.exists():
            parts.append(self._configuration.read_text())
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def wait_until(subject: str, ready: Callable[[], bool], timeout_s: float, log: Path | None = None) -> None:
    """Poll the condition; raises LabError with the end of the log after the time limit."""
    if _comes_true(ready, timeout_s):
        return
    tail = f"; end of {log}:\n{last_lines(log)}" if log else ""
    raise LabError(f"{subject}: not after {timeout_s:.0f} s{tail}")


def last_lines(log: Path, count: int = 5) -> str:
    """The end of a log file; empty if it does not exist."""
    if not log.exists():
        return ""
    return "\n".join(log.read_text(errors="replace").splitlines()[-count:])


def _comes_true(ready: Callable[[], bool], timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while True:
        started = time.monotonic()
        if ready():
            return True
        ended = time.monotonic()
        if ended > deadline:
            return False
        # A check that takes long, for example by kubectl, leaves most of the processor to what it waits for.
        time.sleep(min(max(_TICK_S, 2 * (ended - started)), _LONGEST_TICK_S))


def _start_time(pid: int) -> str | None:
    """The start time in ticks since boot; None for a process that is gone or waits to be reaped."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[_STATE_FIELD] in "ZX" else fields[_START_FIELD]


def _send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
