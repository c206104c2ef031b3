"""The environment of a fault: a pod on the lab's cluster, a store, an incident, and a step that runs as a process."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import yaml

import lab.kubernetes
from lab.kubernetes.kubectl import Kubectl
from lab.kubernetes.workloads import grant
from lab.paths import REPO
from lab.process import wait_until
from lab.stores import s3_endpoint
from tests.cluster.objects import container, pod, pod_spec
from tests.simulator import Simulator

POD = "web"
LIVES_S = 30  # the debug container's time limit
LIMIT_S = 240  # a step that runs longer than this hangs
MARK = "evidence-of-faults"  # in the command lines of processes in the pod
_RBAC = "rbac.authorization.k8s.io/v1"
_STREAM = f"i=0; while [ $i -lt %d ]; do head -c 65536 /dev/urandom; sleep 0.1; i=$((i+1)); done; : {MARK}"
# Other fields of the collector `stream`: it runs for longer than the API server accepts an expired token.
LONG_STREAM: dict[str, Any] = {"time_limit_s": 60, "in_image": [{"run": ["sh", "-c", _STREAM % 200]}]}
_COMMON: dict[str, Any] = {
    "kind": "text",
    "runtime": "native",  # tools of one runtime run one after another
    "size_limit_bytes": 1 << 30,
    "source": "https://example.org",
    "time_limit_s": 15,
}
COLLECTORS: list[dict[str, Any]] = [
    {"id": "words", "title": "Words", "file": "words.txt", "in_image": [{"run": ["echo", "these are words"]}]},
    {"id": "look", "title": "Look", "file": "look.txt", "from_debug": [{"run": ["cat", "/proc/{pid}/status"]}]},
    {"id": "stream", "title": "Stream", "file": "stream.bin", "kind": "binary",
     "in_image": [{"run": ["sh", "-c", _STREAM % 80]}]},
    {"id": "big", "title": "Big", "file": "big.bin", "kind": "binary", "time_limit_s": 120,
     "in_image": [{"run": ["cp", "/tmp/big", "/tmp/big.copy"], "output": "/tmp/big.copy", "removes": True}]},
    {"id": "rest", "title": "Rest", "file": "rest.txt", "in_image": [{"run": ["echo", "and this is the rest"]}]},
]  # fmt: skip


@dataclass(frozen=True)
class Ended:
    """How a step ended, and what it printed."""

    exit_code: int
    lines: list[str]
    pod: str  # the target of the step
    incident: str

    @property
    def data(self) -> dict[str, str]:
        """Return the data that the step output."""
        lines = (line.removeprefix("RUNDECK:DATA:") for line in self.lines if line.startswith("RUNDECK:DATA:"))
        return dict(line.split("=", 1) for line in lines)

    @property
    def errors(self) -> list[str]:
        """Return the lines that report a failure to the user."""
        return [line for line in self.lines if line.startswith("Error: ")]


@dataclass(frozen=True)
class Account:
    """Who captures."""

    kubectl: Kubectl
    namespace: str
    name: str

    def may(self, rules: Sequence[dict[str, Any]]) -> None:
        """Allow it exactly these rules."""
        role = {"apiVersion": _RBAC, "kind": "Role", "metadata": {"name": self.name}, "rules": list(rules)}
        self.kubectl("apply", f"--namespace={self.namespace}", "--filename=-", stdin=json.dumps(role))

    def token(self) -> str:
        """A token of the account."""
        return self.kubectl("create", "token", self.name, f"--namespace={self.namespace}").strip()


@dataclass
class World:
    """The settings of one capture, which a fault may change, and the objects that the fault can reach."""

    kubectl: Kubectl
    namespace: str
    folder: Path
    pagerduty: Simulator
    settings: dict[str, str]
    environment: dict[str, str] = field(default_factory=dict)
    command: list[str] = field(default_factory=list)  # before the step's own
    broken: ExitStack = field(default_factory=ExitStack)  # repairs what a fault has broken
    left: ExitStack = field(default_factory=ExitStack)  # removes what the world has created
    namespaces: list[str] = field(default_factory=list)
    arrived: set[str] = field(default_factory=set)  # files whose bytes were in the spool
    _armed: list[tuple[str, Callable[[], object]]] = field(default_factory=list)
    process: subprocess.Popen[bytes] | None = None

    @property
    def spool(self) -> Path:
        """Return the spool of the step."""
        return Path(self.settings["spool"])

    @property
    def incident(self) -> str:
        """Return the incident's ID."""
        return self.settings["incident_id"]

    # --- the cluster ---

    def apply(self, thing: dict[str, Any], namespace: str = "") -> None:
        """Create the object. An object outside of namespaces is deleted at the end."""
        place = [f"--namespace={namespace or self.settings['namespace']}"]
        self.kubectl("apply", *place, "--filename=-", stdin=json.dumps(thing))

    def applied_for_all(self, thing: dict[str, Any]) -> None:
        """Create an object without a namespace, and delete it when the world is restored."""
        self.apply(thing)
        kind, name = thing["kind"].lower(), thing["metadata"]["name"]
        self.broken.callback(self.kubectl, "delete", kind, name, "--ignore-not-found")

    def own_namespace(self, **labels: str) -> str:
        """Capture from a separate namespace."""
        name = f"faults-{secrets.token_hex(4)}"
        labels = {"debug-capture-faults": name, **labels}
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
        self.left.callback(self.kubectl, "delete", "namespace", name, "--wait=false", "--ignore-not-found")
        bind(self.kubectl, name)
        self.namespaces.append(name)
        self.settings["namespace"] = name
        return name

    def own_pod(self, spec: dict[str, Any] | None = None, *, ready: bool = True, **metadata: Any) -> str:
        """Capture from a pod that may be damaged, in its own namespace."""
        if self.settings["namespace"] == self.namespace:
            self.own_namespace()
        self.apply(pod(POD, spec or pod_spec(container()), **metadata))
        self.settings["pod"] = POD
        if ready:
            wait_ready(self.kubectl, self.settings["namespace"], POD)
        return POD

    def account(self, name: str = "capture") -> Account:
        """Capture as a new account without permissions."""
        namespace = self.settings["namespace"]
        self.kubectl("create", "serviceaccount", name, f"--namespace={namespace}")
        account = Account(self.kubectl, namespace, name)
        account.may([])
        whom = f"--serviceaccount={namespace}:{name}"
        self.kubectl("create", "rolebinding", name, f"--role={name}", whom, f"--namespace={namespace}")
        self.change(token=account.token())
        return account

    # --- the step ---

    def change(self, **settings: str) -> None:
        """Give the step other settings, until the world is restored."""
        self.broken.callback(self.settings.update, {name: self.settings.get(name, "") for name in settings})
        self.settings.update(settings)

    def restore(self) -> None:
        """Repair what the fault has broken, and use the usual settings again."""
        self.broken.close()
        self.environment.clear()
        self.command.clear()
        self._armed.clear()

    def collect(self, *collectors: str, **limits: dict[str, Any]) -> None:
        """Collect these, from `COLLECTORS` or the catalog. ``limits`` replaces fields of a collector."""
        self.settings["collectors"] = ",".join(collectors)
        entries = [_COMMON | collector | limits.get(str(collector["id"]), {}) for collector in COLLECTORS]
        file = self.folder / "catalog.yaml"
        file.write_text(yaml.safe_dump(entries))
        self.settings["catalog"] = str(file)

    def at(self, words: str, act: Callable[[], object]) -> None:
        """Run ``act`` once, when the step prints a line with ``words``; the step continues in the meantime."""
        self._armed.append((words, act))

    def run(self, step: str = "k8s-debug-capture", **changed: str) -> Ended:
        """Run a step as Rundeck does."""
        target, incident = f"{self.settings['namespace']}/{self.settings['pod']}", self.settings["incident_id"]
        armed, acting, lines = list(self._armed), list[_Act](), list[str]()
        process = subprocess.Popen(
            [*self.command, sys.executable, str(REPO / "contents" / f"{step}.py")],
            env=self._environment(changed),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self.process = process
        watch = threading.Timer(LIMIT_S, process.kill)
        watch.start()
        assert process.stdout
        with process.stdout:
            for raw in process.stdout:
                line = raw.decode(errors="replace").rstrip("\n")
                lines.append(line)
                for trap in [trap for trap in armed if trap[0] in line]:
                    armed.remove(trap)
                    acting.append(_Act(trap[1]))
        exit_code = process.wait()
        watch.cancel()
        for act in acting:
            act.join()
        assert not armed, ("never came", [words for words, _ in armed], lines)
        return Ended(exit_code, lines, target, incident)

    def _environment(self, changed: dict[str, str]) -> dict[str, str]:
        temporary = self.folder / "tmp"
        temporary.mkdir(exist_ok=True)
        base = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "TMPDIR": str(temporary), "LANG": "C.UTF-8"}
        rundeck = {"RD_JOB_USERNAME": "alice", "RD_JOB_EXECID": "1", "RD_RUNDECK_BASE": str(self.folder)}
        options = {f"RD_CONFIG_{name.upper()}": value for name, value in {**self.settings, **changed}.items()}
        return base | rundeck | options | self.environment

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the step."""
        assert self.process
        self.process.send_signal(number)

    def arriving(self, file: str, least: int = 1) -> None:
        """Wait until at least ``least`` bytes of ``file`` are in the spool."""
        parts = f"*/{file}.part"
        self.arrived |= {file} if least else set()
        wait_until(f"bytes of {file}", lambda: any(path.stat().st_size >= least for path in self.spool.glob(parts)), 60)

    # --- the store ---

    def objects(self) -> dict[str, bytes]:
        """The objects below this world's prefix of the store, by their keys without the prefix."""
        client, prefix = bucket_client(), self.settings["store"].split("/", 3)[3] + "/"
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=s3_endpoint().bucket, Prefix=prefix)
        keys = [item["Key"] for page in pages for item in page.get("Contents", ())]
        return {
            key.removeprefix(prefix): client.get_object(Bucket=s3_endpoint().bucket, Key=key)["Body"].read()
            for key in keys
        }


