"""Builds the engine with Maven, once for each state of its sources, outside the repository.

The build also has an archive of the classes that a run loads (class data sharing, JEP 350), which nearly halves the
processor time of a start. The archive is valid only for exactly the class path of `classpath`, which must not contain
a directory. Java ignores an archive of another JDK.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from lab.part import LabError
from lab.paths import cache_dir
from lab.prerequisites import ensure_program

ENGINE = Path(__file__).parent / "engine"
MAIN = "lab.rundeck.Main"
# The engine changes its environment (Environment.java).
OPENED = ("--add-opens=java.base/java.lang=ALL-UNNAMED", "--add-opens=java.base/java.util=ALL-UNNAMED")
_JAR = "lab-rundeck.jar"
_JOB = """
- name: nothing
  uuid: 00000000-0000-4000-8000-000000000000
  nodefilters: {filter: '.*'}
  sequence:
    keepgoing: false
    strategy: node-first
    commands:
    - exec: 'true'
  loglevel: INFO
"""
_KEPT = 4  # several checkouts share a cache, so no checkout may delete the build of another one


def built() -> Path:
    """Return the build folder of the current sources, with `lab-rundeck.jar`, `lib` and `classes.jsa`."""
    return _builds() / _sources_hash()


def is_built() -> bool:
    """Return whether the build of the current sources exists."""
    return class_archive().is_file()


def classpath() -> str:
    """Return the class path of the engine."""
    return os.pathsep.join(map(str, [built() / _JAR, *sorted((built() / "lib").iterdir())]))


def class_archive() -> Path:
    """Return the path of the archive of the classes that a run loads."""
    return built() / "classes.jsa"


def build() -> None:
    """Create the build, and delete older builds except the latest. Works offline if Maven has all dependencies."""
    if not (built() / _JAR).is_file():
        _compile()
    _archive_classes()
    for old in sorted(_find_finished(), key=lambda folder: folder.stat().st_mtime, reverse=True)[_KEPT:]:
        shutil.rmtree(old)


def _compile() -> None:
    ensure_program("javac", "openjdk-17-jdk-headless")
    maven = ensure_program("mvn", "maven")
    _builds().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_builds(), prefix="building-") as scratch:
        target = Path(scratch) / "target"
        if _maven(maven, target, "--offline").returncode != 0:
            _check(_maven(maven, target))
        shutil.make_archive(str(target / _JAR), "zip", target / "classes")
        (target / f"{_JAR}.zip").rename(target / _JAR)
        shutil.rmtree(built(), ignore_errors=True)
        target.rename(built())


def _archive_classes() -> None:
    """Run an empty job, and archive the classes that it loads."""
    java = ensure_program("java", "openjdk-17-jdk-headless")
    with tempfile.TemporaryDirectory(dir=_builds(), prefix="building-") as scratch:
        job, archive = Path(scratch) / "job.yaml", Path(scratch) / "classes.jsa"
        job.write_text(_JOB)
        request = {
            "command": "run",
            "jobFile": str(job),
            "project": "lab",
            "base": str(Path(scratch) / "base"),
            "report": str(Path(scratch) / "report.json"),
            "environment": dict(os.environ),
            "projectProperties": {"resources.source.1.type": "local"},
            "frameworkProperties": {},
            "options": {},
            "keys": {},
            "nodes": {},
            "plugins": [],
            "loglevel": "INFO",
        }
        argv = [str(java), f"-XX:ArchiveClassesAtExit={archive}", *OPENED, "-cp", classpath(), MAIN, scratch]
        run = subprocess.run(argv, input=json.dumps(request), capture_output=True, text=True)
        if run.returncode != 0 or not archive.is_file():
            raise LabError(f"Rundeck's engine does not run a job: {run.stderr[-2000:] or run.stdout[-2000:]}")
        archive.rename(class_archive())


def discard() -> None:
    """Delete all builds."""
    shutil.rmtree(_builds(), ignore_errors=True)


def _find_finished() -> list[Path]:
    return [path for path in _builds().iterdir() if not path.name.startswith("building-")]


def _builds() -> Path:
    return cache_dir() / "rundeck-engine"


def _sources_hash() -> str:
    digest = hashlib.sha256()
    for file in sorted(p for p in ENGINE.rglob("*") if p.suffix in (".java", ".xml")):
        digest.update(f"{file.relative_to(ENGINE)}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:16]


def _maven(maven: Path, target: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    argv = [str(maven), "-q", "-B", "-Dstyle.color=never", *flags, f"-Doutside={target}", "compile"]
    return subprocess.run(argv, cwd=ENGINE, capture_output=True, text=True)


def _check(process: subprocess.CompletedProcess[str]) -> None:
    if process.returncode != 0:
        problems = [line for line in process.stdout.splitlines() if "ERROR" in line] or [process.stderr]
        raise LabError(f"Maven could not build Rundeck's engine; try again: python -m lab up rundeck. {problems[0]}")
