"""A Kubernetes cluster of one node on this machine, or the one that DEBUG_CAPTURE_KUBECONFIG names."""

from lab.kubernetes.endpoint import KubernetesEndpoint, endpoint

__all__ = ["KubernetesEndpoint", "endpoint"]
