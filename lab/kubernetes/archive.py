"""Writes an image as the archive that ``docker save`` would make, so that no registry and no Docker is needed."""

import hashlib
import io
import json
import platform
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def architecture() -> str:
    """This machine's, as images call it."""
    machine = platform.machine()
    return _ARCHITECTURES.get(machine, machine)


class Layer:
    """One file system layer; everything belongs to root and is from 1970, so that equal content is an equal layer."""

    def __init__(self) -> None:
        self._buffer = io.BytesIO()
        self._tar = tarfile.TarFile(fileobj=self._buffer, mode="w")
        self._written: set[str] = set()

    def folder(self, path: str, mode: int = 0o755) -> None:
        """A folder and those above it."""
        name = path.strip("/")
        if not name or name in self._written:
            return
        self.folder(str(Path(name).parent) if "/" in name else "")
        self._written.add(name)
        entry = tarfile.TarInfo(name)
        entry.type, entry.mode = tarfile.DIRTYPE, mode
        self._tar.addfile(entry)

    def file(self, path: str, source: Path, mode: int | None = None) -> None:
        """A file of the machine, with its mode unless another is given, and without its owner."""
        self.data(path, source.read_bytes(), source.stat().st_mode & 0o777 if mode is None else mode)

    def data(self, path: str, content: bytes, mode: int = 0o644) -> None:
        """A file with this content; the first of two with one path wins."""
        name = path.strip("/")
        if name in self._written:
            return
        self.folder(str(Path(name).parent))
        self._written.add(name)
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = len(content), mode
        self._tar.addfile(entry, io.BytesIO(content))

    def link(self, path: str, target: str) -> None:
        """A symbolic link."""
        name = path.strip("/")
        self.folder(str(Path(name).parent))
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, target, 0o777
        self._tar.addfile(entry)

    def tree(self, path: str, source: Path) -> None:
        """A folder of the machine with all that is in it; links are followed."""
        for entry in sorted(source.rglob("*")):
            if entry.is_file():
                self.file(f"{path}/{entry.relative_to(source)}", entry)

    def content(self) -> bytes:
        """The finished layer."""
        self._tar.close()
        return self._buffer.getvalue()


@dataclass(frozen=True)
class Image:
    """What an image is called, holds and runs."""

    name: str
    layer: Layer
    entrypoint: Sequence[str]
    user: str = ""
    environment: Mapping[str, str] = field(default_factory=lambda: {"PATH": "/usr/bin:/bin"})


def write(image: Image, path: Path) -> None:
    """Write the archive atomically."""
    layer = image.layer.content()
    config = json.dumps(_config(image, layer)).encode()
    digest = hashlib.sha256(config).hexdigest()
    manifest = [{"Config": f"{digest}.json", "RepoTags": [image.name], "Layers": ["layer.tar"]}]
    archive = Layer()
    archive.data(f"{digest}.json", config)
    archive.data("layer.tar", layer)
    archive.data("manifest.json", json.dumps(manifest).encode())
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_bytes(archive.content())
    unfinished.rename(path)


def _config(image: Image, layer: bytes) -> dict[str, Any]:
    return {
        "architecture": architecture(),
        "os": "linux",
        "created": "1970-01-01T00:00:00Z",
        "config": {
            "Entrypoint": list(image.entrypoint),
            "User": image.user,
            "Env": [f"{name}={value}" for name, value in image.environment.items()],
            "WorkingDir": "/",
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
    }
