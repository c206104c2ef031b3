"""Run a command while the lab is up: `python -m lab.with_lab [CHECK… --] COMMAND…`; exits with its exit code.

CHECK runs while the lab starts. If it fails, COMMAND does not run, and the exit code is that of CHECK.

All parts start but `modern-node`, which only `./build.sh test modern` needs.

Parts that were down before are down again afterwards; the output of the command is the last output.
"""

import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stdout

from lab.__main__ import PARTS, down, up
from lab.modern_node import ModernNodePart
from lab.part import LabError

_SEPARATOR = "--"


def main(arguments: list[str]) -> int:
    """Bring the lab up, run the command, leave the lab as it was."""
    parts = [part for part in PARTS.values() if part.name != ModernNodePart.name]
    were_down = [part for part in parts if part.status() == "down"]
    try:
        return checked_run(arguments, lambda: up(parts))
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    finally:
        with redirect_stdout(sys.stderr):
            down(were_down)


def checked_run(arguments: list[str], start: Callable[[], object]) -> int:
    """Run the check beside ``start`` and then the command. Return the exit code of the one that failed, or 0."""
    check, command = _split(arguments)
    with subprocess.Popen(check) as checking:  # its end waits for the check
        start()
    return checking.returncode or subprocess.run(command).returncode


def _split(arguments: list[str]) -> tuple[list[str], list[str]]:
    """The check, or a command that does nothing, and the command."""
    if _SEPARATOR not in arguments:
        return ["true"], arguments
    end = arguments.index(_SEPARATOR)
    return arguments[:end], arguments[end + 1 :]


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
