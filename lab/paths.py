"""The directories of the lab: a cache of builds, and below it the state of the running lab."""

import os
from pathlib import Path

REPO = Path(__file__).resolve().parent.parent


def cache_dir() -> Path:
    """Return the directory of builds, binaries and images. ``reset`` does not delete it."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return _create(Path(base) / "kubernetes-debug-capture")


def state_dir() -> Path:
    """Return the directory of pids, logs, data and PKI of the running lab. ``reset`` empties it."""
    return _create(cache_dir() / "lab")


def part_dir(part: str) -> Path:
    """Return the state directory of a part."""
    return _create(state_dir() / part)


def _create(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path
