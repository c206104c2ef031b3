"""The step plugin k8s-debug-links; see debugcapture/steps/renew_links.py."""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # python3 -I leaves it out

import start

start.run("k8s-debug-links")
