"""The six daemons of the cluster and their arguments."""

import os
from dataclasses import dataclass
from pathlib import Path

from lab import ports
from lab.kubernetes import config, layout
from lab.prerequisites import ensure_debian, ensure_program
from lab.process import Process

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class Daemon:
    """A daemon of the cluster, and the port on which it listens when it is ready."""

    process: Process
    port: int | None
    purpose: str

    def start(self) -> bool:
        """Start the daemon unless it runs. Return whether it was started."""
        if self.port and not self.process.running():
            ports.ensure_free(self.port, self.purpose)
        return self.process.ensure_running()


@dataclass(frozen=True)
class Daemons:
    """All daemons, in the order in which they start."""

    containerd: Daemon
    etcd: Daemon
    apiserver: Daemon
    controller_manager: Daemon
    scheduler: Daemon
    kubelet: Daemon

    def in_order(self) -> tuple[Daemon, ...]:
        """Return the daemons in the order in which they start. They stop in the reverse order."""
        return (
            self.containerd,
            self.etcd,
            self.apiserver,
            self.controller_manager,
            self.scheduler,
            self.kubelet,
        )


@dataclass(frozen=True)
class Programs:
    """The folders of the built programs: Kubernetes with etcd, and containerd with its shim."""

    kubernetes: Path
    containerd: Path


def ensure_runtime() -> None:
    """Install the programs that containerd runs and Debian provides: runc and the network plugins."""
    ensure_program("runc", "runc")
    if not (config.cni_plugins() / "bridge").exists():
        ensure_debian("containernetworking-plugins")


def daemons(programs: Programs) -> Daemons:
    """Return the daemons of these programs."""
    kubernetes = programs.kubernetes
    return Daemons(
        containerd=_containerd(programs.containerd),
        etcd=_daemon("etcd", layout.ETCD_PORT, [kubernetes / "etcd", *_etcd()]),
        apiserver=_daemon("kube-apiserver", layout.API_PORT, [kubernetes / "kube-apiserver", *_apiserver()]),
        controller_manager=_daemon(
            "kube-controller-manager",
            layout.CONTROLLER_PORT,
            [kubernetes / "kube-controller-manager", *_controller_manager()],
        ),
        scheduler=_daemon("kube-scheduler", layout.SCHEDULER_PORT, [kubernetes / "kube-scheduler", *_scheduler()]),
        kubelet=_daemon(
            "kubelet", layout.KUBELET_PORT, [kubernetes / "kubelet", *_kubelet()], configuration=config.kubelet_config()
        ),
    )


def _containerd(programs: Path) -> Daemon:
    """Return containerd. Its folder is first on PATH, because the machine may have another version of the shim."""
    argv: list[str | Path] = [programs / "containerd", "--config", config.containerd_config()]
    return _daemon("containerd", layout.STREAM_PORT, argv, path=f"{programs}:{_PATH}")


def _daemon(
    name: str, port: int, argv: list[str | Path], path: str = _PATH, configuration: Path | None = None
) -> Daemon:
    environment = {"PATH": path, "HOME": os.environ.get("HOME", "/root")}
    arguments = [str(word) for word in argv]
    return Daemon(Process(layout.PART, name, arguments, env=environment, configuration=configuration), port, name)


def _etcd() -> list[str]:
    pki = layout.pki_dir()
    client, peer = f"https://127.0.0.1:{layout.ETCD_PORT}", f"http://127.0.0.1:{layout.ETCD_PEER_PORT}"
    return [
        f"--data-dir={layout.root() / 'etcd'}",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        f"--cert-file={pki / 'etcd.crt'}",
        f"--key-file={pki / 'etcd.key'}",
        f"--trusted-ca-file={pki / 'ca.crt'}",
        "--client-cert-auth",
        "--unsafe-no-fsync",  # writes do not wait for the disk; after a power failure, run `reset`
        "--log-level=warn",
    ]


def _apiserver() -> list[str]:
    pki = layout.pki_dir()
    return [
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        "--endpoint-reconciler-type=none",  # a loopback address is not allowed in an Endpoints object
        f"--secure-port={layout.API_PORT}",
        f"--etcd-servers=https://127.0.0.1:{layout.ETCD_PORT}",
        f"--etcd-cafile={pki / 'ca.crt'}",
        f"--etcd-certfile={pki / 'apiserver.crt'}",
        f"--etcd-keyfile={pki / 'apiserver.key'}",
        f"--tls-cert-file={pki / 'apiserver.crt'}",
        f"--tls-private-key-file={pki / 'apiserver.key'}",
        f"--client-ca-file={pki / 'ca.crt'}",
        f"--kubelet-certificate-authority={pki / 'ca.crt'}",
        f"--kubelet-client-certificate={pki / 'apiserver-kubelet.crt'}",
        f"--kubelet-client-key={pki / 'apiserver-kubelet.key'}",
        "--kubelet-preferred-address-types=Hostname",
        f"--service-account-key-file={pki / 'sa.pub'}",
        f"--service-account-signing-key-file={pki / 'sa.key'}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-cluster-ip-range={layout.SERVICE_SUBNET}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--anonymous-auth=false",
        "--allow-privileged=true",
    ]


def _controller_manager() -> list[str]:
    pki = layout.pki_dir()
    return [
        f"--kubeconfig={layout.kubeconfig('controller-manager')}",
        f"--root-ca-file={pki / 'ca.crt'}",
        f"--service-account-private-key-file={pki / 'sa.key'}",
        "--use-service-account-credentials=true",
        "--bind-address=127.0.0.1",
        f"--secure-port={layout.CONTROLLER_PORT}",
        "--leader-elect=false",
        "--node-monitor-period=1s",
        f"--flex-volume-plugin-dir={layout.kubelet_dir() / 'volume-plugins'}",  # otherwise it creates the default one
    ]


def _scheduler() -> list[str]:
    return [
        f"--kubeconfig={layout.kubeconfig('scheduler')}",
        "--bind-address=127.0.0.1",
        f"--secure-port={layout.SCHEDULER_PORT}",
        "--leader-elect=false",
    ]


def _kubelet() -> list[str]:
    return [
        f"--config={config.kubelet_config()}",
        f"--kubeconfig={layout.kubeconfig('kubelet')}",
        f"--root-dir={layout.kubelet_dir()}",
        f"--cert-dir={layout.kubelet_dir() / 'pki'}",
        f"--hostname-override={layout.NODE}",
    ]
