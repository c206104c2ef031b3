"""The Java processes of Rundeck's engine. A process answers one request at a time, and then waits for the next one.

The start of Java and the unpacking of a plugin take more processor time than a run. Each request brings its base
directory, project, Key Storage and environment, so requests to the same process share only the unpacked plugins, as
the runs of a server do.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from lab.part import LabError
from lab.prerequisites import ensure_program
from lab.rundeck import build

FLAGS = (
    "-Xshare:auto",
    "-Xlog:disable",  # a warning about the archive of classes would go to standard output, where the log is
    "-XX:TieredStopAtLevel=1",  # the second compiler would cost more than it saves
    "-XX:+UseSerialGC",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
    *build.OPENED,
)
_PATH = "PATH"


class Jvm:
    """A Java process that answers requests: JSON on its standard input, a report in a file."""

    is_reusable = True
    """Whether it can answer another request. Threads of an aborted run still write to its base directory."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        java = ensure_program("java", "openjdk-17-jdk-headless")
        self._home = tempfile.TemporaryDirectory(prefix="lab-rundeck-")
        self._stderr = Path(self._home.name) / "stderr"
        archive = f"-XX:SharedArchiveFile={build.class_archive()}"
        argv = [str(java), *FLAGS, archive, "-cp", build.classpath(), build.MAIN, self._home.name]
        with self._stderr.open("wb") as log:
            self._process = subprocess.Popen(
                argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True, env=dict(environment)
            )

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the report on ``request``. Meanwhile, copy the echoed log to standard output.

        Raises LabError if the engine fails. This ends the process.
        """
        errors_before = self._stderr.stat().st_size
        requests, output = self._pipes()
        requests.write(f"{json.dumps(request)}\n")
        requests.flush()
        for line in output:
            if line.rstrip("\n") == request["report"]:
                report: dict[str, Any] = json.loads(Path(request["report"]).read_bytes())
                self.is_reusable = not report.get("aborted")
                return report
            sys.stdout.write(line)
            sys.stdout.flush()
        status = self._process.wait()
        raise LabError(f"Rundeck's engine failed ({status}): {self._last_words(errors_before)}")

    def close(self) -> None:
        """End the process when it has answered its request, and delete the unpacked plugins."""
        for pipe in self._pipes():
            pipe.close()
        self._process.wait()
        self._home.cleanup()

    def _pipes(self) -> tuple[IO[str], IO[str]]:
        requests, output = self._process.stdin, self._process.stdout
        if requests is None or output is None:
            raise TypeError("the process was started without pipes")
        return requests, output

    def _last_words(self, errors_before: int) -> str:
        with self._stderr.open("rb") as errors:
            errors.seek(errors_before)
            lines = errors.read().decode(errors="replace").splitlines()
        return next((line for line in lines if "Exception" in line or "Error" in line), "no message")


# By PATH: Java looks for the programs that it starts in the PATH of its own start.
_idle: defaultdict[str, list[Jvm]] = defaultdict(list)


@contextmanager
def leased(environment: Mapping[str, str]) -> Iterator[Jvm]:
    """A process that nobody else uses at the moment, for a request with this ``environment``."""
    idle = _idle[environment.get(_PATH, os.defpath)]
    try:
        jvm = idle.pop()
    except IndexError:
        jvm = Jvm(environment)
    try:
        yield jvm
    except BaseException:
        jvm.close()
        raise
    if jvm.is_reusable:
        idle.append(jvm)
    else:
        jvm.close()


@atexit.register
def _close_all() -> None:
    for jvms in _idle.values():
        while jvms:
            jvms.pop().close()
