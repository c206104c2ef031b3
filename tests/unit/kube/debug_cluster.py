"""An API server with one pod, to which debug containers are attached."""

from __future__ import annotations

from collections.abc import Sequence

from debugcapture.errors import NotRunning
from debugcapture.kube.exec_stream import Stdio
from debugcapture.model import ContainerRef, ExitStatus, Json
from tests.unit.builders import pod
from tests.unit.clock import Clock

RUNNING: Json = {"running": {}}


class Cluster:
    """An API server that shows the debug container in one state after the other; the last one stays."""

    def __init__(self, *states: Json, phase: str = "Running") -> None:
        self._states, self._phase = list(states), phase
        self.attached: list[Json] = []
        self.clock = Clock()
        self.ready: bool | None = None
        self.reads = 0
        self.starting = 0
        """How many commands find a container whose first process is not ready."""
        self.target_state = RUNNING
        self.ended: list[ContainerRef] = []
        self.leaving: Exception | ExitStatus = ExitStatus(0)
        self.refusal: Exception | None = None
        """The error for a container whose root is writable."""
        self.mutates = False
        """Whether a policy makes the root of each container read-only."""

    def run(self, place: ContainerRef, argv: Sequence[str], stdio: Stdio, **_: object) -> ExitStatus:
        """The response of the API server to an exec. A command after `ready` prints its arguments."""
        if argv[1] == "ready":
            if self._states[0] != RUNNING:
                raise NotRunning("cannot run a command", "container not found (HTTP 500)")
            self.starting -= 1
            if self.starting >= 0:
                return ExitStatus(75)
            stdio.stdout(memoryview(" ".join(argv[3:]).encode()))
            return ExitStatus(0)
        self.ended.append(place)
        if isinstance(self.leaving, Exception):
            raise self.leaving
        return self.leaving

    def patch_ephemeral_containers(self, _namespace: str, _pod: str, spec: Json) -> Json:
        if self.refusal and not spec["securityContext"].get("readOnlyRootFilesystem"):
            raise self.refusal
        context = spec["securityContext"] | ({"readOnlyRootFilesystem": True} if self.mutates else {})
        self.attached.append(spec | {"securityContext": context})
        return pod(spec={"ephemeralContainers": self.attached})

    def node_ready(self, name: str) -> bool | None:
        self.requested = name
        return self.ready

    def pod(self, _namespace: str, _name: str) -> Json:
        self.reads += 1
        if self.reads == 1:  # for one that runs already
            return pod()
        state = self._states.pop(0) if len(self._states) > 1 else self._states[0]
        statuses = [{"name": "debug-capture-older", "state": RUNNING}]
        statuses += [{"name": spec["name"], "state": state} for spec in self.attached]
        target = {"name": "app", "state": self.target_state}
        status = {"phase": self._phase, "containerStatuses": [target], "ephemeralContainerStatuses": statuses}
        return pod(status=status)


def _deleted(pod_json: Json) -> Json:
    return pod_json | {"metadata": pod_json["metadata"] | {"deletionTimestamp": "2026-01-02T12:10:00Z"}}


class Terminating(Cluster):
    """An API server whose pod is being deleted from the read with the number ``since`` on."""

    def __init__(self, *states: Json, since: int) -> None:
        super().__init__(*states)
        self._since = since

    def pod(self, namespace: str, name: str) -> Json:
        pod_json = super().pod(namespace, name)
        return _deleted(pod_json) if self.reads >= self._since else pod_json
