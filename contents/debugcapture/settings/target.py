"""Settings that choose pods and containers."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from .declare import NAME, POD_NAME, Group, setting

PodOrder = Literal["unhealthy-first", "newest", "oldest"]


@dataclass(frozen=True, kw_only=True)
class TargetSettings(Group):
    """Which pods, and which of their containers."""

    title: ClassVar[str] = "Target"

    namespace: str = setting(
        "default",
        "Namespace",
        "Namespace of the pod or workload.",
        pattern=NAME,
        allowed="lower-case letters, digits and dashes",
        required=True,
    )
    pod: str = setting(
        "",
        "Pod",
        "Name of the pod. Set either a pod, a workload or a label selector.",
        pattern=POD_NAME,
        allowed="lower-case letters, digits, dashes and dots",
    )
    workload: str = setting(
        "",
        "Workload",
        "Name of a Deployment, StatefulSet, DaemonSet, CronJob, Job or ReplicaSet, or of another owner of pods, such "
        "as an Argo Rollout: checkout, or deployment/checkout.",
        pattern=rf"([A-Za-z]+/)?{POD_NAME}",
        allowed="NAME or KIND/NAME",
    )
    selector: str = setting(
        "",
        "Label selector",
        "Selects pods by their labels, for example app=checkout,tier!=cache.",
        pattern=r"[\w./,=!() -]+",
        allowed="a label selector in kubectl syntax",
    )
    order: PodOrder = setting(
        "unhealthy-first",
        "Order of pods",
        "Which pods of a workload or selector come first: unhealthy pods (crashed, out of memory, not "
        "ready, hanging while they start, restarted), or the newest or oldest pods.",
    )
    container: str = setting(
        "",
        "Container",
        "Blank: the init container that the pod waits for, or the pod's default container. If there is none, the "
        "failing container, or the first one that is not a sidecar.",
        pattern=NAME,
        allowed="lower-case letters, digits and dashes",
    )


@dataclass(frozen=True, kw_only=True)
class ManyPodsSettings(Group):
    """How many pods of a workload or selector are captured."""

    title: ClassVar[str] = "Many pods"
    folded: ClassVar[bool] = True

    max_pods: int = setting(
        3,
        "Maximum pods",
        "Captures at most this many pods of a workload or selector.",
        least=1,
        most=100_000,
    )
    concurrency: int = setting(
        10,
        "Pods in parallel",
        "Number of pods that the step captures at the same time. In the cluster, this applies to each worker.",
        least=1,
        most=50,
    )
    sample: bool = setting(
        True,
        "Sample",
        "If more than sample_above pods match, captures only a sample. Off: captures all pods that match, up to "
        "max_pods.",
    )
    sample_above: int = setting(
        50,
        "Sample above (pods)",
        "If more pods match, only a sample is captured, unless sample is off.",
        least=1,
        most=100_000,
    )
    per_workload: int = setting(
        10,
        "Sample size per workload",
        "A sample contains at most this many pods of each workload: the unhealthy ones, sorted by order, and one "
        "healthy pod for comparison.",
        least=1,
        most=1000,
    )


@dataclass(frozen=True, slots=True)
class Sampling:
    """When a sample is taken, and its size."""

    above: int
    per_workload: int
