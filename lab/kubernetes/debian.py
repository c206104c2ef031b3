"""Debian packages as a source of files for images: unpacked into a folder, never installed on the machine."""

import platform
import re
from collections.abc import Iterable
from pathlib import Path

from lab.kubernetes.archive import Layer
from lab.kubernetes.layers import run
from lab.part import LabError
from lab.paths import cache_dir
from lab.prerequisites import apt_get

_LOADERS = {"x86_64": "/lib64/ld-linux-x86-64.so.2", "aarch64": "/lib/ld-linux-aarch64.so.1"}
# As on a machine without any package, so that everything that is depended on comes along.
_NOTHING_INSTALLED = ("-o", "Dir::State::status=/dev/null", "-o", "APT::Sandbox::User=root")
_INSTALL = ("install", "--yes", "-qq", "--no-install-recommends")


class DebianRoot:
    """Packages and their dependencies, unpacked below ``folder`` without running any of their code."""

    def __init__(self, packages: Iterable[str], folder: Path) -> None:
        self.folder = folder / "debian"
        for archive in _download(sorted(set(packages)), folder):
            run(["dpkg-deb", "--extract", archive, self.folder])

    def paths(self, pattern: str) -> list[str]:
        """The absolute paths, as they will be in the image, that match."""
        paths = sorted(self.folder.glob(pattern.lstrip("/")))
        if not paths:
            raise LabError(f"Debian's packages have no {pattern} any more")
        return [f"/{path.relative_to(self.folder)}" for path in paths]

    def source(self, path: str) -> Path:
        """Where the file of the image lies now."""
        return self.folder / path.lstrip("/")

    def libraries(self, programs: Iterable[Path]) -> list[str]:
        """What the dynamic linker would load for the programs, all of it from the packages."""
        loader = next(self.folder.glob("lib/*-linux-gnu/ld-linux-*.so.*"))
        library_path = ":".join(str(folder) for folder in (loader.parent, self.folder / "usr/lib" / loader.parent.name))
        needed = set()
        for program in filter(_is_dynamic, programs):
            listing = run([loader, "--library-path", library_path, "--list", program])
            missing = re.search(r"(\S+) => not found", listing)
            if missing:
                raise LabError(f"{program.name} needs {missing[1]}, which is in none of its packages")
            needed.update(re.findall(rf"=> {re.escape(str(self.folder))}(/\S+) \(", listing))
        return sorted(needed)

    def add(self, layer: Layer, programs: Iterable[Path]) -> None:
        """Add the libraries of these programs, and the linker that loads them."""
        for library in self.libraries(programs):
            layer.file(library, self.source(library))
        loader = _LOADERS[platform.machine()]
        layer.file(loader, next(self.folder.glob(f"lib/*-linux-gnu/{Path(loader).name}")))


def _download(packages: list[str], scratch: Path) -> list[Path]:
    """The archives of the packages and of what they need, from the cache if they are there."""
    cache, nothing = cache_dir() / "debian", scratch / "no-archives"
    for folder in (cache / "partial", nothing / "partial"):
        folder.mkdir(parents=True, exist_ok=True)
    named = apt_get(*_INSTALL, "--print-uris", *_NOTHING_INSTALLED, "-o", f"Dir::Cache::archives={nothing}", *packages)
    archives = [cache / line.split()[1] for line in named.splitlines() if line.startswith("'")]
    if not all(archive.exists() for archive in archives):
        apt_get(*_INSTALL, "--download-only", *_NOTHING_INSTALLED, "-o", f"Dir::Cache::archives={cache}", *packages)
    return archives


def _is_dynamic(program: Path) -> bool:
    """Return whether the program needs a dynamic linker; the linker refuses a static one."""
    if ".so" in program.name:
        return True
    with program.open("rb") as opened:
        return b"/ld-linux" in opened.read(4096)
