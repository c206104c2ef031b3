"""The configuration files of the daemons, written at every start."""

import base64
import json
import os
from pathlib import Path
from typing import Any

import yaml

from lab.kubernetes import layout

PAUSE_IMAGE = "lab.local/pause:1"
_KUBECONFIG_USERS = ("admin", "controller-manager", "scheduler", "kubelet")
DISABLED_PLUGINS = [  # the machine may lack these file systems, and the last three use folders outside the lab
    *(f"io.containerd.snapshotter.v1.{kind}" for kind in ("blockfile", "btrfs", "devmapper", "erofs", "zfs")),
    "io.containerd.image-verifier.v1.bindir",
    "io.containerd.internal.v1.opt",
    "io.containerd.nri.v1.nri",
]
# Nobody reads them. By default, containerd reads the control groups of all containers each second, which takes a sixth
# of a processor.
_STATISTICS_PERIOD = "10m"
_CNI_PLUGINS = ("/usr/lib/cni", "/opt/cni/bin")


def write_all() -> None:
    """Write every file that a daemon reads when it starts."""
    layout.static_pods_dir().mkdir(parents=True, exist_ok=True)
    for user in _KUBECONFIG_USERS:
        _write(layout.kubeconfig(user), yaml.safe_dump(kubeconfig(user)), mode=0o600)
    _write(kubelet_config(), yaml.safe_dump(_kubelet()))
    _write(containerd_config(), _containerd())
    _write(
        layout.cni_dir() / "conf" / "10-lab.conflist",
        json.dumps(network(layout.cni_dir() / "addresses", layout.BRIDGE, layout.POD_SUBNET), indent=1),
    )


def kubelet_config() -> Path:
    """Return the path of the kubelet's configuration."""
    return layout.root() / "kubelet.yaml"


def containerd_config() -> Path:
    """Return the path of containerd's configuration."""
    return layout.root() / "containerd.toml"


def cni_plugins() -> Path:
    """Return the folder of the network plugins, preferably Debian's."""
    return next((Path(place) for place in _CNI_PLUGINS if Path(place, "bridge").exists()), Path(_CNI_PLUGINS[0]))


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=mode)
    path.write_text(text)


def kubeconfig(user: str, server: str = layout.SERVER) -> dict[str, Any]:
    """Return the kubeconfig of the owner of the certificate ``user``."""
    pki = layout.pki_dir()
    cluster = {"server": server, "certificate-authority-data": _base64(pki / "ca.crt")}
    credentials = {
        "client-certificate-data": _base64(pki / f"{user}.crt"),
        "client-key-data": _base64(pki / f"{user}.key"),
    }
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "lab", "cluster": cluster}],
        "users": [{"name": user, "user": credentials}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": user}}],
        "current-context": "lab",
    }


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def kubelet_access(pki: Path) -> dict[str, Any]:
    """Return the part of a kubelet's configuration that decides who can use it, with the keys in the folder ``pki``."""
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "tlsCertFile": str(pki / "kubelet.crt"),
        "tlsPrivateKeyFile": str(pki / "kubelet.key"),
        "authentication": {"anonymous": {"enabled": False}, "x509": {"clientCAFile": str(pki / "ca.crt")}},
        "authorization": {"mode": "Webhook"},
    }


def _kubelet() -> dict[str, Any]:
    return {
        **kubelet_access(layout.pki_dir()),
        "address": "127.0.0.1",
        "port": layout.KUBELET_PORT,
        "healthzPort": layout.KUBELET_HEALTH_PORT,
        "containerRuntimeEndpoint": f"unix://{layout.containerd_socket()}",
        "podLogsDir": str(layout.root() / "pod-logs"),
        "volumePluginDir": str(layout.kubelet_dir() / "volume-plugins"),
        "staticPodPath": str(layout.static_pods_dir()),
        "serializeImagePulls": False,
        "maxPods": 200,  # the number of addresses in the subnet
        "nodeStatusUpdateFrequency": "2s",
        **ANY_MACHINE,
    }


# cgroupfs works with and without systemd; iptables and kernel settings stay as they are; a disk that is nearly full
# does not evict pods.
ANY_MACHINE: dict[str, Any] = {
    "cgroupDriver": "cgroupfs",
    "failCgroupV1": False,
    "failSwapOn": False,
    "makeIPTablesUtilChains": False,
    "imageGCHighThresholdPercent": 100,
    "imageGCLowThresholdPercent": 99,
    "evictionHard": {
        "memory.available": "50Mi",
        "nodefs.available": "0%",
        "nodefs.inodesFree": "0%",
        "imagefs.available": "0%",
        "imagefs.inodesFree": "0%",
    },
}


def network(data: Path, bridge: str, subnet: str) -> dict[str, Any]:
    """Return the network of a node's pods. The plugin keeps the addresses in ``data``."""
    addresses = {
        "type": "host-local",
        "dataDir": str(data),
        "ranges": [[{"subnet": subnet}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    plugin = {"type": "bridge", "bridge": bridge, "isGateway": True, "ipMasq": False, "ipam": addresses}
    return {"cniVersion": "0.4.0", "name": layout.NETWORK, "plugins": [plugin]}


def _containerd() -> str:
    home = layout.containerd_dir()
    images, runtime = "plugins.'io.containerd.cri.v1.images'", "plugins.'io.containerd.cri.v1.runtime'"
    return f"""\
version = 3
root = "{home / "root"}"
state = "{home / "state"}"
imports = []
disabled_plugins = {json.dumps(DISABLED_PLUGINS)}

[grpc]
  address = "{layout.containerd_socket()}"

[{images}]
  snapshotter = "{snapshotter()}"
  [{images}.pinned_images]
    sandbox = "{PAUSE_IMAGE}"

[{runtime}]
  # Without CAP_SYS_RESOURCE, a sandbox cannot lower its OOM score, and does not start.
  restrict_oom_score_adj = true
  # Below the folder of the lab, so that `down` recognizes the network namespaces of the lab.
  netns_mounts_under_state_dir = true
  stats_collect_period = "{_STATISTICS_PERIOD}"
  cdi_spec_dirs = []
  [{runtime}.cni]
    bin_dirs = ["{cni_plugins()}"]
    conf_dir = "{layout.cni_dir() / "conf"}"
  [{runtime}.containerd]
    default_runtime_name = "runc"
    [{runtime}.containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [{runtime}.containerd.runtimes.runc.options]
        SystemdCgroup = false
        Root = "{home / "state" / "runc"}"

[plugins.'io.containerd.grpc.v1.cri']
  stream_server_address = "127.0.0.1"
  stream_server_port = "{layout.STREAM_PORT}"
"""


def snapshotter() -> str:
    """Return overlayfs, unless the disk is an overlay itself, as in a container: the kernel cannot stack overlays."""
    device = layout.root().stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields = line.split()
        if fields[2] == number and fields[fields.index("-") + 1] == "overlay":
            return "native"
    return "overlayfs"
