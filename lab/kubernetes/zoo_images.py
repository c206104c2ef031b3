"""The images of the zoo: those that have little besides the application, and no runtime."""

from __future__ import annotations

from pathlib import Path

from lab.kubernetes import runtime_images
from lab.kubernetes.archive import Layer
from lab.kubernetes.debian import DebianRoot
from lab.kubernetes.images import Recipe
from lab.kubernetes.layers import go_program
from lab.paths import REPO

_PAUSE = REPO / "lab" / "images" / "pause" / "main.go"
_COREUTILS = ("cat", "chmod", "cp", "date", "df", "dirname", "du", "env", "head", "id", "ls", "mkdir", "mkfifo", "mv")
_MORE_COREUTILS = ("readlink", "rm", "sha256sum", "sleep", "sort", "stat", "tail", "touch", "uname", "wc")
# The zoo runs these as well: an image without a second recipe.
_OF_RUNTIMES = ("native-busybox", "java17-busybox", "python-bare")


def recipes() -> tuple[Recipe, ...]:
    """All images that are not among those of the sample workloads."""
    here = (Path(__file__),)
    return (
        Recipe("zoo-debian", here, _debian, ("/bin/sh",)),
        Recipe("zoo-minimal", here, _minimal, ("/bin/sh",)),
        Recipe("zoo-nonroot", (*here, _PAUSE), _nonroot, ("/pause",), user="nonroot"),
        *(recipe for recipe in runtime_images.recipes() if recipe.name in _OF_RUNTIMES),
    )


def _debian(scratch: Path) -> Layer:
    """Return a slim Debian image. The package procps, and so ps, is not part of it."""
    return _userland(scratch, {"dash": "/bin/dash", "findutils": "/usr/bin/find"}, default_shell="dash")


def _minimal(scratch: Path) -> Layer:
    """Return an image like ubi-minimal, which lacks find and ps."""
    return _userland(scratch, {"bash": "/bin/bash"}, default_shell="bash")


def _userland(scratch: Path, programs: dict[str, str], default_shell: str) -> Layer:
    """Return coreutils and these programs, by package, with ``default_shell`` as /bin/sh."""
    root, layer = DebianRoot(["coreutils", *programs], scratch), Layer()
    layer.folder("/tmp", 0o1777)
    names = [_path_of(root, name) for name in (*_COREUTILS, *_MORE_COREUTILS)]
    paths = [*names, *programs.values()]
    for path in paths:
        layer.file(path, root.source(path))
    layer.link("/bin/sh", default_shell)
    root.add(layer, [root.source(path) for path in paths])
    return layer


def _path_of(root: DebianRoot, name: str) -> str:
    """Return the path of a program of coreutils: in /usr/bin or /bin, depending on the release of Debian."""
    return next(path for folder in ("/usr/bin", "/bin") if root.source(path := f"{folder}/{name}").exists())


def _nonroot(scratch: Path) -> Layer:
    """Return a distroless image, which names its user instead of giving a number."""
    layer = go_program(scratch, _PAUSE, "pause")
    layer.data(
        "/etc/passwd", b"root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home:/sbin/nologin\n"
    )
    layer.data("/etc/group", b"root:x:0:\nnonroot:x:65532:\n")
    return layer
