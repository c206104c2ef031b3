"""How to reach the cluster of the lab."""

import base64
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lab.kubernetes import layout
from lab.part import LabError

TOOLBOX_IMAGE = "lab.local/toolbox:1"
CAPTURE_IMAGE = "lab.local/debug-capture:1"
EXTERNAL_VARIABLE = "DEBUG_CAPTURE_KUBECONFIG"


@dataclass(frozen=True)
class KubernetesEndpoint:
    """The data that a client of the cluster needs."""

    kubeconfig: Path
    server: str
    ca_file: Path
    capture_token_file: Path
    kubectl: Path
    toolbox_image: str = TOOLBOX_IMAGE
    capture_image: str = CAPTURE_IMAGE


def endpoint() -> KubernetesEndpoint:
    """Return the cluster of the last ``lab up``."""
    external = external_kubeconfig()
    cluster = _external(external) if external else _own()
    if not cluster.kubeconfig.exists() or not cluster.kubectl.exists():
        raise LabError("the lab's Kubernetes was never started; run: ./build.sh lab up kubernetes")
    return cluster


def external_kubeconfig() -> Path | None:
    """Return the kubeconfig of the external cluster that the environment names, or None."""
    path = os.environ.get(EXTERNAL_VARIABLE)
    return Path(path).expanduser() if path else None


def _own() -> KubernetesEndpoint:
    return KubernetesEndpoint(
        kubeconfig=layout.kubeconfig("admin"),
        server=layout.SERVER,
        ca_file=layout.pki_dir() / "ca.crt",
        capture_token_file=layout.root() / "capture.token",
        kubectl=layout.bin_dir() / "kubectl",
    )


def _external(kubeconfig: Path) -> KubernetesEndpoint:
    cluster = _current_cluster(kubeconfig)
    on_path = shutil.which("kubectl")
    return KubernetesEndpoint(
        kubeconfig=kubeconfig,
        server=cluster["server"],
        ca_file=_authority_file(kubeconfig, cluster),
        capture_token_file=layout.root() / "external-capture.token",
        kubectl=Path(on_path) if on_path else layout.bin_dir() / "kubectl",
    )


def _current_cluster(kubeconfig: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(kubeconfig.read_text())
        contexts = {entry["name"]: entry["context"] for entry in content["contexts"]}
        clusters = {entry["name"]: entry["cluster"] for entry in content["clusters"]}
        cluster: dict[str, Any] = clusters[contexts[content["current-context"]]["cluster"]]
    except (OSError, KeyError, TypeError, yaml.YAMLError) as error:
        raise LabError(f"{EXTERNAL_VARIABLE}={kubeconfig} has no usable current context: {error!r}") from error
    return cluster


def _authority_file(kubeconfig: Path, cluster: dict[str, Any]) -> Path:
    if "certificate-authority" in cluster:
        return kubeconfig.parent / str(cluster["certificate-authority"])
    if "certificate-authority-data" not in cluster:
        raise LabError(f"{EXTERNAL_VARIABLE}={kubeconfig} names no certificate authority")
    path = layout.root() / "external-ca.crt"
    path.write_bytes(base64.b64decode(cluster["certificate-authority-data"]))
    return path
