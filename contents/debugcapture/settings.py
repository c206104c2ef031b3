"""Every setting, declared once: its type, its text in Rundeck's form, its rule.

A group is a frozen dataclass; the annotation of a field gives its kind (`str`, `int`, `bool`, `Literal` for a
choice), `setting()` the rest. plugin.yaml is generated from these groups, and `read` turns the text that Rundeck
hands over (``RD_CONFIG_<NAME>``) into typed values: Rundeck itself checks nothing when a step runs.
"""

import dataclasses
import re
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from . import store_kinds
from .errors import BadInput

T = TypeVar("T")

NAME = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"
POD_NAME = r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?"
CAPTURE_ID = r"\d{8}T\d{6}Z-[a-z0-9.-]+"
DAY_S = 24 * 60 * 60
_REFERENCE = re.compile(r"\$\{(option|data|export|globals|job|node)\.[^}]*\}")  # what Rundeck replaces in a step
REQUESTS_PER_S = 50  # as kubectl


@dataclass(frozen=True)
class Rule:
    """What a form shows for a setting, and which values it takes."""

    title: str
    description: str
    pattern: str = ""
    allowed: str = ""  # the pattern in words
    least: int | None = None
    most: int | None = None
    required: bool = False
    lines: bool = False  # may have several lines
    syntax: str = ""  # of several lines: what an editor colors them as
    secret: bool = False  # comes from Key Storage; its value is never printed
    nothing: str = ""  # what stands for blank: text that Rundeck makes of a value that is not there
    group: str = ""  # a part of the form of its own, set once (see below); blank for that of the dataclass


# What an installation sets once, for its project, and hardly a job. It is folded in the form, and has no default there:
# Rundeck would save that with each step that is edited, and the project's would never count.
SET_ONCE = ("Cluster connection", "Debug container", "Redaction", "Spool", "Store", "Target from the incident's alerts")


def setting(default: T, title: str, description: str, **rule: Any) -> T:
    """Return a dataclass field that carries its `Rule`; typed as its value, so that checkers see a plain field."""
    field: T = dataclasses.field(default=default, metadata={"rule": Rule(title, description, **rule)})
    return field


@dataclass(frozen=True, kw_only=True)
class ConnectionSettings:
    """Cluster connection."""

    kubeconfig: str = setting(
        "",
        "kubeconfig file",
        "Path of a kubeconfig on this machine. Leave all of this group blank inside a cluster: "
        "the pod's service account is used.",
    )
    kubeconfig_content: str = setting("", "kubeconfig content", "A whole kubeconfig, kept in Key Storage.", secret=True)
    context: str = setting("", "Context", "Context of the kubeconfig; blank for its current one.")
    server: str = setting(
        "",
        "API server URL",
        "For example https://10.0.0.1:6443; needs a token.",
        pattern=r"https://[^\s/]+(/\S*)?",
        allowed="an https:// URL",
    )
    token: str = setting("", "Token", "Bearer token of a service account, kept in Key Storage.", secret=True)
    ca_certificate: str = setting(
        "", "CA certificate", "The cluster's CA in PEM, kept in Key Storage; blank for the system's CAs.", secret=True
    )
    verify_tls: bool = setting(
        True, "Verify TLS", "Check the server's certificate. Turn off for a throw-away cluster only."
    )
    requests_per_s: int = setting(
        REQUESTS_PER_S,
        "Requests a second",
        "How many requests the API server gets from one step on average, at most; attaches and commands go first.",
        least=1,
        most=1000,
    )


def _catalog() -> str:
    text = "Path of a YAML file with collectors of yours; docs/collectors.md tells its form."
    return setting("", "Catalog of your own", text, group="Capture: more")


Choice = Literal["unhealthy-first", "newest", "oldest", "all"]


@dataclass(frozen=True, kw_only=True)
class TargetSettings:
    """Target."""

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
class NamespacesSettings:
    """Namespaces."""

    namespaces: str = setting(
        "",
        "Namespaces",
        "Separated by commas. Nodes and dropdowns are made of all namespaces where this is blank, which takes the "
        "right to list what is in the whole cluster.",
        pattern=rf"{NAME}(\s*,\s*{NAME})*",
        allowed="names of namespaces separated by commas",
    )


