"""Settings of a capture: what it takes, how much of it, and what is masked."""

from dataclasses import dataclass
from typing import ClassVar

from .declare import DAY_S, NAME, Group, setting


def _catalog() -> str:
    text = "Path of a YAML file with collectors of yours; docs/collectors.md tells its form."
    return setting("", "Catalog of your own", text, group="Capture: more")


@dataclass(frozen=True, kw_only=True)
class CatalogSettings(Group):
    """Collectors besides ours."""

    title: ClassVar[str] = "Capture"

    catalog: str = _catalog()


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
