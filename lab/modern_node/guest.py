"""The files of the lab in the virtual machine: programs, images, keys, and the configuration of the daemons."""

import json
from collections.abc import Iterator
from pathlib import Path

import yaml

from lab.kubernetes import config, layout, pki
from lab.modern_node.names import API_ADDRESS, API_NAME, GUEST_ADDRESS, KUBELET_PORT, NODE, TAINT

PROGRAMS = "usr/local/bin"
_KEYS = "/etc/kubernetes"
_CERTIFICATE = pki.Subject("modern-kubelet", f"system:node:{NODE}", "system:nodes", serves=True)
_SUBNET = "10.97.0.0/24"


def files() -> Iterator[tuple[str, str]]:
    """Yield the path and the content of each file that describes this node."""
    keys = layout.pki_dir()
    pki.Authority(keys).ensure(_CERTIFICATE)
    yield f"{_KEYS}/ca.crt", (keys / "ca.crt").read_text()
    yield f"{_KEYS}/kubelet.crt", (keys / f"{_CERTIFICATE.file}.crt").read_text()
    yield f"{_KEYS}/kubelet.key", (keys / f"{_CERTIFICATE.file}.key").read_text()
    server = f"https://{API_NAME}:{layout.API_PORT}"
    yield f"{_KEYS}/kubelet.kubeconfig", yaml.safe_dump(config.kubeconfig(_CERTIFICATE.file, server))
    yield f"{_KEYS}/kubelet.yaml", yaml.safe_dump(_kubelet())
    yield "/etc/containerd/config.toml", _CONTAINERD
    yield "/etc/cni/net.d/10-lab.conflist", json.dumps(config.network(Path("/var/lib/cni"), "pods0", _SUBNET))
    yield "/etc/hosts", f"127.0.0.1 localhost\n{API_ADDRESS} {API_NAME}\n"
    yield "/etc/hostname", "modern-node\n"
    yield "/etc/machine-id", f"{'0' * 31}1\n"
    yield "/etc/resolv.conf", ""
    yield "/etc/systemd/network/lab.network", _NETWORK
    for unit, text in _UNITS.items():
        yield f"/etc/systemd/system/{unit}", text


def enabled_units() -> tuple[str, ...]:
    """Return the units that start at boot."""
    return (*(f"/etc/systemd/system/{unit}" for unit in _UNITS), "/usr/lib/systemd/system/systemd-networkd.service")


def _kubelet() -> dict[str, object]:
    return {
        **config.kubelet_access(Path(_KEYS)),
        **config.ANY_MACHINE,
        "port": KUBELET_PORT,
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "registerWithTaints": [{"key": TAINT, "effect": "NoSchedule"}],
        "cgroupDriver": "systemd",
        "failCgroupV1": True,  # the purpose of this node is cgroup v2
        "runtimeRequestTimeout": "5m",  # emulated processors are slow
    }


_CONTAINERD = f"""\
version = 3

[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "{config.PAUSE_IMAGE}"

[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ["/usr/lib/cni"]

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
    SystemdCgroup = true

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.crun]
  runtime_type = "io.containerd.runc.v2"
  [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.crun.options]
    BinaryName = "/usr/bin/crun"
    SystemdCgroup = true
"""
_NETWORK = f"""\
[Match]
Name=eth0

[Network]
Address={GUEST_ADDRESS}/24
Gateway=10.0.2.2
"""
_UNITS = {
    "containerd.service": """\
[Service]
Type=notify
ExecStart=/usr/local/bin/containerd
Delegate=yes
KillMode=process
StandardOutput=journal+console
""",
    "kubelet.service": f"""\
[Unit]
Requires=containerd.service
After=containerd.service

[Service]
ExecStart=/usr/local/bin/kubelet --config={_KEYS}/kubelet.yaml --kubeconfig={_KEYS}/kubelet.kubeconfig \
--hostname-override={NODE} --node-ip={GUEST_ADDRESS}
Restart=always
StandardOutput=journal+console
""",
}
