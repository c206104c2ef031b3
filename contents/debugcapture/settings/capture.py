"""Settings of a capture: collectors, limits, and redaction."""

from dataclasses import dataclass
from typing import ClassVar

from .declare import DAY_S, NAME, Group, dry_run_setting, setting


def _catalog() -> str:
    text = "Path of a YAML file with your own collectors. See docs/write-a-collector.md."
    return setting("", "Custom collector catalog", text, group="Capture: advanced")


@dataclass(frozen=True, kw_only=True)
class CatalogSettings(Group):
    """Your own collectors, in addition to those of the product."""

    title: ClassVar[str] = "Capture"

    catalog: str = _catalog()


@dataclass(frozen=True, kw_only=True)
class CaptureSettings(Group):
    """What is captured, and what a capture may do."""

    title: ClassVar[str] = "Capture"

    collectors: str = setting(
        "standard",
        "Collectors",
        "What to capture: a symptom (stuck, slow, memory, crashing, network), a level of detail (quick, "
        "standard, deep), one kind of data (threads, heap, traffic, logs-and-events), or names of "
        "collectors, separated by commas.",
        pattern=r"[a-z0-9-]+(\s*,\s*[a-z0-9-]+)*",
        allowed="names of collectors, separated by commas",
        required=True,
    )
    catalog: str = _catalog()
    files: str = setting(
        "",
        "Files",
        "Additional paths in the container to capture, separated by spaces. Directories are captured as a tar file.",
        pattern=r"(/\S*)(\s+/\S*)*",
        allowed="absolute paths, separated by spaces",
    )
    log_since_s: int = setting(
        0,
        "Log period (s)",
        "How far back to capture logs. 0: all logs, up to 100,000 lines or 64 MiB.",
        least=0,
        most=31 * DAY_S,
    )
    allow_heavy: bool = setting(
        False,
        "Allow heavy collectors",
        "Allows heap and core dumps. They stop the process for seconds or longer, and write as much data as "
        "the process has memory.",
    )
    force: bool = setting(
        False,
        "Force",
        "Creates a dump even if the liveness probe may restart the container in the meantime, or if the disk may be "
        "too small.",
    )
    cool_down_s: int = setting(
        600,
        "Cooldown of heavy collectors (s)",
        "Minimum time between two dumps of the same workload.",
        least=0,
        most=DAY_S,
        group="Capture: limits",
    )
    heavy_per_day: int = setting(
        5,
        "Heavy collectors per day",
        "Maximum number of dumps of the same workload in 24 hours.",
        least=1,
        most=1000,
        group="Capture: limits",
    )
    when: str = setting(
        "",
        "Condition",
        "Captures a pod only if it meets this condition: memory > 90%, restarts > 3, or not-ready > 120s.",
        pattern=r"(memory\s*>\s*\d{1,3}%|restarts\s*>\s*\d{1,6}|not-ready\s*>\s*\d{1,6}s)?",
        allowed="memory > N%, restarts > N or not-ready > Ns",
    )
    wait_for_restart_s: int = setting(
        0,
        "Wait for next start (s)",
        "If the container is not running, waits this long for its next start, and then captures it.",
        least=0,
        most=3600,
        group="Capture: limits",
    )
    dry_run: bool = dry_run_setting()
    direct_upload_mib: int = setting(
        0,
        "Upload from pod above (MiB)",
        "The debug container uploads dumps of at least this size directly to an S3 or Azure store, with "
        "requests that this machine signs. If the pod cannot reach the store, they are streamed as usual. 0: "
        "never.",
        least=0,
        most=1 << 20,
        group="Capture: limits",
    )
    allow_copy: bool = setting(
        False,
        "Allow pod copies",
        "Creates a copy of the pod if files of a stopped container are not on a volume. The copy only sleeps, has no "
        "labels or probes, and is deleted after the capture. Requires deploy/rbac/namespace/pods.yaml.",
        group="Capture: advanced",
    )
    node_namespace: str = setting(
        "",
        "Namespace of node pods",
        "The collector node-state creates a pod in this namespace, which reads the state of the node and is deleted "
        "afterwards. Blank: node-state is skipped. Requires deploy/rbac/namespace/pods.yaml.",
        pattern=NAME,
        allowed="lower-case letters, digits and dashes",
        group="Capture: advanced",
    )
    debug_time_limit_s: int = setting(
        300,
        "Time limit of the debug container (s)",
        "The debug container stops after this time, even if Rundeck has failed. A capture stops it earlier.",
        least=30,
        most=DAY_S,
        group="Debug container",
    )
    fail_when_partial: bool = setting(
        False,
        "Fail when partial",
        "Ends with exit code 10 if some evidence could not be captured. Off: the job continues, and the "
        "result and the note list what is missing. If nothing was captured that the job requests by name, "
        "the step always fails.",
    )


@dataclass(frozen=True, kw_only=True)
class RedactionSettings(Group):
    """What is masked in text."""

    title: ClassVar[str] = "Redaction"
    folded: ClassVar[bool] = True

    redact: bool = setting(
        True,
        "Redact credentials",
        "Masks tokens, passwords, keys, connection strings and similar values in logs and other text before "
        "they leave the cluster. Dumps are not masked, and are marked as sensitive.",
    )
    redact_patterns: str = setting(
        "",
        "Additional redaction patterns",
        "Regular expressions, one per line. Masks the first group of each match, or the complete match.",
        lines=True,
    )
