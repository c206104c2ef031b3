"""Parses evidence about a cluster: Kubernetes objects in YAML or JSON, and what kubectl prints for people."""

from ..evidence import Evidence
from . import kube_objects, kube_text
from .kube_model import Cluster


def recognize(evidence: Evidence) -> bool:
    """Return whether the file is about a cluster."""
    return kube_objects.recognize(evidence) or kube_text.recognize(evidence)


def parse(evidence: Evidence) -> Cluster:
    """Return what the file shows of the cluster."""
    if kube_objects.recognize(evidence):
        return kube_objects.parse(evidence)
    return kube_text.parse(evidence)
