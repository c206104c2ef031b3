"""Builds the engine with Maven, once for each state of its sources, outside the repository."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tempfile
from pathlib import Path

from lab.part import LabError
from lab.paths import cache_dir
from lab.prerequisites import ensure_program

ENGINE = Path(__file__).parent / "engine"
_KEPT = 4  # several checkouts share a cache, and none may take another's build away


def built() -> Path:
    """Where the build of the present sources is, or will be: `classes` and `lib`."""
    return _builds() / _sources_hash()


def is_built() -> bool:
    """Whether `up` has nothing to do."""
    return built().is_dir()


def build() -> None:
    """Makes the build and drops all but the latest of other sources. Offline when Maven already has what it needs."""
    ensure_program("javac", "openjdk-17-jdk-headless")
    maven = ensure_program("mvn", "maven")
    _builds().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_builds(), prefix="building-") as scratch:
        target = Path(scratch) / "target"
        if _maven(maven, target, "--offline").returncode != 0:
            _check(_maven(maven, target))
        target.rename(built())
    for old in sorted(_finished(), key=lambda folder: folder.stat().st_mtime, reverse=True)[_KEPT:]:
        shutil.rmtree(old)


def discard() -> None:
    """Deletes all builds."""
    shutil.rmtree(_builds(), ignore_errors=True)


def _finished() -> list[Path]:
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


def _check(done: subprocess.CompletedProcess[str]) -> None:
    if done.returncode != 0:
        problems = [line for line in done.stdout.splitlines() if "ERROR" in line] or [done.stderr]
        raise LabError(f"Maven could not build Rundeck's engine; try again: python -m lab up rundeck. {problems[0]}")
