"""Parses evidence about a cluster: objects in YAML or JSON, what kubectl prints, and summaries of a capture."""

from dataclasses import replace

from ..evidence import Evidence
from . import kube_objects, kube_summary, kube_text
from .kube_model import Cluster


def recognize(evidence: Evidence) -> bool:
    """Return whether the file is about a cluster."""
    return any(parser.recognize(evidence) for parser in (kube_summary, kube_objects, kube_text))


def parse(evidence: Evidence) -> Cluster:
    """Return what the file shows of the cluster.

    An event that does not name its object is about the pod of the file.
    """
    cluster = _parse(evidence)
    if not evidence.pod:
        return cluster
    pod = f"Pod/{evidence.pod}"
    return replace(cluster, events=tuple(replace(event, object=event.object or pod) for event in cluster.events))


def _parse(evidence: Evidence) -> Cluster:
    if kube_summary.recognize(evidence):
        return kube_summary.parse(evidence)
    if kube_objects.recognize(evidence):
        return kube_objects.parse(evidence)
    return kube_text.parse(evidence)
