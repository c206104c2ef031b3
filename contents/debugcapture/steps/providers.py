"""The step plugins: name, description and module of each. plugin.yaml is generated from this list."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..model import Outcome
from ..runtime.context import RunContext
from ..runtime.exit_codes import NOT_ANNOTATED, NOT_RESTARTED, NOT_STORED, NOTHING_CAPTURED
from .shared import Step


def _capture() -> Step:
    from . import capture

    return capture.STEP


def _incident_target() -> Step:
    from . import incident_target

    return incident_target.STEP


def _execute() -> Step:
    from . import execute

    return execute.STEP


def _attach() -> Step:
    from . import attach

    return attach.STEP


def _upload() -> Step:
    from . import upload

    return upload.STEP


def _incident_note() -> Step:
    from . import incident_note

    return incident_note.STEP


def _open_capture() -> Step:
    from . import open_capture

    return open_capture.STEP


def _renew_links() -> Step:
    from . import renew_links

    return renew_links.STEP


def _doctor() -> Step:
    from . import doctor

    return doctor.STEP


def _nodes() -> Step:
    from . import nodes

    return nodes.STEP


def _restart() -> Step:
    from . import restart

    return restart.STEP


def _namespaces() -> Step:
    from . import options

    return options.NAMESPACES


def _workloads() -> Step:
    from . import options

    return options.WORKLOADS


def _pods() -> Step:
    from . import options

    return options.PODS


def _collectors() -> Step:
    from . import options

    return options.COLLECTORS


def _options_server() -> Step:
    from . import options_server

    return options_server.STEP


def _evidence_server() -> Step:
    from . import evidence_server

    return evidence_server.STEP


@dataclass(frozen=True, slots=True)
class Provider:
    """One step plugin. `cli/commands.py` also makes it a command."""

    name: str
    title: str
    description: str
    step: Callable[[], Step]
    """Imports and returns the step, so that other steps do not import its dependencies."""
    failure_code: int = NOTHING_CAPTURED
    """The exit code for errors without their own; see runtime/exit_codes.py."""
    streams: bool = False
    """Whether standard output contains only the output of a command."""
    lists_nodes: bool = False
    """Whether it is a node source instead of a step."""
    lists_values: bool = False
    """Whether it fills a dropdown instead of being a step."""
    from_node: Mapping[str, str] = field(default_factory=dict)
    """The node attribute that each setting comes from, if the step runs on nodes."""

    @property
    def settings(self) -> type[Any]:
        """Return its settings: a dataclass of groups."""
        return self.step().settings

    @property
    def run(self) -> Callable[[Any, RunContext], Outcome]:
        """Return the function that runs it."""
        return self.step().run

    @property
    def command(self) -> str:
        """Return its name on the command line."""
        short = self.name.removeprefix("k8s-debug-")
        return _COMMANDS.get(short, short)

    @property
    def on_nodes(self) -> bool:
        """Return whether it is a node step, for pods that are nodes of Rundeck."""
        return bool(self.from_node)


_COMMANDS = {"incident-note": "note", "incident-target": "find-target"}

_STEPS = (
    Provider(
        "k8s-debug-capture",
        "Kubernetes Debug / Capture",
        "Captures the debug state of a service's failing pods before they are restarted: state, events, "
        "logs, stacks and dumps. Runs the tools in the image, or attaches a debug container if the image "
        "has none.",
        _capture,
    ),
    Provider(
        "k8s-debug-incident-target",
        "Kubernetes Debug / Target from an incident",
        "Finds the pod that the alerts of a PagerDuty incident refer to, and outputs namespace, pod, "
        "container and workload for later steps.",
        _incident_target,
    ),
    Provider(
        "k8s-debug-exec",
        "Kubernetes Debug / Run a command",
        "Runs a command in a container. Returns the output of the command unchanged, and its exit code.",
        _execute,
        streams=True,
    ),
    Provider(
        "k8s-debug-attach",
        "Kubernetes Debug / Run a command in a debug container",
        "Attaches a debug container that shares the target's processes, runs a command in it, and stops it.",
        _attach,
        streams=True,
    ),
    Provider(
        "k8s-debug-upload",
        "Kubernetes Debug / Upload",
        "Uploads a bundle to the store, and any bundles left over from earlier runs. A bundle leaves "
        "this machine only after the store has confirmed it.",
        _upload,
        failure_code=NOT_STORED,
    ),
    Provider(
        "k8s-debug-incident-note",
        "Kubernetes Debug / Incident note",
        "Adds a note to the PagerDuty incident. The note lists what was captured, what was not and why, and contains "
        "the links.",
        _incident_note,
        failure_code=NOT_ANNOTATED,
    ),
    Provider(
        "k8s-debug-open",
        "Kubernetes Debug / Open a capture",
        "Signs fresh links for a capture in the store and shows its findings, its report page and its files. "
        "Works after the links of the note have expired.",
        _open_capture,
    ),
    Provider(
        "k8s-debug-links",
        "Kubernetes Debug / Renew links",
        "Signs the links of captures in the store again and edits the notes that contain them: for one capture, for "
        "one incident, or for all links that expire soon.",
        _renew_links,
    ),
    Provider(
        "k8s-debug-doctor",
        "Kubernetes Debug / Check the installation",
        "Checks Python and packages, the connection, each permission, Pod Security, the debug image, the "
        "spool, the store and PagerDuty. Lists problems first, each with a fix.",
        _doctor,
    ),
    Provider(
        "k8s-debug-pods",
        "Kubernetes Debug / Pods as nodes",
        "Lists the pods of a cluster as nodes, with namespace, workload, state, restarts and problems. "
        "Node steps find the pod through its attributes. If the API server is unreachable, the last "
        "known list is used.",
        _nodes,
        streams=True,
        lists_nodes=True,
    ),
    Provider(
        "k8s-debug-restart",
        "Kubernetes Debug / Restart",
        "Restarts, rolls back or scales a workload, or deletes its pod, and waits for the rollout. "
        "Requires a capture with the status that you choose.",
        _restart,
        failure_code=NOT_RESTARTED,
    ),
)

# Rundeck's server runs these while it shows the form of a job. It passes neither keys nor options of the job.
_VALUES = (
    Provider(
        "k8s-debug-options-namespaces",
        "Kubernetes Debug / Namespaces",
        "Namespaces, for a dropdown.",
        _namespaces,
        streams=True,
        lists_values=True,
    ),
    Provider(
        "k8s-debug-options-workloads",
        "Kubernetes Debug / Workloads",
        "Deployments, StatefulSets, DaemonSets, CronJobs and Jobs as KIND/NAME, for a dropdown. "
        "Workloads that are not ready come first.",
        _workloads,
        streams=True,
        lists_values=True,
    ),
    Provider(
        "k8s-debug-options-unhealthy-pods",
        "Kubernetes Debug / Pods, unhealthy first",
        "Pods, for a dropdown. Unhealthy pods come first, and the label contains the problem.",
        _pods,
        streams=True,
        lists_values=True,
    ),
    Provider(
        "k8s-debug-options-collectors",
        "Kubernetes Debug / Collectors",
        "Presets and collectors, for a dropdown.",
        _collectors,
        streams=True,
        lists_values=True,
    ),
)

_NODE_STEPS = ("k8s-debug-capture", "k8s-debug-exec", "k8s-debug-attach")
_POD_ATTRIBUTES = {"namespace": "namespace", "pod": "pod", "container": "container"}


def _as_node_step(step: Provider) -> Provider:
    """Return ``step`` as a node step. The attributes of the node name the pod."""
    return replace(step, name=f"{step.name}-node", title=f"{step.title} (pods as nodes)", from_node=_POD_ATTRIBUTES)


PROVIDERS = (*_STEPS, *_VALUES, *(_as_node_step(step) for step in _STEPS if step.name in _NODE_STEPS))
# Services are not plugins, but have the same kind of settings.
SERVICES = (
    Provider(
        "k8s-debug-options-server",
        "Kubernetes Debug / Options server",
        "Serves the values of dropdowns over HTTP, read-only, for options that depend on one another "
        "(docs/dropdowns.md). By default, it listens on the loopback interface. Every request requires the "
        "token.",
        _options_server,
    ),
    Provider(
        "k8s-debug-evidence-server",
        "Kubernetes Debug / Evidence server",
        "Opens captures by their ID over HTTP, read-only, also after their links have expired (docs/links.md). "
        "By default, it listens on the loopback interface. Every request needs the token, or a user whom your "
        "proxy has authenticated.",
        _evidence_server,
    ),
)


def provider(name: str) -> Provider:
    """Return the provider or service called ``name``. Raises KeyError."""
    return {entry.name: entry for entry in (*PROVIDERS, *SERVICES)}[name]
