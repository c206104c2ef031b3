"""Make what is handed out, in dist/: two plugin zips and a project archive for Rundeck, and a wheel.

`python -m tools.package`, by build.sh.

The slim zip needs the packages of its requirements.lock on the server, the bundled one has them in contents/lib.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

from tools.archive import write_zip
from tools.dropdowns import is_source
from tools.project_archive import is_project_name, write_project_archive
from tools.vendored import BUILD, ROOT, Target, vendored

NAME = "kubernetes-debug-capture"
DIST = ROOT / "dist"
PROJECT = "debug-capture"


def main(arguments: list[str]) -> int:
    """Make all packages and print where they are."""
    parser = argparse.ArgumentParser(prog="./build.sh package", description=__doc__)
    parser.add_argument("--python", default=Target.python, help="the bundled zip has its bytecode (%(default)s)")
    parser.add_argument("--arch", default=Target.arch, help="the bundled zip's processor, or aarch64 (%(default)s)")
    parser.add_argument("--project", default=PROJECT, help="Rundeck project of the archive (%(default)s)")
    parser.add_argument(
        "--dropdowns",
        default="",
        metavar="SOURCE",
        help="where the archive's jobs get names to offer from: plugin, or an options server's URL (docs/dropdowns.md)",
    )
    chosen = parser.parse_args(arguments)
    if chosen.dropdowns and not is_source(chosen.dropdowns):
        parser.error(f"{chosen.dropdowns!r} is neither plugin nor the http:// or https:// URL of an options server")
    if not is_project_name(chosen.project):
        parser.error(f"{chosen.project!r} is no name of a Rundeck project: letters, digits and . _ + - only")
    target = Target(chosen.python, chosen.arch)
    for made in (slim(), bundled(target), project_archive(chosen.project, chosen.dropdowns), wheel()):
        print(f"{made.relative_to(ROOT)}  {made.stat().st_size / 1e6:.2f} MB")
    return 0


def slim() -> Path:
    """Return the zip without packages."""
    return _plugin_zip(f"{NAME}-{version()}", {})


def bundled(target: Target) -> Path:
    """Return the zip that carries its packages for ``target``."""
    lib = vendored(target)
    packages = {f"contents/lib/{file.relative_to(lib)}": file for file in lib.rglob("*") if file.is_file()}
    packages["plugin.yaml"] = _isolated_plugin()
    kind = "bundled" if target.arch == Target.arch else f"bundled-{target.arch}"
    return _plugin_zip(f"{NAME}-{kind}-{version()}", packages)


def project_archive(project: str = PROJECT, dropdowns: str = "") -> Path:
    """Return the archive that ``project`` of a Rundeck imports."""
    goal = DIST / f"{NAME}-{version()}.rdproject.jar"
    write_project_archive(goal, project, dropdowns)
    return goal


def wheel() -> Path:
    """Return the wheel of the package `debugcapture`."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(DIST)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return DIST / f"{NAME.replace('-', '_')}-{version()}-py3-none-any.whl"


def version() -> str:
    """Return the plugin's version."""
    plugin = yaml.safe_load((ROOT / "plugin.yaml").read_text(encoding="utf-8"))
    return str(plugin["version"])


def _plugin_zip(stem: str, more: dict[str, Path]) -> Path:
    """Write a zip whose only folder is its own name: Rundeck looks for STEM/plugin.yaml in STEM.zip."""
    goal = DIST / f"{stem}.zip"
    files = {str(file.relative_to(ROOT)): file for file in _sources()} | more
    write_zip(goal, {f"{stem}/{name}": file for name, file in files.items()})
    return goal


def _isolated_plugin() -> Path:
    """Return a plugin.yaml whose steps see no package of the server, only those of the zip (python3 -IS)."""
    plugin = (ROOT / "plugin.yaml").read_text(encoding="utf-8")
    goal = BUILD / "plugin-isolated.yaml"
    goal.write_text(re.sub(r"(?m)^( *script-interpreter: \S+)$", r"\1 -IS", plugin), encoding="utf-8")
    return goal


def _sources() -> Iterator[Path]:
    """Yield the plugin's own files; bytecode and caches of tools are none."""
    yield from (ROOT / name for name in ("plugin.yaml", "LICENSE", "requirements.lock"))
    for folder in (ROOT / "contents", ROOT / "resources"):
        for file in folder.rglob("*"):
            inside = file.relative_to(ROOT).parts
            if file.is_file() and not any(part.startswith((".", "__pycache__")) for part in inside):
                yield file


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
