"""Ports, names and folders of the cluster, in one place because its daemons have to agree on them."""

from pathlib import Path

from lab.part import LabError
from lab.paths import part_dir

PART = "kubernetes"
VERSION = "v1.34.4"
NODE = "localhost"
BRIDGE = "kdc0"
NETWORK = "kdc-lab"
POD_SUBNET = "10.98.0.0/24"
SERVICE_SUBNET = "10.96.0.0/16"
SERVICE_ADDRESS = "10.96.0.1"

API_PORT = 16443
ETCD_PORT = 16379
ETCD_PEER_PORT = 16380
KUBELET_PORT = 16250
KUBELET_HEALTH_PORT = 16248
STREAM_PORT = 16251
CONTROLLER_PORT = 16257
SCHEDULER_PORT = 16259

SERVER = f"https://127.0.0.1:{API_PORT}"
CONTAINERD_NAMESPACE = "k8s.io"

_LONGEST_SOCKET_PATH = 107
_LONGEST_SOCKET_NAME = len("/kubelet/pod-resources/kubelet.sock.0123456789")


def root() -> Path:
    """The folder of the running cluster."""
    folder = part_dir(PART)
    if len(str(folder)) + _LONGEST_SOCKET_NAME > _LONGEST_SOCKET_PATH:
        raise LabError(f"{folder} is too long for unix sockets: set XDG_CACHE_HOME to a shorter path")
    return folder


def pki_dir() -> Path:
    """Keys, certificates and kubeconfigs."""
    return root() / "pki"


def kubeconfig(user: str) -> Path:
    """The kubeconfig of a daemon, or of ``admin``."""
    return pki_dir() / f"{user}.kubeconfig"


def containerd_dir() -> Path:
    """Root, state and socket of the lab's own containerd."""
    return root() / "containerd"


def containerd_socket() -> Path:
    """Where containerd listens."""
    return containerd_dir() / "sock"


def kubelet_dir() -> Path:
    """The kubelet's root folder: pod volumes are mounted below it."""
    return root() / "kubelet"


def static_pods_dir() -> Path:
    """Where the kubelet looks for static pods."""
    return root() / "static-pods"


def cni_dir() -> Path:
    """The network configuration and the addresses in use."""
    return root() / "cni"


def bin_dir() -> Path:
    """Links to the programs that run now."""
    return root() / "bin"
