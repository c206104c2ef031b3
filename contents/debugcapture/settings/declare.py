"""Every setting, declared once: its type, its text in Rundeck's form, its rule.

A group is a frozen dataclass below `Group`; the annotation of a field gives its kind (`str`, `int`, `bool`,
`Literal` for a choice), `setting()` the rest. plugin.yaml is generated from these groups, and `read` turns the text
that Rundeck hands over (``RD_CONFIG_<NAME>``) into typed values: Rundeck itself checks nothing when a step runs.
"""

import dataclasses
import re
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, TypeVar

from ..errors import BadInput

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
    group: str = ""  # a folded part of the form of its own; blank for that of the dataclass


class Group:
    """Settings that belong together: one part of a step's form."""

    title: ClassVar[str]
    # What an installation sets once, for its project, and hardly a job. It is folded in the form, and has no default
    # there: Rundeck would save that with each step that is edited, and the project's would never count.
    folded: ClassVar[bool] = False


G = TypeVar("G", bound=Group)


def groups(*kinds: type[Group]) -> tuple[Group, ...]:
    """Return a dataclass field that has a group of each of ``kinds``: parts of the form of their own."""
    field: tuple[Group, ...] = dataclasses.field(default=tuple(kind() for kind in kinds), metadata={"parts": kinds})
    return field


def setting(default: T, title: str, description: str, **rule: Any) -> T:
    """Return a dataclass field that carries its `Rule`; typed as its value, so that checkers see a plain field."""
    field: T = dataclasses.field(default=default, metadata={"rule": Rule(title, description, **rule)})
    return field


@dataclass(frozen=True, kw_only=True)
class ConnectionSettings(Group):
    """How to reach the API server."""

    title: ClassVar[str] = "Cluster connection"
    folded: ClassVar[bool] = True

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
class NamespacesSettings(Group):
    """The namespaces that are listed or checked."""

    title: ClassVar[str] = "Namespaces"

    namespaces: str = setting(
        "",
        "Namespaces",
        "Separated by commas. Nodes and dropdowns are made of all namespaces where this is blank, which takes the "
        "right to list what is in the whole cluster.",
        pattern=rf"{NAME}(\s*,\s*{NAME})*",
        allowed="names of namespaces separated by commas",
    )


@dataclass(frozen=True, kw_only=True)
class NodesSettings(Group):
    """Which pods become nodes, and their names."""

    title: ClassVar[str] = "Nodes"

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
class CatalogSettings(Group):
    """Collectors besides ours."""

    title: ClassVar[str] = "Capture"

    catalog: str = _catalog()


@dataclass(frozen=True, kw_only=True)
class ValuesSettings(Group):
    """How many values a dropdown has, and how old they may be."""

    title: ClassVar[str] = "Values of a dropdown"

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
class ListenSettings(Group):
    """Where the options server listens, and for whom."""

    title: ClassVar[str] = "Options server"

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


@dataclass(frozen=True, kw_only=True)
class CommandSettings(Group):
    """The command of a step that runs one."""

    title: ClassVar[str] = "Command"

    command: str = setting(
        "",
        "Command",
        "Program and arguments; quote an argument that has spaces. No shell reads it: write sh -c '…' if you want one.",
        required=True,
    )
    time_limit_s: int = setting(300, "Time limit in seconds", "The command is ended after this.", least=1, most=DAY_S)


Profile = Literal["restricted", "baseline", "general", "netadmin", "sysadmin"]


@dataclass(frozen=True, kw_only=True)
class DebugContainerSettings(Group):
    """The container that is attached to a pod without tools."""

    title: ClassVar[str] = "Debug container"
    folded: ClassVar[bool] = True

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
class CaptureSettings(Group):
    """What is captured, and what a capture may do."""

    title: ClassVar[str] = "Capture"

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
        False,
        "Fail when partial",
        "End with exit code 10 when some of the evidence could not be captured. Off: the job goes on with what there "
        "is, and result and note say what is missing. When nothing of what the job asks for by name was captured, the "
        "step fails in any case.",
    )


@dataclass(frozen=True, kw_only=True)
class RedactionSettings(Group):
    """What is masked in text."""

    title: ClassVar[str] = "Redaction"
    folded: ClassVar[bool] = True

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
class SpoolSettings(Group):
    """Where evidence is kept until a store has it."""

    title: ClassVar[str] = "Spool"
    folded: ClassVar[bool] = True

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
class BundleSettings(Group):
    """Which capture a later step is about."""

    title: ClassVar[str] = "Bundle"

    bundle: str = setting(
        "",
        "Bundle",
        "The bundle's directory, as the capture step hands it on: ${data.bundle}. Blank: the upload sends what waits "
        "in the spool, the note tells the failure.",
    )


