"""A cluster in memory, for situations that a real one cannot provoke."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from debugcapture.errors import NotAllowed, TargetNotFound
from debugcapture.kube.exec_stream import Stdio
from debugcapture.kube.scripts import script
from debugcapture.kube.streams import Streams
from debugcapture.model import ContainerRef, ExitStatus, Json, StartFailure
from tests.unit.builders import pod, status
from tests.unit.clock import Clock

OK = ExitStatus(0)
RUN = script("bounded", "run")
MISSING = ExitStatus(127, "NonZeroExitCode", "not found", StartFailure.NO_PROGRAM)
Answer = tuple[ExitStatus, bytes, bytes]
JAVA = "P 7 1000 1000 2048 java\nT\nM /opt/java/bin/java\nM /opt/java/lib/server/libjvm.so\n"


class Lists:
    """The list methods of an API server with ``pods`` and ``items``."""

    requests = 0
    clock = Clock()

    def pods(self, _namespace: str, _selector: str = "") -> list[Json]:
        raise NotImplementedError

    def items(self, _path: str, _doing: str) -> list[Json]:
        return []

    def names(self, path: str, doing: str, query: Mapping[str, str] | None = None) -> list[Json]:
        return next(self.pages(path, doing, query)) if path.endswith("/pods") else self.items(path, doing)

    def pages(self, path: str, _doing: str, query: Mapping[str, str] | None = None) -> Iterator[list[Json]]:
        yield self.pods(path.split("/")[4], (query or {}).get("labelSelector", ""))


class Cluster(Lists):
    """An API server with one pod; ``answers`` are what its programs write, by their name.

    The target has a shell where ``shell`` is true; a debug container always has. ``debug_tools`` are the programs that
    only a debug container has.
    """

    def __init__(self, *, shell: bool = True, debug: Sequence[str] = (), **answers: Answer) -> None:
        self.answers, self.shell, self.debug_tools = answers, shell, set(debug)
        self.listing = f"S 99\n{JAVA}"
        self.debug_listing = ""
        """The list of processes in a debug container; "" for the same as in the target."""
        self.attached: list[Json] = []
        self.ran: list[tuple[str, ...]] = []
        self.places: list[str] = []
        self.refuses = False
        self.log_error: Exception | None = None
        self.is_gone = False
        self.streams = Streams()
        self.pod_json = pod()

    def patch_ephemeral_containers(self, _namespace: str, _pod: str, spec: Json) -> Json:
        self.attached.append(spec)
        if self.refuses:
            raise NotAllowed("cannot attach", "forbidden", "Ask.")
        return {"spec": {"ephemeralContainers": self.attached}}

    def pod(self, _namespace: str, _name: str) -> Json:
        if self.is_gone:
            raise TargetNotFound("cannot read pod", "not found")
        running = [status(spec["name"]) for spec in self.attached]
        return {**self.pod_json, "status": self.pod_json["status"] | {"ephemeralContainerStatuses": running}}

    def pods(self, _namespace: str, _selector: str = "") -> list[Json]:
        return [self.pod_json]

    def log(self, *_: Any, **__: Any) -> Iterator[bytes]:
        yield b"started\n"
        if self.log_error:
            raise self.log_error

    def events(self, *_: object) -> list[Json]:
        return []

    def run(self, place: ContainerRef, argv: Sequence[str], stdio: Stdio, **_: Any) -> ExitStatus:
        if tuple(argv[:2]) == ("run-tool", "ready") and argv[3:]:
            argv = argv[3:]
        if tuple(argv[:2]) == ("run-tool", "approved"):
            return self._run_approved(place, argv, stdio)
        return self._run(place, argv, stdio)

    def _run(self, place: ContainerRef, argv: Sequence[str], stdio: Stdio) -> ExitStatus:
        stdout, stderr = stdio.stdout, stdio.stderr
        in_debug_container = place.container.startswith("debug-capture-")
        self.ran.append(tuple(argv))
        self.places.append(place.container)
        if argv[0] == "run-tool":
            if argv[1] == "command":
                return self._answer(argv[3], in_debug_container, stdout, stderr)
            return (
                self._run_with_checksum(argv[2], argv[4], in_debug_container, stdout, stderr)
                if argv[1] == "run"
                else OK
            )
        if argv[0] != "sh":
            return self._answer(argv[0], in_debug_container, stdout, stderr)
        if not (self.shell or in_debug_container):
            return MISSING
        if argv[2] == script("processes"):
            listing = self.debug_listing if in_debug_container and self.debug_listing else self.listing
            stdout(memoryview(listing.encode()))
        elif argv[2] == RUN:
            return self._run_with_checksum(argv[4], argv[5], in_debug_container, stdout, stderr)
        return OK

    def _run_approved(self, place: ContainerRef, argv: Sequence[str], stdio: Stdio) -> ExitStatus:
        nonce, count, words = argv[2], int(argv[3]), argv[4:]
        self._run(place, words[:count], stdio)
        stdio.stdout(memoryview(f"\n{nonce}\n".encode()))
        assert stdio.reply
        assert stdio.reply() == b"\n"
        return self._run(place, words[count:], stdio)

    def _run_with_checksum(
        self, nonce: str, program: str, in_debug_container: bool, stdout: Any, stderr: Any
    ) -> ExitStatus:
        digest, sizes = hashlib.sha256(), list[int]()

        def both(piece: memoryview) -> None:
            digest.update(piece)
            sizes.append(len(piece))
            stdout(piece)

        ended = self._answer(program, in_debug_container, both, stderr)
        if ended.code is None:
            return ended
        report = {"ended": "exited", "code": ended.code, "sha256": digest.hexdigest()}
        stderr(memoryview(f"\ndebug-capture-end {nonce} {json.dumps(report)}\n".encode()))
        return OK

    def _answer(self, program: str, in_debug_container: bool, stdout: Any, stderr: Any) -> ExitStatus:
        if program in self.debug_tools and not in_debug_container:
            return MISSING
        ended, output, errors = self.answers.get(program, (MISSING, b"", b""))
        stdout(memoryview(output))
        stderr(memoryview(errors))
        return ended

    def tools(self) -> list[tuple[str, ...]]:
        """The tools that ran with a checksum, with their arguments."""
        by_shell = (argv[5:] for argv in self.ran if argv[2:3] == (RUN,))
        return [*by_shell, *(argv[4:] for argv in self.ran if argv[:2] == ("run-tool", "run"))]

    def left(self) -> int:
        """How often the use of a debug container ended."""
        return sum(argv[:2] == ("run-tool", "leave") for argv in self.ran)
