"""Run a command in a new debug container as Rundeck does: kubeconfig, image, namespace, pod, container, command."""

import os
import runpy
import sys
from pathlib import Path

names = ("kubeconfig", "image", "namespace", "pod", "container", "command")
settings = dict(zip(names, sys.argv[1:], strict=True))
# The step reuses a running debug container that has the same definition. The variable makes each definition unique.
settings |= {"time_limit_s": "30", "environment": f"ROUND={os.getpid()}"}
os.environ.update({f"RD_CONFIG_{name.upper()}": value for name, value in settings.items()})
runpy.run_path(str(Path(__file__).parents[2] / "contents" / "k8s-debug-attach.py"), run_name="__main__")