@dataclass(frozen=True, kw_only=True)
class NodesSettings:
    """Nodes."""

    pod_selector: str = setting(
        "",
        "Label selector",
        "Only pods with these labels, for example tier=backend.",
        pattern=r"[\w./,=!() -]+",
        allowed="a label selector as kubectl takes it",
    )
    cluster_name: str = setting(
        "",
        "Name of the cluster",
        "Comes before the nodes' names, where a project has several clusters.",
        pattern=r"[A-Za-z0-9-]+",
        allowed="letters, digits and dashes",
    )


@dataclass(frozen=True, kw_only=True)
class CatalogSettings:
    """Capture."""

    catalog: str = _catalog()


@dataclass(frozen=True, kw_only=True)
class ValuesSettings:
    """Values of a dropdown."""

    most_values: int = setting(500, "At most this many values", "A longer list is cut.", least=1, most=5000)
    wait_s: int = setting(
        5,
        "Wait at most (seconds)",
        "For the API server. The last list serves when it takes longer, and its labels say from when it is.",
        least=1,
        most=30,
    )
    fresh_s: int = setting(
        10,
        "Ask again after (seconds)",
        "A list that is younger serves without a question to the API server.",
        least=0,
        most=3600,
    )


@dataclass(frozen=True, kw_only=True)
class ListenSettings:
    """Options server."""

    listen: str = setting(
        "127.0.0.1:8790",
        "Listen on",
        "IP address and port, for example 127.0.0.1:8790 or [::1]:8790. It speaks plain HTTP: on any address but "
        "loopback something in front of it has to speak TLS.",
        pattern=r"(\d{1,3}(\.\d{1,3}){3}|\[[0-9a-fA-F:.]+\]):\d{1,5}",
        allowed="an IP address and a port, an IPv6 address in brackets",
        required=True,
    )
    options_token: str = setting(
        "",
        "Token of the options server",
        "Whoever asks gives it as a bearer token: 16 characters at least, for example from `openssl rand -hex 32`.",
        pattern=r"[\x21-\x7e]{16,512}",
        allowed="16 characters at least, without spaces",
        required=True,
        secret=True,
    )


@dataclass(frozen=True, kw_only=True)
class ManyPodsSettings:
    """Many pods."""

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


@dataclass(frozen=True, kw_only=True)
class InClusterSettings:
    """Many pods: in the cluster."""

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


@dataclass(frozen=True, kw_only=True)
class CommandSettings:
    """Command."""

    command: str = setting(
        "",
        "Command",
        "Program and arguments; quote an argument that has spaces. No shell reads it: write sh -c '…' if you want one.",
        required=True,
    )
    time_limit_s: int = setting(
        300, "Time limit in seconds", "The command is given up after this.", least=1, most=DAY_S
    )


Profile = Literal["restricted", "baseline", "general", "netadmin", "sysadmin"]


@dataclass(frozen=True, kw_only=True)
class DebugContainerSettings:
    """Debug container."""

    image: str = setting(
        "",
        "Debug image",
        "Image with the tools, for containers that have none; deploy/toolbox builds it. "
        "Blank: no debug container is ever attached.",
        pattern=r"[\w][\w.:/@-]*",
        allowed="an image reference",
    )
    profile: Profile = setting(
        "restricted",
        "Security profile",
        "The most that a debug container may do, as in kubectl debug. A collector gets the least that does: restricted "
        "runs as the target's user without any capability and is enough for nearly all; sysadmin is privileged.",
    )
    run_as: Literal["target", "image"] = setting(
        "target",
        "Run as",
        "The user of the debug container: the target's, which its files need, or the debug image's own.",
    )
    environment: str = setting(
        "",
        "Environment",
        "Variables of the debug container, NAME=VALUE, separated by spaces; quote a value that has spaces.",
    )
    custom: str = setting(
        "",
        "Custom container fields",
        "Part of a container spec in JSON or YAML, put over ours, as in kubectl debug --custom: "
        '{"imagePullPolicy": "Always"}.',
        lines=True,
        syntax="yaml",
    )


