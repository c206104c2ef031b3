"""Run the capture step as Rundeck does, with settings as NAME=VALUE arguments."""

import os
import runpy
import sys
from pathlib import Path

settings = dict(word.split("=", 1) for word in sys.argv[1:])
os.environ.update({f"RD_CONFIG_{name.upper()}": value for name, value in settings.items()})
runpy.run_path(str(Path(__file__).parents[2] / "contents" / "k8s-debug-capture.py"), run_name="__main__")
