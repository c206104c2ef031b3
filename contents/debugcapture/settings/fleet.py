"""Settings of a Job in the cluster that captures many pods."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from .declare import CAPTURE_ID, DAY_S, NAME, POD_NAME, Group, setting


@dataclass(frozen=True, kw_only=True)
class InClusterSettings(Group):
    """A Job in the cluster that captures instead of this machine."""

    title: ClassVar[str] = "Many pods: Job in the cluster"
    folded: ClassVar[bool] = True

    mode: Literal["local", "in-cluster"] = setting(
        "local",
        "Where the capture runs",
        "local: in this step. in-cluster: in a Job in the cluster that uses many pods, while this step waits "
        "for it. Requires a store, deploy/rbac-in-cluster.yaml and the image built from deploy/image.",
    )
    job_namespace: str = setting(
        "debug-capture-jobs",
        "Namespace of the Job",
        "Namespace in which the Job runs.",
        pattern=NAME,
        allowed="lower-case letters, digits and dashes",
    )
    job_image: str = setting(
        "",
        "Image of the Job",
        "Image built from deploy/image. It must have the same version as this plugin.",
        pattern=r"[\w][\w.:/@-]*",
        allowed="an image reference",
    )
    job_service_account: str = setting(
        "debug-capture-job",
        "Service account of the Job",
        "It needs the permissions of a capture in each namespace to capture from.",
        pattern=NAME,
        allowed="lower-case letters, digits and dashes",
    )
    pods_per_index: int = setting(
        25, "Pods per worker", "Number of pods that each worker (index of the Job) captures.", least=1, most=500
    )
    parallelism: int = setting(
        8, "Workers in parallel", "Number of workers that run at the same time.", least=1, most=200
    )
    job_time_limit_s: int = setting(
        3600,
        "Time limit of the Job (s)",
        "The cluster stops the Job after this time.",
        least=60,
        most=DAY_S,
    )
    job_spool_mib: int = setting(
        4096,
        "Spool per worker (MiB)",
        "Size limit of the emptyDir that each worker uses as its spool.",
        least=32,
        most=1_000_000,
    )
    job_secret: str = setting(
        "",
        "Secret with store credentials",
        "Name of a Secret in the Job's namespace. Its keys are settings of the store, such as s3_access_key "
        "and s3_secret_key. Blank: the step creates a Secret that is deleted with the Job. Not required with "
        "a workload identity.",
        pattern=POD_NAME,
        allowed="the name of a Secret",
    )
    job_pod_spec: str = setting(
        "",
        "Custom pod fields",
        "Part of a pod spec in JSON or YAML that overrides the Job's pod template: "
        '{"nodeSelector": {"pool": "batch"}, "imagePullSecrets": [{"name": "registry"}]}. The name of the '
        "container is capture.",
    )
    resume: str = setting(
        "",
        "Resume run",
        "Capture ID of an unfinished run in the cluster. Captures the pods of that run that are missing in "
        "the store, and writes its report again.",
        pattern=CAPTURE_ID,
        allowed="a capture ID",
    )
