"""Debian's packages for the virtual machine, and for the emulator, which is extracted but not installed."""

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path

from lab.kubernetes.layers import run
from lab.modern_node.names import PART
from lab.paths import cache_dir
from lab.prerequisites import ensure_program
from lab.progress import Progress

_SUITE = "trixie"
_GUEST = (
    "containernetworking-plugins",
    "crun",
    "dbus",
    "initramfs-tools",
    "iproute2",
    "linux-image-cloud-amd64",
    "runc",
    "systemd-sysv",
    "zstd",
)
# The emulator of Debian 12 (QEMU 7.2) is too old: the kernel panics in it.
_EMULATOR = ("qemu-system-x86", "socat")


def guest_root(progress: Progress) -> Path:
    """Return the folder with the root file system of the virtual machine."""
    return _root("guest", ("--mode=root", "--variant=minbase"), _GUEST, progress)


def emulator_root(progress: Progress) -> Path:
    """Return the folder with the emulator. Its packages are extracted only."""
    return _root("emulator", ("--mode=root", "--variant=extract"), _EMULATOR, progress)


def _root(name: str, options: Sequence[str], packages: Sequence[str], progress: Progress) -> Path:
    key = hashlib.sha256(repr((_SUITE, options, packages)).encode()).hexdigest()[:12]
    folder = cache_dir() / PART / f"{name}-{key}"
    if not folder.exists():
        mmdebstrap = ensure_program("mmdebstrap", "mmdebstrap")
        unfinished = folder.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        folder.parent.mkdir(exist_ok=True)
        with progress.stage(PART, f"Debian {_SUITE} with {', '.join(packages)}"):
            run(["nice", "-n", "10", mmdebstrap, *options, f"--include={','.join(packages)}", _SUITE, unfinished])
        unfinished.rename(folder)
    return folder
