"""Collectors and clusters for the tests of collect.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from debugcapture.kube.exec_stream import Stdio
from debugcapture.manifest import Artifact
from debugcapture.model import ContainerRef, ExitStatus
from tests.unit.builders import collector
from tests.unit.fakes import OK, Cluster

SNAPSHOT = collector(id="pod-snapshot", title="Pod snapshot", file="", reads_api="snapshot", in_image=(), from_debug=())
Run = Callable[..., tuple[Artifact, ...]]


def in_image(kind: type[Cluster] = Cluster) -> Cluster:
    return kind(jcmd=(OK, b"threads\n", b""))


def bare() -> Cluster:
    return Cluster(shell=False, debug=["jattach"], jattach=(OK, b"threads\n", b""))


class Denying(Cluster):
    """A cluster whose debug container may access the target only as root. Otherwise, the tool prints ``words``."""

    words = b"jattach: denied\n"

    def run(self, place: ContainerRef, argv: Sequence[str], stdio: Stdio, **rest: Any) -> Any:
        spec = next((spec for spec in self.attached if spec["name"] == place.container), {})
        denied = spec and spec["securityContext"]["runAsUser"] != 0
        self.answers["jattach"] = (ExitStatus(1), b"", self.words) if denied else (OK, b"threads\n", b"")
        return super().run(place, argv, stdio, **rest)
