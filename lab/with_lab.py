"""Run a command while the lab is up: `python -m lab.with_lab COMMAND…`; exits with its exit code.

All parts start but `modern-node`, which only `./build.sh test modern` needs.

Parts that were down before are down again afterwards; the output of the command is the last output.
"""

import subprocess
import sys
from contextlib import redirect_stdout

from lab.__main__ import PARTS, down, up
from lab.modern_node import ModernNodePart
from lab.part import LabError


def main(command: list[str]) -> int:
    """Bring the lab up, run ``command``, leave the lab as it was."""
    parts = [part for part in PARTS.values() if part.name != ModernNodePart.name]
    were_down = [part for part in parts if part.status() == "down"]
    try:
        up(parts)
        return subprocess.run(command).returncode
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    finally:
        with redirect_stdout(sys.stderr):
            down(were_down)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