@dataclass(frozen=True, kw_only=True)
class CaptureSettings:
    """Capture."""

    collectors: str = setting(
        "standard",
        "Collectors",
        "What to capture: a symptom (stuck, slow, memory, crashing, network), a depth (quick, standard, deep), one "
        "kind (threads, heap, traffic, logs-and-events), or collectors by name, separated by commas.",
        pattern=r"[a-z0-9-]+(\s*,\s*[a-z0-9-]+)*",
        allowed="collector names separated by commas",
        required=True,
    )
    catalog: str = _catalog()
    files: str = setting(
        "",
        "Files",
        "Paths in the container to take as well, separated by spaces; folders come whole, as a tar file.",
        pattern=r"(/\S*)(\s+/\S*)*",
        allowed="absolute paths separated by spaces",
    )
    log_since_s: int = setting(
        0,
        "Logs of the last seconds",
        "0 for all that there is, up to 100,000 lines or 64 MiB.",
        least=0,
        most=31 * DAY_S,
    )
    allow_heavy: bool = setting(
        False,
        "Allow heavy collectors",
        "Heap and core dumps: they stop the process for seconds or longer and write as much as it has memory.",
    )
    insist: bool = setting(
        False,
        "Insist",
        "Take a dump although the liveness probe may restart the container meanwhile, or the disk may be too small.",
    )
    cool_down_s: int = setting(
        600,
        "Cool-down of heavy collectors in seconds",
        "A workload is not dumped again before this has passed.",
        least=0,
        most=DAY_S,
        group="Capture: limits",
    )
    heavy_per_day: int = setting(
        5,
        "Heavy collectors a day",
        "How often a workload may be dumped in 24 hours.",
        least=1,
        most=1000,
        group="Capture: limits",
    )
    when: str = setting(
        "",
        "Only when",
        "A condition on the pod, else nothing is done: memory > 90%, restarts > 3, not-ready > 120s.",
        pattern=r"(memory\s*>\s*\d{1,3}%|restarts\s*>\s*\d{1,6}|not-ready\s*>\s*\d{1,6}s)?",
        allowed="memory > N%, restarts > N or not-ready > Ns",
    )
    wait_for_restart_s: int = setting(
        0,
        "Wait for a restart (seconds)",
        "A container that does not run is caught at its next start, if that comes within this time.",
        least=0,
        most=3600,
        group="Capture: limits",
    )
    dry_run: bool = setting(
        False, "Dry run", "Tell what would be captured, how, with which privileges, and do nothing."
    )
    direct_mib: int = setting(
        0,
        "Straight to the store from (MiB)",
        "Dumps of this size or more are sent by the debug container itself to an S3 or Azure store, by requests that "
        "this machine signs; where the pod cannot reach the store they are streamed as usual. 0: never.",
        least=0,
        most=1 << 20,
        group="Capture: limits",
    )
    allow_copy: bool = setting(
        False,
        "Allow a copy of the pod",
        "For files of a container that does not run and that are on no volume: a copy of the pod that only sleeps, "
        "without labels and probes, is made and removed again. Needs deploy/rbac/namespace/pods.yaml.",
        group="Capture: more",
    )
    node_namespace: str = setting(
        "",
        "Namespace of node pods",
        "For the collector node-state: where a pod that looks at the node may be made; it is removed again. "
        "Blank: none is made. Needs deploy/rbac/namespace/pods.yaml.",
        pattern=NAME,
        allowed="lower-case letters, digits and dashes",
        group="Capture: more",
    )
    debug_time_limit_s: int = setting(
        300,
        "Time limit of the debug container in seconds",
        "It ends by itself after this, even if Rundeck is gone; the capture ends it sooner.",
        least=30,
        most=DAY_S,
        group="Capture: limits",
    )
    fail_when_partial: bool = setting(
        True, "Fail when partial", "End with exit code 10 when some of the evidence could not be captured."
    )


@dataclass(frozen=True, kw_only=True)
class RedactionSettings:
    """Redaction."""

    redact: bool = setting(
        True,
        "Mask credentials in text",
        "Tokens, passwords, keys, connection strings and the like do not leave the cluster in logs and other text. "
        "Dumps stay as they are, and are marked as sensitive.",
    )
    redact_patterns: str = setting(
        "",
        "Patterns to mask as well",
        "Regular expressions, one a line; the first group of each is masked, or all that it matches.",
        lines=True,
    )


