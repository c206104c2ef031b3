"""The dropdown k8s-debug-options-collectors; see debugcapture/steps/options.py."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # python3 -I leaves it out

import start

start.run("k8s-debug-options-collectors", os.environ.get("RD_CONFIG_INTERPRETER", ""))
