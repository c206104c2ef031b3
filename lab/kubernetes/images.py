"""The images of the sample workloads, of the toolbox and of the pod sandbox: how each is made from this machine."""

import hashlib
import os
import re
import subprocess
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from lab.kubernetes import archive, layout
from lab.kubernetes.archive import Image, Layer
from lab.part import LabError
from lab.paths import REPO, cache_dir
from lab.prerequisites import ensure_program, go_binary, run_go
from lab.progress import Progress

_LAB = REPO / "lab"
_RECIPES = (Path(__file__), Path(archive.__file__))
_JAVA = "/opt/java"
# Started in half the time: no optimising compiler, shared class data. Small, so that a heap dump is quick.
_SHELL_LESS_MODULES = "java.base,jdk.jfr,java.management,jdk.management"


@dataclass(frozen=True)
class Recipe:
    """An image and what it is made from: it is made again when one of these files changes."""

    name: str
    sources: tuple[Path, ...]
    make: Callable[[Path], Layer]
    entrypoint: tuple[str, ...]
    user: str = ""
    path: str = "/usr/bin:/bin"

    def reference(self) -> str:
        """The name by which pods ask for it."""
        return f"lab.local/{self.name}:1"

    def key(self) -> str:
        """Changes with the sources, the recipes and the programs that are copied in."""
        digest = hashlib.sha256()
        for source in (*_RECIPES, *self.sources):
            digest.update(source.read_bytes())
        return digest.hexdigest()[:16]

    def file(self) -> Path:
        """Where the finished archive lies."""
        return cache_dir() / "images" / f"{self.name}-{self.key()}.tar"

    def build(self) -> None:
        """Make the archive in a scratch folder; it replaces older ones."""
        with TemporaryDirectory(dir=cache_dir()) as scratch:
            layer = self.make(Path(scratch))
            image = Image(self.reference(), layer, self.entrypoint, self.user, {"PATH": self.path})
            archive.write(image, self.file())
        for older in self.file().parent.glob(f"{self.name}-*.tar"):
            if older != self.file():
                older.unlink()


def recipes() -> tuple[Recipe, ...]:
    """All images of the lab."""
    checkout, orders = _java_source("checkout"), _java_source("orders")
    gateway, pause = _LAB / "workloads/gateway/main.go", _LAB / "images/pause/main.go"
    busybox, jattach = ensure_program("busybox", "busybox-static"), ensure_program("jattach", "jattach")
    java_path = f"{_JAVA}/bin:/usr/bin:/bin"
    return (
        Recipe("pause", (pause,), lambda scratch: _go_program(scratch, pause, "pause"), ("/pause",)),
        Recipe("toolbox", (busybox, jattach), lambda _: _toolbox(busybox, jattach), ("/bin/sh",)),
        Recipe("gateway", (gateway,), lambda scratch: _go_program(scratch, gateway, "gateway"), ("/gateway",), "1000"),
        Recipe(
            "checkout",
            (checkout,),
            lambda scratch: _java_program(scratch, checkout, _SHELL_LESS_MODULES),
            _java_command("Checkout"),
            "1000",
            java_path,
        ),
        Recipe(
            "orders",
            (orders, busybox),
            lambda scratch: _with_busybox(_java_program(scratch, orders, "ALL-MODULE-PATH"), busybox),
            _java_command("Orders"),
            "1000",
            java_path,
        ),
    )


def ensure_built(progress: Progress) -> tuple[Recipe, ...]:
    """Make the images that are missing, two at a time."""
    wanted = recipes()
    missing = [recipe for recipe in wanted if not recipe.file().exists()]
    if missing:
        stage = progress.stage(layout.PART, f"making images: {', '.join(recipe.name for recipe in missing)}")
        with stage, ThreadPoolExecutor(2) as pool:
            list(pool.map(Recipe.build, missing))
    return wanted