@dataclass(frozen=True, kw_only=True)
class SpoolSettings:
    """Spool."""

    spool: str = setting(
        "",
        "Spool directory",
        "Where evidence is kept until it is in the store. Blank: var/debug-captures of this Rundeck, or of the user's "
        "own state directory on a command line.",
    )
    spool_limit: int = setting(
        20480, "Spool limit in MiB", "The spool never holds more.", least=32, most=100_000_000, group="Spool: limits"
    )
    spool_free: int = setting(
        1024,
        "Free space in MiB",
        "What the spool leaves free on its disk.",
        least=0,
        most=100_000_000,
        group="Spool: limits",
    )


@dataclass(frozen=True, kw_only=True)
class BundleSettings:
    """Bundle."""

    bundle: str = setting(
        "",
        "Bundle",
        "The bundle's directory, as the capture step hands it on: ${data.bundle}. Blank: the upload sends what waits "
        "in the spool, the note tells the failure.",
    )


@dataclass(frozen=True, kw_only=True)
class StoreSettings:
    """Store."""

    store: str = setting(
        "",
        "Store URL",
        f"{store_kinds.SHOWN}. Blank: the evidence stays in the spool.",
        pattern=store_kinds.FORM,
        allowed=store_kinds.SHOWN,
    )
    s3_endpoint: str = setting(
        "",
        "S3 endpoint",
        "URL of an S3-compatible server; blank for AWS.",
        pattern=r"https?://[^\s/]+/?",
        allowed="an http:// or https:// URL without a path",
        group="Store: S3",
    )
    s3_region: str = setting(
        "",
        "S3 region",
        "For example eu-central-1; blank for the machine's own configuration.",
        pattern=r"[a-z0-9-]+",
        allowed="lower-case letters, digits and dashes",
        group="Store: S3",
    )
    s3_style: Literal["auto", "path", "virtual"] = setting(
        "auto",
        "S3 addressing",
        "Bucket in the path or in the host name; auto: in the path where an endpoint is set.",
        group="Store: S3",
    )
    s3_access_key: str = setting(
        "",
        "S3 access key",
        "Kept in Key Storage; blank for the machine's own role or profile.",
        secret=True,
        group="Store: S3",
    )
    s3_secret_key: str = setting("", "S3 secret key", "Kept in Key Storage.", secret=True, group="Store: S3")
    s3_session_token: str = setting(
        "", "S3 session token", "Of temporary keys, kept in Key Storage.", secret=True, group="Store: S3"
    )
    s3_profile: str = setting(
        "", "AWS profile", "Of ~/.aws/config of Rundeck's user.", pattern=r"\S+", allowed="a name", group="Store: S3"
    )
    s3_role: str = setting(
        "",
        "AWS role",
        "ARN of a role to assume with the keys, the profile or the machine's own identity.",
        pattern=r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+",
        allowed="arn:aws:iam::ACCOUNT:role/NAME",
        group="Store: S3",
    )
    s3_external_id: str = setting(
        "",
        "External ID of the AWS role",
        "Where its trust policy asks for one.",
        pattern=r"[\w+=,.@:/-]{2,1224}",
        allowed="2 to 1224 letters, digits and +=,.@:/-",
        group="Store: S3",
    )
    s3_encryption: Literal["default", "AES256", "aws:kms", "aws:kms:dsse"] = setting(
        "default", "S3 encryption", "The bucket's own, or another: on the server, with its keys.", group="Store: S3"
    )
    s3_kms_key: str = setting(
        "",
        "S3 KMS key",
        "ID or ARN of the key for aws:kms; blank for the account's own.",
        pattern=r"[\w:/-]{1,2048}",
        allowed="a key's ID or ARN",
        group="Store: S3",
    )
    s3_storage_class: str = setting(
        "",
        "S3 storage class",
        "For example STANDARD_IA; blank for the default. Links to GLACIER and DEEP_ARCHIVE do not open.",
        pattern=r"[A-Z][A-Z0-9_]*",
        allowed="capital letters and _",
        group="Store: S3",
    )
    s3_tags: str = setting(
        "",
        "S3 tags",
        "Of each object: team=payments, purpose=debug; ten at most.",
        pattern=r"[\w+.:/@ -]+=[\w+.:/@= -]*(,[\w+.:/@ -]+=[\w+.:/@= -]*){0,9}",
        allowed="KEY=VALUE, separated by commas",
        group="Store: S3",
    )
    s3_lock: Literal["none", "GOVERNANCE", "COMPLIANCE"] = setting(
        "none",
        "S3 object lock",
        "Keeps objects from being deleted or written over; the bucket has to allow it.",
        group="Store: S3",
    )
    s3_lock_days: int = setting(
        30, "S3 object lock, days", "How long the lock holds.", least=1, most=36500, group="Store: S3"
    )
    s3_bucket_owner: str = setting(
        "",
        "S3 bucket owner",
        "Account that has to own the bucket, else nothing is sent.",
        pattern=r"\d{12}",
        allowed="the 12 digits of an AWS account",
        group="Store: S3",
    )
    azure_endpoint: str = setting(
        "",
        "Azure blob endpoint",
        "URL of the account where it is not https://ACCOUNT.blob.core.windows.net: a sovereign cloud, or Azurite.",
        pattern=r"https?://\S+",
        allowed="an http:// or https:// URL",
        group="Store: Azure",
    )
    azure_key: str = setting(
        "",
        "Azure account key",
        "Kept in Key Storage. Without key and SAS the machine's own identity is used (workload or managed identity).",
        secret=True,
        group="Store: Azure",
    )
    azure_sas: str = setting(
        "", "Azure SAS token", "For the container, kept in Key Storage.", secret=True, group="Store: Azure"
    )
    azure_connection_string: str = setting(
        "",
        "Azure connection string",
        "Kept in Key Storage; in place of key, SAS token and endpoint.",
        secret=True,
        group="Store: Azure",
    )
    azure_tier: Literal["default", "Hot", "Cool", "Cold"] = setting(
        "default", "Azure access tier", "The account's own, or another.", group="Store: Azure"
    )
    azure_tags: str = setting(
        "",
        "Azure blob index tags",
        "Of each blob: team=payments, purpose=debug; ten at most.",
        pattern=r"[\w+.:/ -]+=[\w+.:/= -]*(,[\w+.:/ -]+=[\w+.:/= -]*){0,9}",
        allowed="KEY=VALUE, separated by commas",
        group="Store: Azure",
    )
    azure_immutable_days: int = setting(
        0,
        "Azure immutability in days",
        "For so long a blob cannot be deleted or written over; the container has to allow it. 0 for none.",
        least=0,
        most=146_000,
        group="Store: Azure",
    )
    sftp_password: str = setting("", "SFTP password", "Kept in Key Storage.", secret=True, group="Store: SFTP")
    sftp_private_key: str = setting(
        "",
        "SFTP private key",
        "Kept in Key Storage; without key and password the SSH agent is asked.",
        secret=True,
        group="Store: SFTP",
    )
    sftp_passphrase: str = setting(
        "", "Passphrase of the SFTP key", "Kept in Key Storage.", secret=True, group="Store: SFTP"
    )
    sftp_known_hosts: str = setting(
        "",
        "SFTP known hosts",
        "Lines as in known_hosts, kept in Key Storage. Blank: ~/.ssh/known_hosts of Rundeck's user.",
        secret=True,
        group="Store: SFTP",
    )
    sftp_jump: str = setting(
        "",
        "SFTP jump host",
        "USER@HOST:PORT of a host to go through; it takes the same key or password.",
        pattern=r"[^\s/@:]+@[^\s/@]+",
        allowed="USER@HOST or USER@HOST:PORT",
        group="Store: SFTP",
    )
    sftp_file_mode: str = setting(
        "640",
        "SFTP file mode",
        "Permissions of the files, in octal; 'server' leaves them to the server.",
        pattern=r"[0-7]{3,4}|server",
        allowed="octal digits as in 640, or server",
        group="Store: SFTP",
    )
    sftp_folder_mode: str = setting(
        "750",
        "SFTP folder mode",
        "Permissions of the folders that are made, in octal; 'server' leaves them to the server.",
        pattern=r"[0-7]{3,4}|server",
        allowed="octal digits as in 750, or server",
        group="Store: SFTP",
    )
    link: Literal["signed", "console"] = setting(
        "signed",
        "Links",
        "signed: whoever has the link can open it, until it expires (S3 and Azure); console: it opens the object in "
        "the AWS console, for who is logged in there.",
    )
    encrypt_to: str = setting(
        "",
        "Encrypt for",
        "Public keys of those who may read the evidence, one a line: age1…, or a line of an SSH .pub file. Everything "
        "but the bundle's page is encrypted before it leaves this machine. Blank: the store's own encryption only.",
        pattern=r"(age1[a-z0-9]+|ssh-(ed25519|rsa) [A-Za-z0-9+/=]+( [^\r\n]*)?|\s)+",
        allowed="age1… or ssh-… public keys, one a line",
        lines=True,
        group="Store: encryption",
    )
    link_base: str = setting(
        "",
        "Base of the links",
        "URL of yours in front of the store, with a login of yours: https://evidence.example.com/. The key in the "
        "store follows, and nothing expires.",
        pattern=r"https?://[^\s?#]+",
        allowed="an http:// or https:// URL",
    )
    link_valid_s: int = setting(
        7 * DAY_S,
        "Links are valid for (seconds)",
        "How long a link opens without an AWS login; S3 allows 7 days at most.",
        least=60,
        most=7 * DAY_S,
    )


