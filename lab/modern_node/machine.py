"""The virtual machine: its disk, and the emulator that runs it."""

import hashlib
import json
import subprocess
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from lab.kubernetes import config, layout
from lab.kubernetes.layers import run
from lab.modern_node import guest
from lab.modern_node.names import API_ADDRESS, GUEST_ADDRESS, KUBELET_PORT, PART
from lab.paths import cache_dir, part_dir
from lab.prerequisites import ensure_program
from lab.process import Process, wait_until

_MEMORY_MIB = 6144
_DISK_MIB = 8192


def disk(root: Path, programs: list[Path], images: list[Path]) -> Path:
    """Return the disk with these files. It is created again if one of them changes."""
    texts = dict(guest.files())
    key = hashlib.sha256(repr((root, sorted(programs), sorted(images), texts)).encode()).hexdigest()[:12]
    path = part_dir(PART) / f"disk-{key}.img"
    if not path.exists():
        for older in path.parent.glob("disk-*.img"):
            older.unlink()
        with TemporaryDirectory(dir=cache_dir()) as scratch:
            stage = Path(scratch) / "root"
            # The copy shares its files with the cache by hard links, so they are never written to.
            run(["cp", "--archive", "--link", root, stage])
            run(["cp", *programs, stage / guest.PROGRAMS])
            _write(stage, texts)
            _import(images, stage / "var/lib/containerd", Path(scratch))
            unfinished = path.with_suffix(".unfinished")
            unfinished.unlink(missing_ok=True)
            mke2fs = ensure_program("mke2fs", "e2fsprogs")
            run([mke2fs, "-q", "-t", "ext4", "-d", stage, unfinished, f"{_DISK_MIB}M"])
        unfinished.rename(path)
    return path


def _write(stage: Path, texts: dict[str, str]) -> None:
    for name, text in texts.items():
        target = stage / name.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        target.write_text(text)
    enabled = stage / "etc/systemd/system/multi-user.target.wants"
    enabled.mkdir(exist_ok=True)
    for unit in guest.enabled_units():
        (enabled / Path(unit).name).symlink_to(unit)


def _import(images: Iterable[Path], folder: Path, scratch: Path) -> None:
    """Unpack the images into the folder of the machine's containerd, which takes minutes on emulated processors."""
    settings, socket = scratch / "containerd.toml", scratch / "sock"
    settings.write_text(f'''\
version = 3
root = "{folder}"
state = "{scratch / "state"}"
disabled_plugins = {json.dumps([*config.DISABLED_PLUGINS, "io.containerd.grpc.v1.cri"])}

[grpc]
  address = "{socket}"
''')
    with (part_dir(PART) / "import.log").open("w") as log:
        containerd = subprocess.Popen([layout.bin_dir() / "containerd", "--config", settings], stdout=log, stderr=log)
        try:
            wait_until("containerd for the images", socket.is_socket, 30, Path(log.name))
            ctr = (layout.bin_dir() / "ctr", "--address", socket, "--namespace", layout.CONTAINERD_NAMESPACE)
            for image in images:
                run([*ctr, "images", "import", image])
        finally:
            containerd.terminate()
            containerd.wait()


def process(root: Path, emulator: Path, drive: Path) -> Process:
    """Return the emulator as a daemon. Changes on the disk are lost when the machine stops."""
    program = ["nice", "-n", "10", *_program(emulator, "qemu-system-x86_64")]
    return Process(PART, "qemu", [*program, *_machine(root, emulator, drive)])


def last_process() -> Process:
    """Return the daemon of the last start, to monitor or stop it."""
    return Process(PART, "qemu", [])


def _program(emulator: Path, name: str) -> list[str]:
    """Return the command of a program with the libraries that it was extracted with."""
    libraries = emulator / "usr/lib/x86_64-linux-gnu"
    loader = (libraries / "ld-linux-x86-64.so.2", "--library-path", libraries)
    return [str(word) for word in (*loader, emulator / "usr/bin" / name)]


def _machine(root: Path, emulator: Path, drive: Path) -> list[str]:
    (kernel,), (initrd,) = root.glob("boot/vmlinuz-*"), root.glob("boot/initrd.img-*")
    forward = " ".join([*_program(emulator, "socat"), "-", f"TCP:127.0.0.1:{layout.API_PORT}"])
    network = (
        "user,id=lan,restrict=on"
        f",hostfwd=tcp:127.0.0.1:{KUBELET_PORT}-{GUEST_ADDRESS}:{KUBELET_PORT}"
        f",guestfwd=tcp:{API_ADDRESS}:{layout.API_PORT}-cmd:{forward}"
    )
    return [
        *("-accel", "tcg", "-cpu", "max,cx16=off", "-smp", "2", "-m", str(_MEMORY_MIB)),
        *("-nodefaults", "-no-reboot", "-display", "none", "-serial", "stdio"),
        *("-L", f"{emulator}/usr/share/qemu", "-L", f"{emulator}/usr/share/seabios"),
        *("-kernel", str(kernel), "-initrd", str(initrd)),
        *("-append", "console=ttyS0 root=/dev/vda rw net.ifnames=0 panic=-1 systemd.show_status=false"),
        *("-drive", f"file={drive},if=virtio,format=raw,snapshot=on"),
        *("-netdev", network, "-device", "virtio-net-pci,netdev=lan,romfile=", "-device", "virtio-rng-pci"),
    ]
