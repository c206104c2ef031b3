"""Shell scripts for containers that have a shell, and perhaps nothing else.

They are files, so that shellcheck can check them (build.sh check). Each is read when it is first needed.
"""

from functools import lru_cache
from pathlib import Path

_FOLDER = Path(__file__).parent


@lru_cache
def script(*names: str) -> str:
    """Return the scripts ``names``, joined in this order, without comments. ``run`` is run.sh.

    Comments are removed because the script becomes part of a URL.
    """
    lines = (line for name in names for line in (_FOLDER / f"{name}.sh").read_text(encoding="utf-8").splitlines())
    return "\n".join(line for line in lines if line.strip() and not line.lstrip().startswith("#"))


def shell_command(*names: str, arguments: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the argv that runs the scripts ``names``. No shell interprets the ``arguments``."""
    return ("sh", "-c", script(*names), "debug-capture", *arguments)
