"""The image of the command debug-capture, as deploy/image/Dockerfile builds it: Python and the locked packages."""

import shutil
import subprocess
import sys
from pathlib import Path

from lab.kubernetes.archive import Layer
from lab.kubernetes.debian import DebianRoot
from lab.kubernetes.layers import run
from lab.paths import REPO

NAME = "debug-capture"
ENTRYPOINT = ("/usr/bin/python3", "-m", "debugcapture.cli.main")
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "PYTHONPATH": "/app", "PYTHONDONTWRITEBYTECODE": "1", "HOME": "/tmp"}
USER = "65532:65532"
_LOCK = REPO / "requirements.lock"
_PACKAGE = REPO / "contents" / "debugcapture"


def sources() -> tuple[Path, ...]:
    """The image is made again when one of these changes."""
    sources = (file for file in _PACKAGE.rglob("*") if file.is_file() and file.suffix != ".pyc")
    return (Path(__file__), _LOCK, *sorted(sources))


def make(scratch: Path) -> Layer:
    """Python from Debian's packages, which are unpacked and never installed."""
    root, layer = DebianRoot(["python3", "libstdc++6"], scratch), Layer()  # re2 is written in C++
    library = root.paths("/usr/lib/python3.*")[0]
    program = root.source(f"/usr/bin/{Path(library).name}")
    packages = scratch / "packages"
    version = Path(library).name.removeprefix("python")
    subprocess.run([sys.executable, "-m", "tools.vendored", version, packages], cwd=REPO, check=True)
    shutil.copytree(_PACKAGE, packages / _PACKAGE.name, ignore=shutil.ignore_patterns("__pycache__"))
    # Debian compiles its modules during the installation. Without bytecode, each start would take seconds longer.
    for folder in (root.source(library), packages):
        run([program, "-m", "compileall", "-qq", "--invalidation-mode", "unchecked-hash", folder], allowed=(0, 1))
    layer.file("/usr/bin/python3", program)
    layer.tree(library, root.source(library))
    layer.tree("/app", packages)
    root.add(layer, [program, *root.source(library).rglob("*.so"), *packages.rglob("*.so")])
    layer.folder("/tmp", 0o1777)
    layer.data("/etc/nsswitch.conf", b"hosts: files dns\n")
    return layer
