"""The images of the sample workloads, of the toolbox and of the pod sandbox: how each is made from this machine."""

import hashlib
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from lab.kubernetes import archive, capture_image, layout, toolbox
from lab.kubernetes.archive import Image, Layer
from lab.kubernetes.layers import JAVA, go_program, java_program, run, with_busybox
from lab.paths import REPO, cache_dir
from lab.prerequisites import ensure_program
from lab.progress import Progress

_LAB = REPO / "lab"
_RECIPES = tuple(Path(__file__).with_name(name) for name in ("images.py", "archive.py", "debian.py", "layers.py"))
# Started in half the time: no optimising compiler, shared class data. Small, so that a heap dump is quick.
SHELL_LESS_MODULES = "java.base,jdk.jfr,java.management,jdk.management"


@dataclass(frozen=True)
class Recipe:
    """An image and what it is made from: it is made again when one of these files changes."""

    name: str
    sources: tuple[Path, ...]
    make: Callable[[Path], Layer]
    entrypoint: tuple[str, ...]
    user: str = ""
    path: str = "/usr/bin:/bin"
    environment: Mapping[str, str] = field(default_factory=dict)  # besides PATH

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
            image = Image(self.reference(), layer, self.entrypoint, self.user, {"PATH": self.path, **self.environment})
            archive.write(image, self.file())
        for older in self.file().parent.glob(f"{self.name}-*.tar"):
            if older != self.file():
                older.unlink()


def recipes() -> tuple[Recipe, ...]:
    """The images that every cluster of the lab has."""
    checkout, orders = _java_source("checkout"), _java_source("orders")
    gateway, pause = _LAB / "workloads/gateway/main.go", _LAB / "images/pause/main.go"
    busybox = ensure_program("busybox", "busybox-static")
    java_path = f"{JAVA}/bin:/usr/bin:/bin"
    return (
        Recipe("pause", (pause,), lambda scratch: go_program(scratch, pause, "pause"), ("/pause",)),
        Recipe("toolbox", toolbox.sources(), toolbox.make, ("/bin/sh",)),
        Recipe(
            capture_image.NAME,
            capture_image.sources(),
            capture_image.make,
            capture_image.ENTRYPOINT,
            capture_image.USER,
            environment=capture_image.ENVIRONMENT,
        ),
        Recipe("gateway", (gateway,), lambda scratch: go_program(scratch, gateway, "gateway"), ("/gateway",), "1000"),
        Recipe(
            "checkout",
            (checkout,),
            lambda scratch: java_program(scratch, checkout, SHELL_LESS_MODULES),
            _java_command("Checkout"),
            "1000",
            java_path,
        ),
        Recipe(
            "orders",
            (orders, busybox),
            lambda scratch: with_busybox(java_program(scratch, orders, "ALL-MODULE-PATH"), busybox),
            _java_command("Orders"),
            "1000",
            java_path,
        ),
    )


def ensure_built(recipes: Iterable[Recipe], progress: Progress) -> None:
    """Make the images that are missing, two at a time."""
    missing = [recipe for recipe in recipes if not recipe.file().exists()]
    if missing:
        stage = progress.stage(layout.PART, f"making images: {', '.join(recipe.name for recipe in missing)}")
        with stage, ThreadPoolExecutor(2) as pool:
            list(pool.map(Recipe.build, missing))


def ensure_imported(recipes: Iterable[Recipe], progress: Progress) -> None:
    """Hand the images to containerd, unless it has them."""
    record = layout.containerd_dir() / "imported"
    record.mkdir(parents=True, exist_ok=True)
    for recipe in recipes:
        imported = record / recipe.name
        if not imported.exists() or imported.read_text() != recipe.key():
            with progress.stage(layout.PART, f"importing {recipe.reference()}"):
                ctr("images", "import", str(recipe.file()))
            imported.write_text(recipe.key())


def ctr(*arguments: str) -> str:
    """The client that comes with containerd, in the namespace of the kubelet."""
    place = ["--address", str(layout.containerd_socket()), "--namespace", layout.CONTAINERD_NAMESPACE]
    return run([str(layout.bin_dir() / "ctr"), *place, *arguments])


def _java_source(name: str) -> Path:
    return _LAB / "workloads" / name / f"{name.capitalize()}.java"


def _java_command(main: str) -> tuple[str, ...]:
    return (f"{JAVA}/bin/java", "-XX:TieredStopAtLevel=1", "-Xms24m", "-Xmx96m", "-cp", "/app", main)
