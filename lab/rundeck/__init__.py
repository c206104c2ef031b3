"""Runs exported Rundeck jobs in Rundeck's engine (rundeck-core), without a server.

>>> from lab.rundeck import run_job
>>> run = run_job(Path("jobs/debug-pod.yaml"), options={"pod": "checkout-0"}, plugins=[zip], echo=True)
>>> run.succeeded, run.data["link"]
"""

from lab.rundeck.engine import Nodes, option_values, probe_plugin, run_job
from lab.rundeck.model import JobRun, NodeSource, PluginProbe, Provider, StepResult
from lab.rundeck.part import PART

__all__ = [
    "PART",
    "JobRun",
    "NodeSource",
    "Nodes",
    "PluginProbe",
    "Provider",
    "StepResult",
    "option_values",
    "probe_plugin",
    "run_job",
]