@dataclass(frozen=True, kw_only=True)
class ResultSettings:
    """Result."""

    rendered: bool = setting(
        False,
        "Result as a table with links",
        "Print the result as HTML, which the step's log filter “Render Formatted Data” shows as a table with links.",
    )


@dataclass(frozen=True, kw_only=True)
class IncidentSettings:
    """PagerDuty incident."""

    incident_id: str = setting(
        "",
        "Incident ID",
        "The PagerDuty incident that gets the note. Blank: no note.",
        pattern=r"[A-Z0-9]{6,32}",
        nothing="null",  # a webhook's, for an event without an incident
        allowed="capital letters and digits, as in Q1ABCDEFGHIJKL",
    )
    pagerduty_token: str = setting(
        "",
        "PagerDuty API key",
        "User key, account key or OAuth token (pdus+…), kept in Key Storage.",
        secret=True,
        group="PagerDuty: account",
    )
    pagerduty_from: str = setting(
        "",
        "From e-mail",
        "A PagerDuty user's e-mail; an account key needs it.",
        pattern=r"[^@\s]+@[^@\s]+",
        allowed="an e-mail address",
        group="PagerDuty: account",
    )
    pagerduty_url: str = setting(
        "https://api.pagerduty.com",
        "PagerDuty API URL",
        "https://api.eu.pagerduty.com in the EU service region.",
        pattern=r"(https://[^\s/]+|http://(127\.0\.0\.1|localhost|\[::1\])(:\d+)?)/?",
        allowed="an https:// URL",
        required=True,
        group="PagerDuty: account",
    )
    pagerduty_field: str = setting(
        "",
        "Custom field for the link",
        "Name of a custom field (URL or text) of incidents that gets the link too, or that of the Rundeck execution "
        "where the link has more than the 200 characters that PagerDuty takes. Blank: none.",
        pattern=r"[a-z0-9_]{1,50}",
        allowed="lower-case letters, digits and underscores",
        group="PagerDuty: more than the note",
    )
    pagerduty_status_update: bool = setting(
        False,
        "Publish a status update",
        "At the end of a capture, to all who subscribed to the incident: it is mailed to them.",
        group="PagerDuty: more than the note",
    )
    pagerduty_integration_key: str = setting(
        "",
        "Integration key for a change event",
        "Of an Events API v2 integration of the service, kept in Key Storage: the end of a capture is then a change "
        "event on its time line, with the link. All that can be told where no API key is to be had. Blank: none.",
        secret=True,
        group="PagerDuty: more than the note",
    )
    pagerduty_ca: str = setting(
        "",
        "CA certificate for PagerDuty",
        "In PEM, kept in Key Storage, where a proxy of yours opens TLS; blank for the system's CAs.",
        secret=True,
        group="PagerDuty: account",
    )


