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
_STATE_FIELD, _START_FIELD = 0, 19  # fields of /proc/PID/stat after the name of the program


@dataclass(frozen=True)
class Identity:
    """The pid and the start time of a process. A pid alone can be reused by another process."""

    pid: int
    started: str

    def alive(self) -> bool:
        """Return whether the process is running."""
        return _start_time(self.pid) == self.started

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, unless the process has ended."""
        if self.alive():
            _send(self.pid, number)

    def stop(self, timeout_s: float) -> None:
        """Send SIGTERM, and SIGKILL if the process does not end."""
        self.signal(signal.SIGTERM)
        if not _poll(lambda: not self.alive(), timeout_s):
            self.signal(signal.SIGKILL)
            _poll(lambda: not self.alive(), 5)


def identify(pid: int) -> Identity | None:
    """Return the process with this pid, or None."""
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
        """``configuration`` is a file that the daemon reads when it starts. If it changes, the daemon restarts."""
        self.name = name
        self.log = part_dir(part) / f"{name}.log"
        self._pid_file = part_dir(part) / f"{name}.pid"
        self._argv = [str(word) for word in argv]
        self._env = env
        self._cwd = cwd
        self._configuration = configuration

    def ensure_running(self) -> bool:
        """Start the daemon unless it runs with these arguments. Return whether it was started."""
        if self.running() and self._read_record().get("start") == self._fingerprint():
            return False
        self.stop()
        self._start()
        return True

    def running(self) -> bool:
        """Return whether the process in the pid file is running."""
        identity = self.identity()
        return identity is not None and identity.alive()

    def identity(self) -> Identity | None:
        """Return the process in the pid file, which may have ended."""
        record = self._read_record()
        return Identity(int(record["pid"]), record["started"]) if record else None

    def stop(self, timeout_s: float = 20) -> None:
        """Stop the process and delete the pid file."""
        identity = self.identity()
        if identity is not None:
            identity.stop(timeout_s)
        self._pid_file.unlink(missing_ok=True)

    def last_lines(self, count: int = 5) -> str:
        """Return the end of the log."""
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
                umask=0o022,  # containerd creates folders of images, which other users must be able to read
            )
        child.returncode = 0  # prevents a warning: the daemon outlives this process on purpose
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
    if _poll(ready, timeout_s):
        return
    tail = f"; end of {log}:\n{last_lines(log)}" if log else ""
    raise LabError(f"{subject}: not after {timeout_s:.0f} s{tail}")


def last_lines(log: Path, count: int = 5) -> str:
    """Return the end of a log file, or an empty text if it does not exist."""
    if not log.exists():
        return ""
    return "\n".join(log.read_text(errors="replace").splitlines()[-count:])


def _poll(ready: Callable[[], bool], timeout_s: float) -> bool:
    deadline, tick_s = time.monotonic() + timeout_s, _TICK_S
    while True:
        started = time.monotonic()
        if ready():
            return True
        ended = time.monotonic()
        if ended > deadline:
            return False
        # Pause longer after a slow check, for example with kubectl, to leave the processor to the other process.
        time.sleep(min(max(tick_s, 2 * (ended - started)), _LONGEST_TICK_S))
        # Also after quick checks: a short request can take much of the API server's processor time.
        tick_s = min(2 * tick_s, _LONGEST_TICK_S / 2)


def _start_time(pid: int) -> str | None:
    """Return the start time in ticks since boot, or None if the process has ended or is a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[_STATE_FIELD] in "ZX" else fields[_START_FIELD]


def _send(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, number)
