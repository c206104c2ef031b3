"""Canaries: values that stand for secrets, and the search for them in all files of a test run.

Each value is random and belongs to one place, so that a leaked value shows where it came from. `canary` registers
it. At the end of the run, all files of steps and of pytest are searched.
"""

from __future__ import annotations

import fnmatch
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

_LARGEST = 64 << 20
# Files of steps: bundles, waiting notes, and their output.
_OURS = (
    "manifest.json",
    "stored.json",
    "sent.json",
    "pictures.json",
    "index.html",
    "note.txt",
    "*.out",
    "*.err",
    "notes/*.json",
)

_canaries: dict[str, str] = {}


def canary(place: str) -> str:
    """Return a new secret for ``place``. Every file that contains it is a leak."""
    value = f"canary{secrets.token_hex(12)}"
    _canaries[value] = place
    return value


def watched(value: str, place: str) -> None:
    """Search for an existing secret of the lab as well."""
    if len(value) >= 12:
        _canaries[value] = place


def leaks(texts: Iterable[tuple[str, bytes]], secrets: Iterable[str] | None = None) -> list[str]:
    """Return a line for each secret in ``texts`` (name, content); ``known`` limits the secrets to search for."""
    places = {value: place for value, place in _canaries.items() if secrets is None or value in secrets}
    return [
        f"{name} has the secret of {place}"
        for name, content in texts
        for value, place in places.items()
        if value.encode() in content
    ]


def files(folder: Path, patterns: Iterable[str] = ("*",)) -> Iterator[tuple[str, bytes]]:
    """Yield the files below ``folder`` whose names match ``patterns``, with their content."""
    matches = re.compile("|".join(fnmatch.translate(f"*/{pattern}") for pattern in patterns)).match
    # One walk for all patterns: the folders of a run on the lab contain whole clones of the project.
    paths = (f"{parent}/{name}" for parent, _, names in os.walk(folder) for name in names)
    for file in map(Path, sorted(filter(matches, paths))):
        if file.is_file() and not file.is_symlink() and file.stat().st_size < _LARGEST:
            yield str(file), file.read_bytes()


def left_by_steps(folder: Path) -> list[str]:
    """Return a line for each secret in what steps have written anywhere below ``folder``."""
    return leaks(files(folder, _OURS))
