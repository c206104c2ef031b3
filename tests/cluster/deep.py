"""One deep capture of the pods of every runtime, and the traces in each pod before and after it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from debugcapture.manifest import Artifact
from lab.kubernetes.kubectl import Kubectl
from lab.part import LabError
from lab.process import wait_until
from tests.cluster.captures import CaptureRun, as_captures, captured
from tests.cluster.traces import Changes, Traces, first_processes, look, processes_of

NAMESPACE = "runtimes"
EVERY = {
    "namespace": NAMESPACE,
    "selector": "app",
    "sample": "false",
    "max_pods": "100",
    "concurrency": "12",
    "collectors": "deep",
    "allow_heavy": "true",
}
_DEBUG_CONTAINERS_END_S = 30


@dataclass(frozen=True)
class Deep:
    """The result of the capture in the spool, and the ``changes`` of its targets by the label ``app``."""

    run: CaptureRun
    changes: Mapping[str, Changes]

    def of(self, app: str) -> list[Artifact]:
        """The artifacts of the pod of ``app``."""
        pod = re.compile(rf"{re.escape(app)}-[0-9a-f]+-\w+")
        return [artifact for artifact in self.run.manifest.artifacts if pod.fullmatch(artifact.pod)]


def captured_deeply(spool: Path, kubectl: Kubectl) -> Deep:
    """Capture all pods, while the crashing ones are down, as the account with the permissions of a capture."""
    wait_until("all that crash to be down", lambda: all(_down(pod) for pod in _crashing(kubectl)), 120)
    before = Looks.take(kubectl)
    run = captured(spool, **EVERY, **as_captures())
    return Deep(run, before.settled(_DEBUG_CONTAINERS_END_S))


@dataclass(frozen=True)
class Looks:
    """The traces in the running pods at one moment, by the label ``app``."""

    first: Mapping[str, int]
    traces: Mapping[str, Traces]

    @classmethod
    def take(cls, kubectl: Kubectl) -> Looks:
        """Read the traces of each pod that runs and does not crash."""
        first = first_processes(kubectl, NAMESPACE)
        return cls.at({app: pid for app, pid in first.items() if not app.endswith("-crash")})

    @classmethod
    def at(cls, first: Mapping[str, int]) -> Looks:
        """Read the traces of these containers. Each is named by the node's PID of its first process."""
        return cls(first, {app: look(pid) for app, pid in first.items()})

    def changes(self) -> dict[str, Changes]:
        """Return what has changed since."""
        return {app: look(pid).since(self.traces[app]) for app, pid in self.first.items()}

    def settled(self, limit_s: float) -> dict[str, Changes]:
        """Return what has changed since, once no process differs, or after ``limit_s``.

        Debug containers take a moment to end. The test decides about the changes that are left after the limit.
        """
        before = {pid: self.traces[app].processes for app, pid in self.first.items()}
        with suppress(LabError):
            wait_until("the processes of before", lambda: processes_of(before) == before, limit_s)
        return self.changes()


def _crashing(kubectl: Kubectl) -> list[dict[str, Any]]:
    pods = kubectl.json("get", "pods", f"--namespace={NAMESPACE}")["items"]
    return [pod for pod in pods if "-crash-" in pod["metadata"]["name"]]


def _down(pod: dict[str, Any]) -> bool:
    return all("waiting" in container["state"] for container in pod["status"].get("containerStatuses") or [])
