"""All rules about Kubernetes objects, in the order in which equally important findings are shown."""

from typing import Final

from . import (
    kube_command,
    kube_config,
    kube_containers,
    kube_creation,
    kube_events,
    kube_images,
    kube_pods,
    kube_probes,
    kube_rollout,
    kube_rows,
    kube_scheduling,
    kube_volumes,
    kube_waiting,
    kube_workloads,
)

RULES: Final = (
    *kube_command.RULES,
    *kube_containers.RULES,
    *kube_config.RULES,
    *kube_images.RULES,
    *kube_scheduling.RULES,
    *kube_volumes.RULES,
    *kube_pods.RULES,
    *kube_probes.RULES,
    *kube_creation.RULES,
    *kube_workloads.RULES,
    *kube_rollout.RULES,
    *kube_rows.RULES,
    *kube_waiting.RULES,
    *kube_events.RULES,
)
