"""A cluster in memory, for what cannot be provoked in a real one at will."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from debugcapture.cluster.api import Api
from debugcapture.errors import NotAllowed
from debugcapture.model import ContainerRef, ExitStatus, Json
from tests.unit.builders import pod, status

OK = ExitStatus(0)
MISSING = ExitStatus(127, "NonZeroExitCode", "not found")
Answer = tuple[ExitStatus, bytes, bytes]


class Cluster:
    """An API server with one pod; ``answers`` are what its commands write, by their first word."""

    def __init__(self, **answers: Answer) -> None:
        self.answers = answers
        self.attached: list[Json] = []
        self.ran: list[tuple[str, ...]] = []
        self.refuses = False
        self.log_error: Exception | None = None

    def patch_ephemeral_containers(self, _namespace: str, _pod: str, spec: Json) -> Json:
        if self.refuses:
            self.attached.append({})
            raise NotAllowed("cannot attach", "forbidden", "Ask.")
        self.attached.append(spec)
        return {}

    def pod(self, _namespace: str, _name: str) -> Json:
        running = [status(one["name"]) for one in self.attached]
        return pod(status={"ephemeralContainerStatuses": running})

    def log(self, *_: object, **__: object) -> Iterator[bytes]:
        yield b"started\n"
        if self.log_error:
            raise self.log_error

    def events(self, *_: object) -> list[Json]:
        return []

    def run(self, _api: Api, _place: ContainerRef, argv: Sequence[str], *, stdout: Any, stderr: Any, **_: Any) -> Any:
        self.ran.append(tuple(argv))
        ended, output, errors = self.answers.get(argv[0], (MISSING, b"", b""))
        stdout(memoryview(output))
        stderr(memoryview(errors))
        return ended
