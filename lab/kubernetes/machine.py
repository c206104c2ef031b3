"""Remove what daemons and pods leave on the machine outside their own folders.

A cluster leaves mounts, containers, network devices, control groups and kernel settings. All of it is found by its path
or its name, never by the state of ``up``, so that cleaning after a crash works the same way.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from lab.kubernetes import layout
from lab.part import LabError
from lab.prerequisites import ensure_program
from lab.process import Identity, identify

_CGROUPS = Path("/sys/fs/cgroup")
_PODS_CGROUP = "kubepods"
_FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
# The kubelet and containerd create these, wherever their own folders are configured.
_DEVICE_PLUGINS = Path("/var/lib/kubelet/device-plugins")
_LOG_LINKS = Path("/var/log/containers")
_NETWORK_CACHE = Path("/var/lib/cni")
_SHIM_SOCKETS = Path("/run/containerd/s")
_FIXED_FOLDERS = (_DEVICE_PLUGINS.parent, _LOG_LINKS, _NETWORK_CACHE, _SHIM_SOCKETS.parent)


def remember() -> None:
    """Save the state of the machine before the cluster. Raises LabError if it has another kubelet."""
    note = layout.root() / "machine-before"
    if note.exists():
        return
    if next(_pods_cgroups(), None):
        raise LabError("another kubelet runs pods on this machine; use its cluster: set DEBUG_CAPTURE_KUBECONFIG")
    absent = [str(folder) for folder in _FIXED_FOLDERS if not folder.exists()]
    note.write_text("\n".join([_FORWARDING.read_text().strip(), *absent]))


def restore() -> None:
    """Restore that state, once the daemons are stopped."""
    note = layout.root() / "machine-before"
    if not note.exists():
        return
    _end_pods()
    _unmount_below(layout.root())
    _remove_network()
    _remove_pods_cgroups()
    forwarding, *folders = note.read_text().split("\n")
    _FORWARDING.write_text(forwarding)
    _remove_leftovers()
    for folder in folders:
        _remove_if_empty(Path(folder))
    _forget_run_state()
    note.unlink()


def _end_pods() -> None:
    """End the containers, then their shims, so that no shim restarts or reports anything."""
    shims = list(_shims())
    members = [member for pid in _pods_pids() if (member := identify(pid))]
    for process in members:
        process.signal(signal.SIGTERM)
    _wait_for_end(members, 2)
    for process in members + shims:
        process.signal(signal.SIGKILL)
    _wait_for_end(members + shims, 10)


def _wait_for_end(processes: list[Identity], timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while any(process.alive() for process in processes) and time.monotonic() < deadline:
        time.sleep(0.05)


def _shims() -> Iterator[Identity]:
    """Return the shims of the lab's containerd, which have its socket as an argument."""
    socket = str(layout.containerd_socket()).encode()
    for folder in Path("/proc").glob("[0-9]*"):
        words = _command_line(folder)
        if words and b"containerd-shim" in words[0] and socket in words:
            process = identify(int(folder.name))
            if process:
                yield process


def _command_line(process: Path) -> list[bytes]:
    try:
        return (process / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return []


def _pods_cgroups() -> Iterator[Path]:
    """The control groups of the lab in every hierarchy: one with cgroup v2, a dozen with v1."""
    yield from (folder for folder in (_CGROUPS / _PODS_CGROUP, *_CGROUPS.glob(f"*/{_PODS_CGROUP}")) if folder.is_dir())


def _pods_pids() -> set[int]:
    pids: set[int] = set()
    for cgroup in _pods_cgroups():
        for listing in cgroup.rglob("cgroup.procs"):
            pids.update(int(pid) for pid in _read(listing).split())
    return pids - {0}


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:  # a control group may end while it is read
        return ""


def _remove_pods_cgroups() -> None:
    for cgroup in _pods_cgroups():
        for folder, _, _ in os.walk(cgroup, topdown=False):
            _remove_cgroup(Path(folder))


def _remove_cgroup(folder: Path) -> None:
    for _ in range(40):
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError:  # busy until its last process has been reaped
            time.sleep(0.05)
        else:
            return


def _unmount_below(folder: Path) -> None:
    """Unmount the innermost first. Lazily, because a mount of a process that was just killed may still be busy."""
    for mount in sorted(_mounts_below(folder), key=len, reverse=True):
        subprocess.run(["umount", "--lazy", mount], capture_output=True)


def _mounts_below(folder: Path) -> list[str]:
    points = [line.split()[1] for line in Path("/proc/mounts").read_text().splitlines()]
    return [point for point in points if point.startswith(f"{folder}/")]


def _remove_network() -> None:
    """Remove the network devices and free the addresses; the pods' ends ended with their namespaces."""
    if Path("/sys/class/net", layout.BRIDGE).exists():
        ip = ensure_program("ip", "iproute2")
        for cable in Path("/sys/class/net", layout.BRIDGE, "brif").iterdir():
            subprocess.run([ip, "link", "delete", cable.name], capture_output=True)
        subprocess.run([ip, "link", "delete", layout.BRIDGE], capture_output=True)
    shutil.rmtree(layout.cni_dir() / "addresses", ignore_errors=True)


def _remove_leftovers() -> None:
    """Remove the remaining files in shared folders: sockets of shims, links to logs, and others by their names."""
    _remove_dead_sockets()
    for link in _LOG_LINKS.glob("*.log"):
        if link.is_symlink() and str(link.readlink()).startswith(f"{layout.root()}/"):
            link.unlink()
    for sandbox in [cached.name.split("-")[-2] for cached in _NETWORK_CACHE.glob(f"results/{layout.NETWORK}-*")]:
        for cached in _NETWORK_CACHE.glob(f"results/*-{sandbox}-*"):
            cached.unlink()
    for file in (_DEVICE_PLUGINS / "kubelet.sock", _DEVICE_PLUGINS / "kubelet_internal_checkpoint"):
        file.unlink(missing_ok=True)


def _remove_dead_sockets() -> None:
    """Remove the sockets of killed shims: no containerd can use a socket without a listener."""
    sockets = list(_SHIM_SOCKETS.glob("*"))
    bound = {line.split()[-1] for line in Path("/proc/net/unix").read_text().splitlines()}
    for socket in sockets:
        if str(socket) not in bound:
            socket.unlink(missing_ok=True)


def _remove_if_empty(folder: Path) -> None:
    """Remove a folder that did not exist before, unless something else uses it."""
    for place, _, _ in os.walk(folder, topdown=False):
        with suppress(OSError):
            Path(place).rmdir()


def _forget_run_state() -> None:
    """Remove what a reboot would remove too: containerd and the kubelet can start without it."""
    shutil.rmtree(layout.containerd_dir() / "state", ignore_errors=True)
