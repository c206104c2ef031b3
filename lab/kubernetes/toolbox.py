"""The image of debug containers, from the list that its Dockerfile also reads: deploy/toolbox/tools.txt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.kubernetes.archive import Layer
from lab.kubernetes.debian import DebianRoot
from lab.kubernetes.layers import with_busybox
from lab.paths import REPO
from lab.prerequisites import built_cargo_program, cargo_program, go_binary, run_go, unpacked_wheel

_FOLDER = REPO / "deploy" / "toolbox"
_LIST = _FOLDER / "tools.txt"


@dataclass(frozen=True)
class Tool:
    """A line of the list of tools."""

    source: str
    package: str
    file: str


def sources() -> tuple[Path, ...]:
    """Return the files that the image depends on."""
    programs = (path for tool in tools() if tool.source == "go" for path in (_FOLDER / tool.package).iterdir())
    cargo = (built_cargo_program(tool.package) for tool in tools() if tool.source == "cargo")
    return (Path(__file__), _LIST, *filter(None, cargo), *sorted(programs))


def tools() -> list[Tool]:
    """Return the tools in the list."""
    lines = (line.split() for line in _LIST.read_text().splitlines() if not line.startswith("#"))
    return [Tool(*words) for words in lines]


def package(name: str) -> str:
    """Return a package of the list with its version: ``package("py-spy")`` is ``py-spy==0.4.3``."""
    return next(tool.package for tool in tools() if Path(tool.file).name == name)


def make(scratch: Path) -> Layer:
    """Make the layer: busybox, and all other tools in /usr/bin, which is first on PATH. The shell is dash."""
    debian = [tool for tool in tools() if tool.source == "debian"]
    root = DebianRoot((tool.package for tool in debian), scratch)
    layer = with_busybox(Layer(), root.source("/bin/busybox"))
    layer.link("/usr/bin/sh", "dash")
    layer.data("/etc/nsswitch.conf", b"hosts: files dns\n")
    programs = []
    for tool in debian:
        for path in root.paths(tool.file):
            if "/lib/" in path:
                layer.file(path, root.source(path))
            elif not path.endswith("/busybox"):
                programs.append(root.source(path))
    programs.extend(_built(scratch))
    for program in programs:
        layer.file(f"/usr/bin/{program.name}", program)
    root.add(layer, programs)
    return layer


def compile_tools() -> None:
    """Build the tools that take minutes. Without Rust, the image lacks the tool for Ruby's stacks."""
    for tool in tools():
        if tool.source == "cargo":
            cargo_program(tool.package)


def _built(scratch: Path) -> Iterator[Path]:
    """Return the tools that are not in Debian."""
    for tool in tools():
        if tool.source == "pip":
            yield unpacked_wheel(tool.package) / tool.file
        elif tool.source == "go":
            yield _go_program(tool, scratch)
        elif tool.source == "cargo":
            # The build takes minutes, so only the part `runtimes` does it. It then makes this image again.
            program = built_cargo_program(tool.package)
            if program:
                yield program


def _go_program(tool: Tool, scratch: Path) -> Path:
    program = scratch / tool.file
    build = ["build", "-trimpath", "-ldflags=-s -w", "-o", str(program), "."]
    run_go(go_binary(), build, _FOLDER / tool.package)
    return program
