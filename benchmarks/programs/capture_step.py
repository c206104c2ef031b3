"""Run the capture step as Rundeck does, with settings as NAME=VALUE arguments."""

import os
import sys

from debugcapture.rundeck import main

settings = dict(word.split("=", 1) for word in sys.argv[1:])
environment = {f"RD_CONFIG_{name.upper()}": value for name, value in settings.items()}
sys.exit(main("k8s-debug-capture", os.environ | environment))
