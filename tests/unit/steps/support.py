"""A cluster with one pod, and the arguments of steps."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO, cast

from debugcapture.bundle.bundle import Bundle, create_bundle
from debugcapture.errors import (
    NotAllowed,
    NoteNotSent,
    TargetNotFound,
)
from debugcapture.files import sha256_of
from debugcapture.kube.exec_stream import Stdio
from debugcapture.kube.streams import Streams
from debugcapture.model import ExitStatus, Json
from debugcapture.runtime.context import RunContext
from tests.unit.builders import NOON, artifact, manifest, pod, written
from tests.unit.fakes import Lists

INCIDENT = {"incident_id": "Q1ABCDEF", "pagerduty_token": "t", "alert_namespaces": "shop"}
POD = {"pod": "checkout-7d9f-abcde", "namespace": "shop"}


class Cluster(Lists):
    """An API server with one pod, and the status that its commands end with."""

    def __init__(self, pod_json: Json | None = None, ended: ExitStatus | None = None) -> None:
        self.pod_json, self.ended = pod_json or pod(), ended or ExitStatus(0)
        self.may_list = True
        self.streams = Streams()

    def pod(self, _namespace: str, name: str) -> Json:
        if name != self.pod_json["metadata"]["name"]:
            raise TargetNotFound("cannot read", "not found")
        return self.pod_json

    def pods(self, _namespace: str, _selector: str = "") -> list[Json]:
        if not self.may_list:
            raise NotAllowed("cannot list", "forbidden")
        return [self.pod_json]

    def get(self, *_: object) -> Json:
        raise NotAllowed("cannot read", "forbidden")

    def namespace_exists(self, namespace: str) -> bool:
        return namespace == "shop"

    def log(self, *_: object, **__: object) -> Iterator[bytes]:
        yield b"started\n"

    def events(self, *_: object) -> list[Json]:
        return []

    def run(self, _place: object, argv: Sequence[str], stdio: Stdio, **_: Any) -> ExitStatus:
        if argv[3:4] == ("debug-capture",) and not self.ended.not_found:
            stdio.stderr(memoryview(f"debug-capture-command {argv[4]} 7 1\n".encode()))
            argv = argv[5:]
        stdio.stdout(memoryview(" ".join(argv).encode() + b"\xff"))
        stdio.stderr(memoryview(b"warning"))
        return self.ended


Serve = Callable[[Cluster], None]


def make_bundle(run_context: RunContext) -> Bundle:
    bundle = create_bundle(run_context.spool, "checkout-7d9f-abcde", NOON)
    file = written(bundle.folder, "jvm-threads.txt", "threads")
    bundle.save(manifest(artifact(sha256=sha256_of(file)), capture_id=bundle.folder.name))
    return bundle


def written_to(stream: BinaryIO) -> bytes:
    return cast("io.BytesIO", stream).getvalue()


CAPTURE = POD | {"collectors": "pod-snapshot"}


def refuse(*_: object) -> str:
    raise NoteNotSent("cannot add a note", "HTTP 500")


ALERT = {"pod": "", **INCIDENT, "pagerduty_url": "https://api.example", "collectors": "pod-snapshot"}