def ensure_imported(wanted: Iterable[Recipe], progress: Progress) -> None:
    """Hand the images to containerd, unless it has them."""
    record = layout.containerd_dir() / "imported"
    record.mkdir(parents=True, exist_ok=True)
    for recipe in wanted:
        imported = record / recipe.name
        if not imported.exists() or imported.read_text() != recipe.key():
            with progress.stage(layout.PART, f"importing {recipe.reference()}"):
                ctr("images", "import", str(recipe.file()))
            imported.write_text(recipe.key())


def ctr(*arguments: str) -> str:
    """The client that comes with containerd, in the namespace of the kubelet."""
    program = ensure_program("ctr", "containerd")
    place = ["--address", str(layout.containerd_socket()), "--namespace", layout.CONTAINERD_NAMESPACE]
    return _run([str(program), *place, *arguments])


def _toolbox(busybox: Path, jattach: Path) -> Layer:
    layer = _with_busybox(Layer(), busybox)
    layer.file("/usr/bin/jattach", jattach)
    _add_libraries(layer, [jattach])
    return layer


def _with_busybox(layer: Layer, busybox: Path) -> Layer:
    """A shell and some hundred small programs, all of them one file."""
    layer.file("/bin/busybox", busybox)
    _add_libraries(layer, [busybox])  # none, unless the machine had a busybox that is not Debian's static one
    for applet in _run([busybox, "--list"]).split():
        if applet != "busybox":
            layer.link(f"/bin/{applet}", "busybox")
    layer.folder("/tmp", 0o1777)
    layer.data("/etc/passwd", b"root:x:0:0:root:/:/bin/sh\n")
    layer.data("/etc/group", b"root:x:0:\n")
    return layer


def _go_program(scratch: Path, source: Path, name: str) -> Layer:
    """A single static program in an otherwise empty image."""
    run_go(go_binary(), ["build", "-trimpath", "-ldflags=-s -w", "-o", str(scratch / name), str(source)], scratch)
    layer = Layer()
    layer.file(f"/{name}", scratch / name)
    return layer


def _java_source(name: str) -> Path:
    return _LAB / "workloads" / name / f"{name.capitalize()}.java"


def _java_command(main: str) -> tuple[str, ...]:
    return (f"{_JAVA}/bin/java", "-XX:TieredStopAtLevel=1", "-Xms24m", "-Xmx96m", "-cp", "/app", main)


def _java_program(scratch: Path, source: Path, modules: str) -> Layer:
    """A Java runtime of just these modules, the compiled program, and the system libraries of the runtime."""
    runtime, classes = scratch / "runtime", scratch / "classes"
    javac = ensure_program("javac", "default-jdk-headless")
    _run([javac, "-d", classes, "-g", source])
    lean = ("--strip-debug", "--no-man-pages", "--no-header-files")
    _run([javac.with_name("jlink"), "--add-modules", modules, *lean, "--output", runtime])
    _run([runtime / "bin" / "java", "-Xshare:dump"])
    layer = Layer()
    layer.tree(_JAVA, runtime)
    layer.tree("/app", classes)
    _add_libraries(layer, [*(runtime / "bin").iterdir(), *(runtime / "lib").rglob("*.so")])
    layer.folder("/tmp", 0o1777)
    return layer


def _add_libraries(layer: Layer, programs: Iterable[Path]) -> None:
    """The shared libraries that the dynamic linker would load, where it looks for them."""
    named = _run(["ldd", *map(str, programs)], allowed=(0, 1))
    for library in sorted(set(re.findall(r"(?:=> |\t)(/lib\S+|/usr/lib\S+) \(", named))):
        layer.file(library, Path(library))


def _run(command: Sequence[str | Path], allowed: tuple[int, ...] = (0,)) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, env=_plain_environment())
    if done.returncode not in allowed:
        raise LabError(f"{' '.join(map(str, command))}: {(done.stderr or done.stdout).strip()[-300:]}")
    return done.stdout


def _plain_environment() -> dict[str, str]:
    """Without options that would be meant for the user's own Java."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("JAVA_TOOL", "JDK_JAVA"))}