@dataclass(frozen=True, kw_only=True)
class AlertSettings:
    """Target from the incident's alerts."""

    cluster: str = setting(
        "",
        "Name of this cluster",
        "As alerts name it: alerts about another cluster are left to the Rundeck project of that. Blank: all are ours.",
        pattern=r"[A-Za-z0-9][\w.:/@-]{0,252}",
        allowed="letters, digits and ._:/@-",
    )
    senders: str = setting(
        "",
        "Alert senders of your own",
        "Path of a YAML file with rules that find the pod in alerts; docs/pagerduty.md tells its form.",
    )
    default_namespace: str = setting(
        "default",
        "Namespace of alerts without one",
        "Where to look for the pods of alerts that name no namespace.",
        pattern=NAME,
        allowed="lower-case letters, digits and dashes",
        required=True,
    )


@dataclass(frozen=True, kw_only=True)
class TriggerSettings:
    """Trigger by alert."""

    event_type: str = setting(
        "",
        "Event type",
        "What a webhook says that happened: ${option.event_type}. Blank or manual: somebody runs the job.",
        pattern=r"[\w.-]{1,100}",
        allowed="an event type as PagerDuty names it",
    )
    events: str = setting(
        "incident.triggered,incident.reopened",
        "Events that capture",
        "Event types separated by commas; another one ends the step at once, and well.",
        pattern=r"[\w.-]+(\s*,\s*[\w.-]+)*",
        allowed="event types separated by commas",
    )
    join_s: int = setting(
        600,
        "Join a capture of the last seconds",
        "Where the target comes from the incident: a capture of the same workload that runs, or ended less than this "
        "ago, is linked in this incident too, and none is made. 0: always capture.",
        least=0,
        most=DAY_S,
    )


