"""Ports, names and folders of the cluster that several daemons use."""

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
    """The kubeconfig of a daemon or of ``admin``."""
    return pki_dir() / f"{user}.kubeconfig"


def containerd_dir() -> Path:
    """The folder with root, state and socket of the lab's containerd."""
    return root() / "containerd"


def containerd_socket() -> Path:
    """The socket of containerd."""
    return containerd_dir() / "sock"


def kubelet_dir() -> Path:
    """The root folder of the kubelet, which contains the mounted volumes of pods."""
    return root() / "kubelet"


def static_pods_dir() -> Path:
    """The folder of static pods."""
    return root() / "static-pods"


def cni_dir() -> Path:
    """The network configuration and the addresses in use."""
    return root() / "cni"


def bin_dir() -> Path:
    """The folder with links to the current programs."""
    return root() / "bin"
