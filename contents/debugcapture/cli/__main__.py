"""Runs the command line: `python -m debugcapture.cli`."""

from .main import main

raise SystemExit(main())