@dataclass(frozen=True, kw_only=True)
class FailureSettings:
    """Failed capture."""

    failure: str = setting(
        "", "Failure", "What to tell the incident when there is no bundle: ${data.summary}. Blank: nothing."
    )
    capture_id: str = setting(
        "",
        "Capture ID",
        "${data.capture_id}: the note that told the start of a capture that failed then tells its end.",
        pattern=CAPTURE_ID,
        allowed="a capture ID",
    )


@dataclass(frozen=True, kw_only=True)
class RestartSettings:
    """Restart."""

    action: Literal["restart", "undo", "delete-pod", "scale"] = setting(
        "restart",
        "What to do",
        "restart: rollout restart; undo: rollout undo, to revision; delete-pod: the pod, which is made again; scale: "
        "to replicas. Needs deploy/rbac/namespace/capture-and-restart.yaml.",
    )
    revision: int = setting(0, "Revision", "For undo; 0 is the one before.", least=0, most=999999999)
    replicas: int = setting(1, "Replicas", "For scale.", least=0, most=1000)
    rollout_limit_s: int = setting(
        300, "Time limit of the rollout in seconds", "How long to wait until all is well again.", least=1, most=DAY_S
    )
    preview: bool = setting(
        False, "Preview", "Tell what would be done, have the API server check that it may be, and do nothing."
    )


@dataclass(frozen=True, kw_only=True)
class GateSettings:
    """Gate."""

    gate: Literal["complete", "partial", "none"] = setting(
        "complete",
        "Only after a capture that is",
        "complete; partial: at least partial; none: in any case, evidence or not. The bundle says what it is.",
    )
    gate_stored: bool = setting(
        True, "Only after it is stored", "The evidence has to be in the store, not on this machine only."
    )


@dataclass(frozen=True, kw_only=True)
class WatchSettings:
    """Capture to follow."""

    capture_id: str = setting(
        "",
        "Capture ID",
        "The name of the bundle in the spool; blank for the newest.",
        pattern=CAPTURE_ID,
        allowed="a capture ID",
    )


@dataclass(frozen=True)
class Declared:
    """One setting of a step, as generators and documents need it."""

    name: str
    group: str
    kind: Literal["text", "number", "switch", "choice"]
    choices: tuple[str, ...]
    default: str
    rule: Rule

    @property
    def set_once(self) -> bool:
        """Tell whether an installation sets it for its project, and hardly a job."""
        return bool(self.rule.group) or self.group in SET_ONCE


