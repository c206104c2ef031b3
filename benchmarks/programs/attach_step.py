"""Run a command in a new debug container: kubeconfig, image, namespace, pod, container, command."""

import os
import sys

from debugcapture.rundeck import main

names = ("kubeconfig", "image", "namespace", "pod", "container", "command")
settings = dict(zip(names, sys.argv[1:], strict=True))
environment = {f"RD_CONFIG_{name.upper()}": value for name, value in settings.items()}
# The step reuses a running debug container that has the same definition. The variable makes each definition unique.
environment |= {"RD_CONFIG_TIME_LIMIT_S": "30", "RD_CONFIG_ENVIRONMENT": f"ROUND={os.getpid()}"}
sys.exit(main("k8s-debug-attach", os.environ | environment))
