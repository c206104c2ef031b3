"""The pieces that images are made of: busybox, a Go program, a Java program, the system libraries of a program."""

import os
import re
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from lab.kubernetes.archive import Layer
from lab.part import LabError
from lab.prerequisites import ensure_program, go_binary, run_go

JAVA = "/opt/java"


def with_busybox(layer: Layer, busybox: Path) -> Layer:
    """A shell and some hundred small programs, all of them one file."""
    layer.file("/bin/busybox", busybox)
    add_libraries(layer, [busybox])  # no libraries, unless the busybox of the machine is not Debian's static one
    for applet in run([busybox, "--list"]).split():
        if applet != "busybox":
            layer.link(f"/bin/{applet}", "busybox")
    layer.folder("/tmp", 0o1777)
    layer.data("/etc/passwd", b"root:x:0:0:root:/:/bin/sh\n")
    layer.data("/etc/group", b"root:x:0:\n")
    return layer


def go_program(scratch: Path, source: Path, name: str) -> Layer:
    """A single static program in an otherwise empty image."""
    run_go(go_binary(), ["build", "-trimpath", "-ldflags=-s -w", "-o", str(scratch / name), str(source)], scratch)
    layer = Layer()
    layer.file(f"/{name}", scratch / name)
    return layer


def java_program(scratch: Path, source: Path, modules: str) -> Layer:
    """A Java runtime of just these modules, the compiled program, and the system libraries of the runtime."""
    runtime, classes = scratch / "runtime", scratch / "classes"
    javac = ensure_program("javac", "default-jdk-headless")
    run([javac, "-d", classes, "-g", source])
    lean = ("--strip-debug", "--no-man-pages", "--no-header-files")
    run([javac.with_name("jlink"), "--add-modules", modules, *lean, "--output", runtime])
    run([runtime / "bin" / "java", "-Xshare:dump"])
    layer = Layer()
    layer.tree(JAVA, runtime)
    layer.tree("/app", classes)
    add_libraries(layer, [*(runtime / "bin").iterdir(), *(runtime / "lib").rglob("*.so")])
    layer.folder("/tmp", 0o1777)
    return layer


def add_libraries(layer: Layer, programs: Iterable[Path]) -> None:
    """The shared libraries that the dynamic linker would load, where it looks for them."""
    named = run(["ldd", *map(str, programs)], allowed=(0, 1))
    for library in sorted(set(re.findall(r"(?:=> |\t)(/lib\S+|/usr/lib\S+) \(", named))):
        layer.file(library, Path(library))


def run(command: Sequence[str | Path], allowed: tuple[int, ...] = (0,)) -> str:
    """Run a program and return its output. Every exit code that is not allowed is an error."""
    process = subprocess.run([str(word) for word in command], capture_output=True, text=True, env=_plain_environment())
    if process.returncode not in allowed:
        raise LabError(f"{' '.join(map(str, command))}: {(process.stderr or process.stdout).strip()[-300:]}")
    return process.stdout


def _plain_environment() -> dict[str, str]:
    """The environment without options for the user's own Java."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("JAVA_TOOL", "JDK_JAVA"))}
