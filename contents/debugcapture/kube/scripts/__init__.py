"""Shell programs for containers of which nothing is known but that they have a shell.

They are files, so that shellcheck reads them (build.sh check), and are read when one is needed.
"""

from functools import lru_cache
from pathlib import Path

_FOLDER = Path(__file__).parent


@lru_cache
def script(*names: str) -> str:
    """Return the program that the files ``names`` make, one behind the other; ``run`` is run.sh.

    Without its comments: it becomes part of a URL.
    """
    lines = (line for name in names for line in (_FOLDER / f"{name}.sh").read_text(encoding="utf-8").splitlines())
    return "\n".join(line for line in lines if line.strip() and not line.lstrip().startswith("#"))


def shell_command(*names: str, arguments: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the argv that runs the program of ``names`` with ``arguments``, which no shell reads as its own text."""
    return ("sh", "-c", script(*names), "debug-capture", *arguments)
