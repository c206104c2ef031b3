"""The packages of the bundled zip, in a folder, for a Rundeck server that only has Python.

`python -m tools.vendored PYTHON FOLDER` makes a folder of them for that Python only, without bytecode.

Extension modules of several Pythons have different file names. Bytecode is for one Python.
A plain folder, because packages inside a zip cannot have extension modules (zipimport).
"""

import fcntl
import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements.lock"
BUILD = ROOT / "build"

# Only the asynchronous client needs these, and it is removed too.
_NOT_IMPORTED = {
    "aiohappyeyeballs",
    "aiohttp",
    "aiohttp-retry",
    "aiosignal",
    "async-timeout",
    "attrs",
    "frozenlist",
    "multidict",
    "propcache",
    "yarl",
}
_WITH_EXTENSIONS = {
    *("bcrypt", "cffi", "charset-normalizer", "cryptography", "google-re2", "markupsafe"),
    *("pydantic-core", "pynacl", "pyyaml"),
}
_DROPPED = (
    "bin",
    "azure/*/aio",
    "azure/storage/blob/aio",
    "kubernetes/aio",
    "kubernetes/client/api/[!_]*",  # 90 MB of classes that are imported on first use; the plugin uses JSON
    "kubernetes/client/models/[!_]*",
    "kubernetes/**/*_test.py",
    "**/tests",
    "**/__pycache__",
    # records of pip about this installation
    "*.dist-info/RECORD",
    "*.dist-info/REQUESTED",
    "*.dist-info/INSTALLER",
)
# Of 400 services, the one that we use and those through which the SDK finds credentials.
_SERVICES = {"s3", "signin", "sso", "sso-oidc", "sts"}
_GLIBC = ("manylinux_2_28", "manylinux_2_17", "manylinux2014")
_PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")


@dataclass(frozen=True)
class Target:
    """The processor that extension modules are for, and the Python that bytecode is for."""

    python: str = "3.11"
    arch: str = "x86_64"

    def key(self) -> str:
        """Return a key of everything that affects the content of the folder."""
        recipe = Path(__file__).read_bytes() + LOCK.read_bytes() + repr(self).encode()
        return f"{self.python}-{self.arch}-{hashlib.sha256(recipe).hexdigest()[:12]}"


def vendored(target: Target) -> Path:
    """Return the folder with the packages for ``target``, made unless it is there."""
    folder = BUILD / f"lib-{target.key()}"
    BUILD.mkdir(exist_ok=True)
    with (BUILD / "lib.lock").open("w") as lock:
        # If two builds run at once, the second one waits for the folder of the first.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            _make(folder, target)
    return folder


def _make(folder: Path, target: Target) -> None:
    with tempfile.TemporaryDirectory(dir=BUILD) as scratch:
        library = Path(scratch, "lib")
        installed(target, library)
        # The oldest is last: a module of the stable ABI (.abi3.so) has one name, and runs on later Pythons only.
        for python in reversed(_PYTHONS):
            _add_extensions(library, replace(target, python=python))
        _compile(library, target)
        library.rename(folder)


def installed(target: Target, folder: Path) -> Path:
    """Return ``folder`` with the packages for ``target``, and for no other Python."""
    _install(folder, target)
    _trim(folder)
    return folder


def _install(folder: Path, target: Target, only: Collection[str] = ()) -> None:
    folder.mkdir(parents=True)
    requirements = folder / "wanted.txt"
    requirements.write_text("".join(_requirements(target, only)), encoding="utf-8")
    platforms = [word for glibc in _GLIBC for word in ("--platform", f"{glibc}_{target.arch}")]
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    command += ["--no-deps", "--require-hashes", "--only-binary=:all:", "--implementation", "cp"]
    command += ["--python-version", target.python, *platforms, "--target", str(folder), "-r", str(requirements)]
    subprocess.run(command, check=True)
    requirements.unlink()


def _requirements(target: Target, only: Collection[str]) -> Iterator[str]:
    """Yield the entries of the lock that ``target`` needs: pip itself would judge markers by the Python it runs on."""
    version = {"python_version": target.python, "python_full_version": f"{target.python}.0"}
    platform = {"platform_machine": target.arch, "sys_platform": "linux"}
    for entry in re.findall(r"^\S.*?\n(?:    .*\n)*", LOCK.read_text(encoding="utf-8"), re.MULTILINE):
        if entry.startswith("#"):
            continue
        requirement = Requirement(entry.partition("\\")[0])
        is_needed = requirement.marker is None or requirement.marker.evaluate(version | platform)
        if is_needed and requirement.name not in _NOT_IMPORTED and (not only or requirement.name in only):
            yield entry


def _add_extensions(folder: Path, target: Target) -> None:
    """Add the extension modules of one more Python."""
    with tempfile.TemporaryDirectory() as scratch:
        other = Path(scratch, "lib")
        _install(other, target, _WITH_EXTENSIONS)
        for module in other.rglob("*.so"):
            shutil.copyfile(module, folder / module.relative_to(other))


def _trim(folder: Path) -> None:
    for pattern in _DROPPED:
        for path in list(folder.glob(pattern)):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path in (folder / "botocore" / "data").iterdir():
        if path.is_dir() and path.name not in _SERVICES:
            shutil.rmtree(path)


def _compile(folder: Path, target: Target) -> None:
    """Add bytecode: a plugin cache has none, and importing the packages without costs twice the time and memory.

    Unchecked, because Rundeck does not keep the times of the files that it unpacks (PEP 552).
    """
    python = shutil.which(f"python{target.python}")
    if python is None:
        print(
            f"python{target.python} is not installed: the bundled zip contains no bytecode, and its steps "
            "start more slowly"
        )
        return
    command = [python, "-I", "-m", "compileall", "-qq", "--invalidation-mode", "unchecked-hash"]
    subprocess.run([*command, "-s", str(folder), "-p", "lib", str(folder)], check=True)


if __name__ == "__main__":
    installed(Target(sys.argv[1]), Path(sys.argv[2]))