def declared(step: type[Any]) -> list[Declared]:
    """Return the settings of ``step``, a dataclass of groups, in the order of the form."""
    return [
        _declare(group, field, typing.get_type_hints(group)[field.name])
        for group in typing.get_type_hints(step).values()
        for field in dataclasses.fields(group)
    ]


def read(step: type[T], values: Mapping[str, str]) -> T:
    """Return ``step`` filled from ``values`` (setting name → text); blank text stands for the default.

    Raises BadInput that names every wrong value; a secret's value is not repeated.
    """
    problems: list[str] = []
    groups = {
        name: group(**_read_group(group, values, problems)) for name, group in typing.get_type_hints(step).items()
    }
    if problems:
        raise BadInput("wrong settings", "; ".join(problems), "Nothing was touched: correct them and run again.")
    return step(**groups)


def written(step: object) -> dict[str, str]:
    """Return the settings of ``step``, a dataclass of groups, as text: what `read` makes the same step of.

    Those that have their default are left out.
    """
    return {
        field.name: _text(getattr(group, field.name))
        for group in (getattr(step, one.name) for one in dataclasses.fields(step))  # type: ignore[arg-type]
        for field in dataclasses.fields(group)
        if getattr(group, field.name) != field.default
    }


def _text(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _declare(group: type[Any], field: "dataclasses.Field[Any]", hint: Any) -> Declared:
    choices = tuple(str(choice) for choice in typing.get_args(hint))
    kind: Literal["text", "number", "switch", "choice"]
    kind = "choice" if choices else "switch" if hint is bool else "number" if hint is int else "text"
    default = str(field.default).lower() if hint is bool else str(field.default)
    title = (group.__doc__ or "").rstrip(".")
    title = field.metadata["rule"].group or title
    return Declared(field.name, title, kind, choices, default, field.metadata["rule"])


def _read_group(group: type[Any], values: Mapping[str, str], problems: list[str]) -> dict[str, Any]:
    read_values: dict[str, Any] = {}
    hints = typing.get_type_hints(group)
    for field in dataclasses.fields(group):
        one = _declare(group, field, hints[field.name])
        text = values.get(field.name, "").strip()
        text = "" if text == one.rule.nothing else text
        problem = problem_of(one, text or one.default)
        if problem:
            problems.append(problem)
        else:
            read_values[field.name] = _typed(one, text or one.default)
    return read_values


def problem_of(one: Declared, text: str) -> str:
    """Return what is wrong with ``text`` as the value of the setting ``one``; "" when nothing is."""
    rule = one.rule
    if not text:
        return f"{one.name} is missing ({rule.title})" if rule.required else ""
    problem = _form_problem(one, text)
    if problem and not rule.secret and (reference := _REFERENCE.search(text)):
        return f"{problem}: Rundeck did not replace {reference[0]}; check that the job has that option or value"
    return problem


def _form_problem(one: Declared, text: str) -> str:
    """Return how ``text`` breaks the rule of the setting ``one``; "" when it does not."""
    rule = one.rule
    if any("\ud800" <= character <= "\udfff" or character == "\0" for character in text):
        return f"{one.name} is not text in UTF-8"
    shown = "its value" if rule.secret else repr(text)
    if one.kind == "choice" and text not in one.choices:
        return f"{one.name} must be one of {', '.join(one.choices)}, not {shown}"
    if one.kind == "switch" and text not in ("true", "false"):
        return f"{one.name} must be true or false, not {shown}"
    if one.kind == "number":
        return _number_problem(one, text)
    if rule.pattern and not (re.fullmatch(rule.pattern, text) and (rule.lines or text.isprintable())):
        return f"{one.name} must be {rule.allowed}, not {shown}"
    return ""


def _number_problem(one: Declared, text: str) -> str:
    rule = one.rule
    within = re.fullmatch(r"\d{1,9}", text) and (rule.least or 0) <= int(text) <= (rule.most or int(text))
    return "" if within else f"{one.name} must be a number from {rule.least} to {rule.most}, not {text!r}"


def _typed(one: Declared, text: str) -> str | int | bool:
    if one.kind == "switch":
        return text == "true"
    return int(text) if one.kind == "number" else text
