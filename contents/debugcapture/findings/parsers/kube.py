"""Parses evidence about a cluster: objects in YAML or JSON, what kubectl prints, and summaries of a capture."""

from ..evidence import Evidence
from . import kube_objects, kube_summary, kube_text
from .kube_model import Cluster


def recognize(evidence: Evidence) -> bool:
    """Return whether the file is about a cluster."""
    return any(parser.recognize(evidence) for parser in (kube_summary, kube_objects, kube_text))


def parse(evidence: Evidence) -> Cluster:
    """Return what the file shows of the cluster."""
    if kube_summary.recognize(evidence):
        return kube_summary.parse(evidence)
    if kube_objects.recognize(evidence):
        return kube_objects.parse(evidence)
    return kube_text.parse(evidence)
