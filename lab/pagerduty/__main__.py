"""`python -m lab.pagerduty serve`: the PagerDuty simulator in the foreground."""

from __future__ import annotations

import argparse
from pathlib import Path

from lab.pagerduty.part import PORT, state
from lab.pagerduty.server import serve


def main() -> None:
    """Serve until the process is interrupted."""
    parser = argparse.ArgumentParser(prog="python -m lab.pagerduty", description=__doc__)
    parser.add_argument("command", choices=("serve",))
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--state", type=Path, default=None, help="folder of keys and incidents")
    args = parser.parse_args()
    serve(args.state or state(), args.port)


if __name__ == "__main__":
    main()
