"""Build the packages in dist/: two plugin zips, the project archives for Rundeck, a wheel, and their checksums.

`python -m tools.package`, by build.sh.

The slim zip needs the packages of its requirements.lock on the server, the bundled one has them in contents/lib.
"""

import argparse
import hashlib
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from debugcapture import __version__
from tools.archive import write_zip
from tools.dropdowns import is_source
from tools.project_archive import Edition, is_project_name, job_list, write_project_archive
from tools.project_ids import DEFAULT_PROJECT
from tools.sbom import bill_of_materials
from tools.vendored import BUILD, ROOT, Target, vendored

NAME = "kubernetes-debug-capture"
DIST = ROOT / "dist"
SIGNING_KEY = "RELEASE_SIGNING_KEY"


def main(arguments: list[str]) -> int:
    """Build all packages and print their paths."""
    parser = argparse.ArgumentParser(prog="./build.sh package", description=__doc__)
    parser.add_argument(
        "--python", default=Target.python, help="Python version of the bytecode in the bundled zip (%(default)s)"
    )
    parser.add_argument(
        "--arch", default=Target.arch, help="processor architecture of the bundled zip, x86_64 or aarch64 (%(default)s)"
    )
    parser.add_argument("--project", default=DEFAULT_PROJECT, help="Rundeck project of the archive (%(default)s)")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="default of a step setting for the archive; can be repeated",
    )
    parser.add_argument(
        "--dropdowns",
        default="",
        metavar="SOURCE",
        help=(
            "source of the dropdowns in the archive's jobs: plugin, or the URL of an options server (docs/dropdowns.md)"
        ),
    )
    chosen = parser.parse_args(arguments)
    if chosen.dropdowns and not is_source(chosen.dropdowns):
        parser.error(f"{chosen.dropdowns!r} is neither plugin nor the http:// or https:// URL of an options server")
    if not is_project_name(chosen.project):
        parser.error(f"invalid project name {chosen.project!r}: use letters, digits and . _ + -")
    settings = dict(assignment.partition("=")[::2] for assignment in chosen.set)
    try:
        files = release(Target(chosen.python, chosen.arch), Edition(chosen.project, settings, chosen.dropdowns))
        if key := os.environ.get(SIGNING_KEY):
            files.append(signature(files[-1], key))
    except ValueError as error:
        parser.error(str(error))
    for file in files:
        print(f"{file.relative_to(ROOT)}  {file.stat().st_size / 1e6:.2f} MB")
    return 0


def release(target: Target, edition: Edition = Edition(DEFAULT_PROJECT)) -> list[Path]:  # noqa: B008 - the class is frozen
    """Build and return all files, including a bill of materials and the checksums.

    Raises ValueError if the edition has a setting that no step has.
    """
    archives = [project_archive(edition), project_archive(replace(edition, cloud=True))]
    carried = bundled(target)
    files = [slim(), carried, *archives, listed_jobs(edition), wheel()]
    bill = DIST / f"{NAME}-{__version__}.cdx.json"
    bill.write_text(bill_of_materials(files, carried), encoding="utf-8")
    return [*files, bill, checksums([*files, bill])]


def checksums(files: Sequence[Path]) -> Path:
    """Return a file with the SHA-256 of each of ``files``, as `sha256sum --check` reads it."""
    goal = DIST / "SHA256SUMS"
    lines = (f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n" for file in sorted(files))
    goal.write_text("".join(lines), encoding="utf-8")
    return goal


def signature(file: Path, key: str) -> Path:
    """Return a file with the signature of ``file`` by ``key``, the text of a private SSH key without a passphrase.

    Raises ValueError if it cannot be signed. Source: ssh-keygen(1), "-Y sign".
    """
    goal = file.with_name(f"{file.name}.sig")
    goal.unlink(missing_ok=True)  # ssh-keygen asks before it overwrites a file
    with tempfile.NamedTemporaryFile("w") as private:  # ssh-keygen requires that only this user can read it
        private.write(key.strip() + "\n")
        private.flush()
        command = ["ssh-keygen", "-Y", "sign", "-f", private.name, "-n", "file", str(file)]
        process = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if process.returncode:
        raise ValueError(f"cannot sign {file.name} with ${SIGNING_KEY}: {process.stderr.strip()}")
    return goal


def slim() -> Path:
    """Return the zip without packages."""
    return _plugin_zip(f"{NAME}-{__version__}", {})


def bundled(target: Target) -> Path:
    """Return the zip that contains the packages for ``target``."""
    lib = vendored(target)
    packages = {f"contents/lib/{file.relative_to(lib)}": file for file in lib.rglob("*") if file.is_file()}
    packages["plugin.yaml"] = _isolate_plugin()
    kind = "bundled" if target.arch == Target.arch else f"bundled-{target.arch}"
    return _plugin_zip(f"{NAME}-{kind}-{__version__}", packages)


def project_archive(edition: Edition = Edition(DEFAULT_PROJECT)) -> Path:  # noqa: B008 - the class is frozen
    """Return the project archive of the edition."""
    goal = DIST / f"{NAME}{'-cloud' if edition.cloud else ''}-{__version__}.rdproject.jar"
    write_project_archive(goal, edition)
    return goal


def listed_jobs(edition: Edition = Edition(DEFAULT_PROJECT)) -> Path:  # noqa: B008 - the class is frozen
    """Return the file that lists the jobs with their UUIDs in the edition's project."""
    goal = DIST / f"{NAME}-{__version__}.jobs.txt"
    goal.write_text(job_list(edition), encoding="utf-8")
    return goal


def wheel() -> Path:
    """Return the wheel of the package `debugcapture`."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(DIST)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return DIST / f"{NAME.replace('-', '_')}-{__version__}-py3-none-any.whl"


def _plugin_zip(stem: str, more: dict[str, Path]) -> Path:
    """Write a zip whose only folder is its own name: Rundeck looks for STEM/plugin.yaml in STEM.zip."""
    goal = DIST / f"{stem}.zip"
    files = {str(file.relative_to(ROOT)): file for file in _sources()} | more
    write_zip(goal, {f"{stem}/{name}": file for name, file in files.items()})
    return goal


def _isolate_plugin() -> Path:
    """Return a plugin.yaml whose steps use only the packages in the zip, and none of the server (python3 -IS)."""
    plugin = (ROOT / "plugin.yaml").read_text(encoding="utf-8")
    goal = BUILD / "plugin-isolated.yaml"
    goal.write_text(re.sub(r"(?m)^( *script-interpreter: \S+)$", r"\1 -IS", plugin), encoding="utf-8")
    return goal


def _sources() -> Iterator[Path]:
    """Yield the files of the plugin, without bytecode and caches of tools."""
    yield from (ROOT / name for name in ("plugin.yaml", "LICENSE", "requirements.lock"))
    for folder in (ROOT / "contents", ROOT / "resources"):
        for file in folder.rglob("*"):
            inside = file.relative_to(ROOT).parts
            if file.is_file() and not any(part.startswith((".", "__pycache__")) for part in inside):
                yield file


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
