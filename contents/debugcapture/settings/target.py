"""Settings that choose pods and containers."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from .declare import NAME, POD_NAME, Group, setting

Choice = Literal["unhealthy-first", "newest", "oldest", "all"]


@dataclass(frozen=True, kw_only=True)
class TargetSettings(Group):
    """Which pods, and which of their containers."""

    title: ClassVar[str] = "Target"

    namespace: str = setting(
        "default",
        "Namespace",
        "The namespace of the pod or workload.",
        pattern=NAME,
        allowed="lower-case letters, digits and dashes",
        required=True,
    )
    pod: str = setting(
        "",
        "Pod",
        "The pod's name. Give a pod, a workload or a label selector.",
        pattern=POD_NAME,
        allowed="lower-case letters, digits, dashes and dots",
    )
    workload: str = setting(
        "",
        "Workload",
        "Name of a Deployment, StatefulSet, DaemonSet, CronJob, Job or ReplicaSet: checkout, or deployment/checkout.",
        pattern=rf"([A-Za-z]+/)?{POD_NAME}",
        allowed="NAME or KIND/NAME",
    )
    selector: str = setting(
        "",
        "Label selector",
        "Pods by their labels, for example app=checkout,tier!=cache.",
        pattern=r"[\w./,=!() -]+",
        allowed="a label selector as kubectl takes it",
    )
    choose: Choice = setting(
        "unhealthy-first",
        "Which pods first",
        "Of a workload's or selector's pods: the unhealthy ones first (crashed, killed for memory, not ready, "
        "restarted), or by age.",
    )
    container: str = setting(
        "",
        "Container",
        "Blank for the pod's default container, else the one that is failing, else the first that is no sidecar.",
        pattern=NAME,
        allowed="lower-case letters, digits and dashes",
    )


@dataclass(frozen=True, kw_only=True)
class ManyPodsSettings(Group):
    """How many pods of a workload or selector are captured."""

    title: ClassVar[str] = "Many pods"

    max_pods: int = setting(
        3,
        "At most this many pods",
        "Of a workload or selector; choose all takes all of them up to this number.",
        least=1,
        most=100_000,
    )
    concurrency: int = setting(
        10, "Pods at a time", "How many pods are captured side by side, in the cluster by each index.", least=1, most=50
    )
    sample_above: int = setting(
        50,
        "Sample above (pods)",
        "Of more pods a sample is taken, unless “which pods first” says all, newest or oldest.",
        least=1,
        most=100_000,
    )
    per_workload: int = setting(
        10,
        "Sample of a workload",
        "At most so many pods of each workload: the most unhealthy, and one healthy to compare with.",
        least=1,
        most=1000,
    )


@dataclass(frozen=True, slots=True)
class Sampling:
    """From how many pods on a sample is enough, and how many of a workload make one."""

    above: int
    per_workload: int