@dataclass(frozen=True, kw_only=True)
class ResultSettings(Group):
    """How a step shows its result."""

    title: ClassVar[str] = "Result"

    rendered: bool = setting(
        False,
        "Result as a table",
        "Print the result as HTML: the step's log filter “Render Formatted Data” shows it as a table with links.",
    )


@dataclass(frozen=True, kw_only=True)
class IncidentSettings(Group):
    """The PagerDuty incident, and the account that it is in."""

    title: ClassVar[str] = "PagerDuty incident"

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
class AlertSettings(Group):
    """How alerts are read to find what they are about."""

    title: ClassVar[str] = "Target from the incident's alerts"
    folded: ClassVar[bool] = True

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
class TriggerSettings(Group):
    """Which events of a webhook start a capture."""

    title: ClassVar[str] = "Trigger by alert"

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
class FailureSettings(Group):
    """What to tell the incident when there is no bundle."""

    title: ClassVar[str] = "Failed capture"

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
class RestartSettings(Group):
    """What is done to the workload after the capture."""

    title: ClassVar[str] = "Restart"

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
class GateSettings(Group):
    """How good a capture has to be before a restart."""

    title: ClassVar[str] = "Gate"

    gate: Literal["complete", "partial", "none"] = setting(
        "complete",
        "Only after a capture that is",
        "complete; partial: at least partial; none: in any case, evidence or not. The bundle says what it is.",
    )
    gate_stored: bool = setting(
        True, "Only after it is stored", "The evidence has to be in the store, not on this machine only."
    )


@dataclass(frozen=True, kw_only=True)
class WatchSettings(Group):
    """The capture that is followed."""

    title: ClassVar[str] = "Capture to follow"

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
    set_once: bool  # an installation sets it for its project, and hardly a job; see `Group.folded`
    detail: bool  # in a part of the form beside that of its group: what few need, a page of help leaves out


def declared(step: type[Any]) -> list[Declared]:
    """Return the settings of ``step``, a dataclass of groups, in the order of the form."""
    return [one for group in typing.get_type_hints(step).values() for one in _declared_in(group)]


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
    found: dict[str, str] = {}
    for one in dataclasses.fields(step):  # type: ignore[arg-type]
        found |= _written_of(getattr(step, one.name))
    return found


def _written_of(group: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for field in dataclasses.fields(group):
        value = getattr(group, field.name)
        if "parts" in field.metadata:
            for part in value:
                found |= _written_of(part)
        elif value != field.default:
            found[field.name] = _text(value)
    return found


def _text(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _declare(group: type[Group], field: "dataclasses.Field[Any]", hint: Any) -> Declared:
    choices = tuple(str(choice) for choice in typing.get_args(hint))
    kind: Literal["text", "number", "switch", "choice"]
    kind = "choice" if choices else "switch" if hint is bool else "number" if hint is int else "text"
    default = str(field.default).lower() if hint is bool else str(field.default)
    rule: Rule = field.metadata["rule"]
    detail = bool(rule.group)
    return Declared(field.name, rule.group or group.title, kind, choices, default, rule, detail or group.folded, detail)


def _declared_in(group: type[Group]) -> Iterator[Declared]:
    hints = typing.get_type_hints(group)
    for field in dataclasses.fields(group):  # type: ignore[arg-type]
        if "parts" in field.metadata:
            for part in field.metadata["parts"]:
                yield from (dataclasses.replace(one, detail=True) for one in _declared_in(part))
        else:
            yield _declare(group, field, hints[field.name])


def _read_group(group: type[Any], values: Mapping[str, str], problems: list[str]) -> dict[str, Any]:
    read_values: dict[str, Any] = {}
    hints = typing.get_type_hints(group)
    for field in dataclasses.fields(group):
        if "parts" in field.metadata:
            kinds: tuple[type[Any], ...] = field.metadata["parts"]
            read_values[field.name] = tuple(kind(**_read_group(kind, values, problems)) for kind in kinds)
            continue
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
    least, most = one.rule.least or 0, one.rule.most
    if re.fullmatch(r"\d{1,9}", text) and least <= int(text) and (most is None or int(text) <= most):
        return ""
    bounds = f"of {least} or more" if most is None else f"from {least} to {most}"
    return f"{one.name} must be a number {bounds}, not {text!r}"


def _typed(one: Declared, text: str) -> str | int | bool:
    if one.kind == "switch":
        return text == "true"
    return int(text) if one.kind == "number" else text


@dataclass(frozen=True, slots=True)
class Sampling:
    """From how many pods on a sample is enough, and how many of a workload make one."""

    above: int
    per_workload: int
