"""The common kind of part: one daemon on one port of this machine."""

from __future__ import annotations

import os
import secrets
import shutil
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path

from lab.part import LabError
from lab.paths import part_dir
from lab.ports import ensure_free, is_listening
from lab.process import Process, wait_until
from lab.progress import Progress

HOST = "127.0.0.1"


class Daemon(ABC):
    """A part with one daemon. Subclasses define how to build, start and fill it."""

    name: str
    port: int
    needs: tuple[str, ...] = ()

    @abstractmethod
    def process(self, progress: Progress) -> Process:
        """Return the daemon. Builds or installs its program first."""

    def fill(self) -> None:  # noqa: B027 - most daemons need no data
        """Create what a client expects; does nothing if it exists."""

    def up(self, progress: Progress) -> None:
        """Start the daemon unless it runs, wait for its port, and fill it."""
        process = self.process(progress)
        if not process.running():
            self._await_free_port()
        if process.ensure_running():
            with progress.stage(self.name, f"starting {process.name} on {HOST}:{self.port}"):
                wait_until(process.name, lambda: process.running() and is_listening(self.port), 30, process.log)
        self.fill()

    def down(self) -> None:
        """Stop the daemon. The data stays."""
        self._any_process().stop()

    def status(self) -> str:
        """Return whether the daemon runs and listens."""
        if not self._any_process().running():
            return "down"
        return "up" if is_listening(self.port) else f"broken: nothing listens on {HOST}:{self.port}"

    def logs(self) -> list[Path]:
        """Return the log of the daemon."""
        return [self._any_process().log]

    def reset(self) -> None:
        """Delete data and keys."""
        shutil.rmtree(self.folder)

    @property
    def folder(self) -> Path:
        """The folder with data, keys, log and pid file."""
        return part_dir(self.name)

    def _await_free_port(self) -> None:
        with suppress(LabError):  # a killed process releases its port with a delay
            wait_until("the port", lambda: not is_listening(self.port), 5)
        ensure_free(self.port, self.name)

    def _any_process(self) -> Process:
        # sufficient to find, watch and stop the daemon, but not to start it
        return Process(self.name, self.name, [])


def ensure_secret(file: Path, fresh: str = "") -> str:
    """Return the secret in the file. The first call creates the file, readable by this user only."""
    if not file.exists():
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(fresh or secrets.token_hex(20))
    return file.read_text()
