"""The ``runtimes`` part: each runtime with its tools, with busybox only, without a shell, and one that crashes.

The manifests are generated, because they differ only in image and arguments. All pods run under Pod Security
``restricted``. A crashing workload leaves a file in the volume at /var/crash.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.kubernetes import images, layout, runtime_images, toolbox, workloads
from lab.kubernetes.cluster import connect
from lab.kubernetes.kubectl import Kubectl
from lab.kubernetes.layers import JAVA
from lab.kubernetes.workloads import Expected, RunningContainers
from lab.part import LabError
from lab.paths import REPO
from lab.process import wait_until
from lab.progress import Progress

NAMESPACE = "runtimes"
CRASH_FOLDER = "/var/crash"
_NAMESPACE_FILE = REPO / "lab" / "runtimes" / "namespace.yaml"
_OVERFLOW = (
    "-XX:+HeapDumpOnOutOfMemoryError",
    f"-XX:HeapDumpPath={CRASH_FOLDER}",
    "-XX:+CrashOnOutOfMemoryError",
    f"-XX:ErrorFile={CRASH_FOLDER}/hs_err_pid%p.log",
)


@dataclass(frozen=True)
class Workload:
    """A Deployment with one pod. Without a command, the pod runs the command of the image."""

    name: str
    image: str
    arguments: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    memory: str = "64Mi"
    environment: tuple[tuple[str, str], ...] = ()
    has_tmp: bool = True
    """Whether a volume is mounted at /tmp. The root file system is read-only."""
    has_stdin: bool = False
    """Whether standard input is open, without which some programs end."""


def _java(name: str, image: str, *command: str) -> Workload:
    words = (f"{JAVA}/bin/java", *command) if command else ()
    return Workload(name, image, command=words, memory="192Mi")


# The application contains .NET 10, which extracts a library below HOME and sends statistics by default.
_SINGLE_FILE = (
    ("HOME", "/tmp"),
    ("AZURE_MCP_COLLECT_TELEMETRY", "false"),
    ("DOTNET_SYSTEM_GLOBALIZATION_INVARIANT", "1"),
)  # noqa: S108


def _dotnet(name: str, image: str, *, has_tmp: bool = True) -> Workload:
    return Workload(name, image, memory="384Mi", has_tmp=has_tmp)


def _single_file(name: str) -> Workload:
    return Workload(name, name, memory="384Mi", environment=_SINGLE_FILE, has_stdin=True)


def _dotnet_crash(name: str, image: str) -> Workload:
    """Return the workload whose runtime writes a small dump. .NET 3.1 has other names for the variables."""
    dump = {"DbgEnableMiniDump": "1", "DbgMiniDumpType": "1", "DbgMiniDumpName": f"{CRASH_FOLDER}/service.dmp"}
    environment = tuple((f"{prefix}_{key}", value) for prefix in ("COMPlus", "DOTNET") for key, value in dump.items())
    return Workload(name, image, ("/app/Service.dll", "crash"), ("/usr/share/dotnet/dotnet",), "384Mi", environment)


RUNNING = (
    _java("java17-full", "orders"),
    _java("java17-bare", "checkout"),
    _java("java17-busybox", "java17-busybox"),
    _java("java25-full", "java25-full"),
    _java("java25-bare", "java25-bare"),
    _java("java25-busybox", "java25-busybox"),
    Workload("python-full", "python-full"),
    Workload("python-bare", "python-bare"),
    Workload("python-busybox", "python-busybox"),
    Workload("node-full", "node-full", memory="256Mi"),
    Workload("node-bare", "node-bare", memory="256Mi"),
    Workload("node-busybox", "node-busybox", memory="256Mi"),
    Workload("go-full", "go-full", ("pprof",)),
    Workload("go-bare", "go-bare", ("pprof",)),
    Workload("go-busybox", "go-busybox", ("pprof",)),
    Workload("go-silent", "go-bare"),
    Workload("native-full", "native-full"),
    Workload("native-bare", "native-bare"),
    Workload("native-busybox", "native-busybox"),
    Workload("ruby-full", "ruby-full"),
    Workload("ruby-bare", "ruby-bare"),
    Workload("ruby-busybox", "ruby-busybox"),
    Workload("php-full", "php-full"),
    Workload("php-bare", "php-bare"),
    Workload("php-busybox", "php-busybox"),
    _dotnet("dotnet31-bare", "dotnet31-bare"),
    _dotnet("dotnet31-busybox", "dotnet31-busybox"),
    _dotnet("dotnet8-bare", "dotnet8-bare"),
    _dotnet("dotnet8-busybox", "dotnet8-busybox"),
    _dotnet("dotnet8-without-tmp", "dotnet8-bare", has_tmp=False),
    _single_file("dotnet10-bare"),
    _single_file("dotnet10-busybox"),
)
CRASHING = (
    # Not the image of "checkout": it runs for half a minute before its heap overflows, and may be captured meanwhile.
    _java("java17-crash", "java17-busybox", "-Xmx8m", *_OVERFLOW, "-cp", "/app", "Service", "crash"),
    _java("java25-crash", "java25-bare", "-Xmx16m", *_OVERFLOW, "-cp", "/app", "Service", "crash"),
    Workload("python-crash", "python-bare", ("crash",)),
    Workload(
        "node-crash",
        "node-bare",
        command=(
            "/usr/bin/node",
            "--report-uncaught-exception",
            f"--report-directory={CRASH_FOLDER}",
            "--report-filename=report.json",
            "/app/service.js",
            "crash",
        ),
        memory="256Mi",
    ),
    Workload("go-crash", "go-bare", ("crash",)),
    Workload("native-crash", "native-bare", ("crash",)),
    Workload("ruby-crash", "ruby-bare", ("crash",)),
    Workload(
        "php-crash",
        "php-bare",
        command=("/usr/bin/php", "-d", "log_errors=1", "-d", f"error_log={CRASH_FOLDER}/php-errors.log")
        + ("/app/service.php", "crash"),
    ),
    _dotnet_crash("dotnet31-crash", "dotnet31-bare"),
    _dotnet_crash("dotnet8-crash", "dotnet8-bare"),
)
EXPECTED = Expected(
    NAMESPACE, frozenset(workload.name for workload in RUNNING), frozenset(workload.name for workload in CRASHING)
)


def manifest(workload: Workload, image_key: str) -> dict[str, Any]:
    """Return the Deployment. Its pod is replaced if the image was built again."""
    labels = {"app": workload.name}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": workload.name, "namespace": NAMESPACE, "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            # A rolling update would keep the old pod of a crashing workload: the new one never becomes ready.
            "strategy": {"type": "Recreate"},
            "template": {
                "metadata": {"labels": labels, "annotations": {"image-key": image_key}},
                "spec": _pod(workload),
            },
        },
    }


def _pod(workload: Workload) -> dict[str, Any]:
    container = {
        "name": workload.name,
        "image": f"lab.local/{workload.image}:1",
        "imagePullPolicy": "IfNotPresent",
        "args": list(workload.arguments),
        "workingDir": CRASH_FOLDER,
        "resources": {"requests": {"cpu": "5m", "memory": "16Mi"}, "limits": {"memory": workload.memory}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": _mounts(workload),
        "env": [{"name": name, "value": value} for name, value in workload.environment],
        "stdin": workload.has_stdin,
    }
    if workload.command:
        container["command"] = list(workload.command)
    return {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "dnsPolicy": "Default",
        "terminationGracePeriodSeconds": 1,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 1000,
            "runAsGroup": 1000,
            "fsGroup": 1000,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [{"name": "tmp", "emptyDir": {}}, {"name": "crash", "emptyDir": {"sizeLimit": "256Mi"}}],
    }


def _mounts(workload: Workload) -> list[dict[str, str]]:
    tmp = [{"name": "tmp", "mountPath": "/tmp"}] if workload.has_tmp else []
    return [*tmp, {"name": "crash", "mountPath": CRASH_FOLDER}]


class RuntimesPart:
    """A part that only starts if it is named, because it has many pods and its images take long to build."""

    name = "runtimes"
    needs: tuple[str, ...] = (layout.PART,)

    def up(self, progress: Progress) -> None:
        """Build the images, apply the workloads, and wait until each is in its expected state."""
        with progress.stage(self.name, "tools that have to be compiled"):
            toolbox.compile_tools()
        recipes = (*runtime_images.recipes(), *(recipe for recipe in images.recipes() if recipe.name == "toolbox"))
        images.ensure_built(recipes, progress)
        images.ensure_imported(recipes, progress)
        kubectl = connect()
        with progress.stage(self.name, "workloads of every runtime"):
            kubectl("apply", f"--filename={_NAMESPACE_FILE}")
            workloads.grant(kubectl, NAMESPACE)
            keys = {recipe.name: recipe.key() for recipe in (*images.recipes(), *recipes)}
            everything = [manifest(workload, keys[workload.image]) for workload in (*RUNNING, *CRASHING)]
            kubectl(
                "apply", "--filename=-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": everything})
            )
            workloads.replace_full_pods(kubectl, NAMESPACE)
            wait_until("the pods of the newest images", lambda: _are_newest(kubectl), timeout_s=120)
            workloads.wait_for_all(kubectl, RunningContainers(), EXPECTED)

    def down(self) -> None:
        """Delete the workloads before the cluster stops, or its next start would start them again."""
        if _is_present():
            connect()("delete", "namespace", NAMESPACE, "--wait=false")
            wait_until(f"the end of namespace {NAMESPACE}", lambda: not _is_present(), timeout_s=90)

    def status(self) -> str:
        """``down`` if the cluster or the namespace is down."""
        if not _is_present():
            return "down"
        missing = workloads.unready(connect(), RunningContainers(), EXPECTED)
        return f"broken: {', '.join(missing)} not as they should be" if missing else "up"

    def logs(self) -> list[Path]:
        """Return no logs: the logs of the cluster contain everything."""
        return []

    def reset(self) -> None:
        """Do nothing: the images stay in the cache."""


def _are_newest(kubectl: Kubectl) -> bool:
    """Return whether all pods of older manifests have ended."""
    return all(
        deployment["status"].get("observedGeneration") == deployment["metadata"]["generation"]
        and deployment["status"].get("updatedReplicas") == deployment["status"].get("replicas") == 1
        for deployment in kubectl.json("get", "deployments", f"--namespace={NAMESPACE}")["items"]
    )


def _is_present() -> bool:
    try:
        return connect().succeeds("get", "namespace", NAMESPACE)
    except LabError:  # no cluster was ever started
        return False