class _Act(threading.Thread):
    """An action during the step; if it fails, the test fails."""

    def __init__(self, act: Callable[[], object]) -> None:
        super().__init__()
        self._act, self._error = act, BaseException()
        self._failed = False
        self.start()

    def run(self) -> None:
        try:
            self._act()
        except BaseException as error:  # noqa: BLE001 - it is raised again by who waits
            self._error, self._failed = error, True

    def join(self, timeout: float | None = None) -> None:
        super().join(timeout)
        if self._failed:
            raise self._error


def bucket_client() -> Any:
    """A client of the lab's S3 server, without a fault."""
    store = s3_endpoint()
    return boto3.client(
        "s3",
        endpoint_url=store.url,
        region_name=store.region,
        aws_access_key_id=store.access_key,
        aws_secret_access_key=store.secret_key,
    )


def bind(kubectl: Kubectl, namespace: str) -> None:
    """Grant the permissions that the README grants."""
    grant(kubectl, namespace)


def wait_ready(kubectl: Kubectl, namespace: str, name: str) -> None:
    """Wait until the pod is ready."""
    kubectl("wait", f"--namespace={namespace}", "--for=condition=Ready", f"pod/{name}", "--timeout=90s")


def usual(namespace: str, folder: Path, pagerduty: Simulator) -> dict[str, str]:
    """The settings of a capture in which nothing is wrong: the least-privilege account, S3, an incident."""
    cluster, store = lab.kubernetes.endpoint(), s3_endpoint()
    incident = f"QFAULTS{secrets.token_hex(3).upper()}"
    pagerduty.create(incident)
    return {
        "server": cluster.server,
        "token": cluster.capture_token_file.read_text().strip(),
        "ca_certificate": cluster.ca_file.read_text(),
        "namespace": namespace,
        "pod": POD,
        "image": cluster.toolbox_image,
        "debug_time_limit_s": str(LIVES_S),
        "spool": str(folder / "spool"),
        "spool_free_mib": "0",
        "fail_when_partial": "true",
        "store": f"s3://{store.bucket}/faults/{secrets.token_hex(6)}",
        "s3_endpoint": store.url,
        "s3_region": store.region,
        "s3_access_key": store.access_key,
        "s3_secret_key": store.secret_key,
        **pagerduty.settings(incident),
        "pagerduty_from": "oncall@shop.example",
    }
