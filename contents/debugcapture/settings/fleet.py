"""Settings of a Job in the cluster that captures many pods."""

from dataclasses import dataclass
from typing import ClassVar, Literal

from .declare import CAPTURE_ID, DAY_S, NAME, POD_NAME, Group, setting


@dataclass(frozen=True, kw_only=True)
class InClusterSettings(Group):
    """A Job of the cluster that captures, in place of this machine."""

    title: ClassVar[str] = "Many pods: in the cluster"

    mode: Literal["here", "in-cluster"] = setting(
        "here",
        "Where the capture runs",
        "here: this step captures; in-cluster: a Job of the cluster does, spread over many pods, and this step watches "
        "it. Needs a store, deploy/rbac-in-cluster.yaml and the image that deploy/image builds.",
    )
    job_namespace: str = setting(
        "debug-capture-jobs",
        "Namespace of the Job",
        "Where the Job runs.",
        pattern=NAME,
        allowed="lower-case letters, digits and dashes",
    )
    job_image: str = setting(
        "",
        "Image of the Job",
        "What deploy/image builds: this package, of this version.",
        pattern=r"[\w][\w.:/@-]*",
        allowed="an image reference",
    )
    job_service_account: str = setting(
        "debug-capture-job",
        "Service account of the Job",
        "It needs what a capture needs, in each namespace that is captured from, and nothing more.",
        pattern=NAME,
        allowed="lower-case letters, digits and dashes",
    )
    pods_per_index: int = setting(
        25, "Pods of an index", "How many pods each index of the Job captures.", least=1, most=500
    )
    parallelism: int = setting(8, "Indexes at a time", "How many indexes run side by side.", least=1, most=200)
    job_time_limit_s: int = setting(
        3600,
        "Time limit of the Job in seconds",
        "The cluster ends it after this, whatever it does.",
        least=60,
        most=DAY_S,
    )
    job_spool_mib: int = setting(
        4096, "Spool of an index in MiB", "An emptyDir that never holds more.", least=32, most=1_000_000
    )
    job_secret: str = setting(
        "",
        "Secret with the store's credentials",
        "Name of a Secret in the Job's namespace whose keys are settings of the store: s3_access_key, s3_secret_key. "
        "Blank: one is made of this step's settings, and goes with the Job. A workload identity needs neither.",
        pattern=POD_NAME,
        allowed="a Secret's name",
    )
    job_pod: str = setting(
        "",
        "Custom pod fields",
        "Part of a pod spec in JSON or YAML, put over ours: "
        '{"nodeSelector": {"pool": "batch"}, "imagePullSecrets": [{"name": "registry"}]}. The container is called '
        "capture.",
    )
    resume: str = setting(
        "",
        "Run to take up",
        "Capture ID of a run in the cluster that was not finished: what the store lacks of it is captured, and its "
        "report written anew. Its pods are those that were chosen then.",
        pattern=CAPTURE_ID,
        allowed="a capture ID",
    )
