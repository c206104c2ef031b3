"""Canaries: values that stand for secrets, and the search for them in all that a test run leaves behind.

Each value is random and of its own kind of place, so that one that turns up says where it came from. `canary` registers
it; at the end of the whole run everything that steps wrote (and pytest's folders have) is searched.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path

_LARGEST = 64 << 20
# Where a secret has to be: what a user would keep private too.
_KEEPS = (".kubeconfig", "credentials", "id_", ".pem", ".key", "config")

_canaries: dict[str, str] = {}


def canary(place: str) -> str:
    """Return a new secret for ``place``; wherever it turns up from now on is a leak."""
    value = f"canary{secrets.token_hex(12)}"
    _canaries[value] = place
    return value


def watched(value: str, place: str) -> None:
    """Have an existing secret of the lab looked for as well."""
    if len(value) >= 12:
        _canaries[value] = place


def leaks(texts: Iterable[tuple[str, bytes]], known: Iterable[str] | None = None) -> list[str]:
    """Return a line for each secret in ``texts`` (name, content); ``known`` are those that are looked for, else all."""
    wanted = {value: place for value, place in _canaries.items() if known is None or value in known}
    return [
        f"{name} has the secret of {place}"
        for name, content in texts
        for value, place in wanted.items()
        if value.encode() in content
    ]


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield what is in the files of ``folder``, those aside that exist to hold secrets."""
    for file in sorted(folder.rglob("*")):
        if file.is_file() and not file.is_symlink() and not _is_for_secrets(file) and file.stat().st_size < _LARGEST:
            yield str(file), file.read_bytes()


def _is_for_secrets(file: Path) -> bool:
    return file.name.endswith(_KEEPS) or file.name.startswith(_KEEPS)
