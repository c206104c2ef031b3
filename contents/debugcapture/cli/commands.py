"""The commands of `debug-capture`: the steps of steps/providers.py, and commands for users at a terminal.

The options of a command come from its settings (settings/declare.py), so that forms and command line are the same.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from ..model import Outcome
from ..runtime.context import RunContext
from ..runtime.exit_codes import NOTHING_CAPTURED
from ..settings.declare import Declared, declared
from ..steps.providers import PROVIDERS, SERVICES, Provider
from ..steps.shared import Step
from ..text import one_line, table


@dataclass(frozen=True, slots=True)
class Command:
    """One command."""

    name: str
    description: str
    step: Callable[[], Step]
    """Imports and returns the step, so that other commands do not import its dependencies."""
    failure_code: int = NOTHING_CAPTURED
    """See Provider."""
    examples: tuple[str, ...] = ()
    """Without the name of the program."""
    words: str = ""
    """The setting that the positional arguments set; "" for none."""
    streams: bool = False
    """Whether standard output contains only the output of a command."""
    table: Callable[[str], str] | None = None
    """Formats its standard output, which is JSON, as a table."""
    result_key: str = "result"
    """The key of its result in the JSON document."""

    @property
    def settings(self) -> type[Any]:
        """Return its settings: a dataclass of groups."""
        return self.step().settings

    @property
    def run(self) -> Callable[[Any, RunContext], Outcome]:
        """Return the function that runs it."""
        return self.step().run

    @property
    def declared(self) -> list[Declared]:
        """Return its settings, one by one."""
        return declared(self.settings)


def _pod_table(text: str) -> str:
    """Return nodes in Rundeck's JSON format as a table, unhealthy pods first."""
    nodes = sorted(json.loads(text).values(), key=lambda node: not node["unhealthy"])
    columns = ("namespace", "pod", "container", "state", "restarts", "workload", "unhealthy")
    return table([name.upper() for name in columns], ([one_line(node[name]) for name in columns] for node in nodes))


_EXAMPLES: Final = {
    "capture": (
        "capture --namespace shop --workload checkout",
        "capture --namespace shop --pod checkout-7d4b9 --collectors stuck --dry-run",
        "capture --incident-id Q1ABCDEFGHIJKL --pagerduty-token-file ~/.secrets/pagerduty",
    ),
    "exec": ("exec --namespace shop --pod orders-0 -- jcmd 1 VM.uptime",),
    "attach": ("attach --namespace shop --pod checkout-7d4b9 -- cat /proc/1/comm",),
    "upload": ("upload --store s3://evidence/captures --s3-region eu-central-1",),
    "open": ("open 20261125T093012Z-checkout-7d4b9-1f2e --store s3://evidence/captures",),
    "links": ("links --incident-id Q1ABCDEFGHIJKL", "links --renew-before-h 24"),
    "note": ("note --incident-id Q1ABCDEFGHIJKL --bundle ~/.local/state/debug-captures/CAPTURE_ID",),
    "find-target": ("find-target --incident-id Q1ABCDEFGHIJKL",),
    "doctor": ("doctor --namespaces shop,payments", "doctor --output json"),
    "pods": ("pods --namespaces shop --pod-selector tier=backend",),
    "options-server": ("options-server --options-token-file ~/.secrets/options --namespaces shop,payments",),
    "evidence-server": (
        "evidence-server --store s3://evidence/captures --user-header X-Forwarded-Email",
        "evidence-server --store file:///srv/captures --evidence-token-file ~/.secrets/evidence",
    ),
    "restart": (
        "restart --namespace shop --workload checkout --bundle BUNDLE --dry-run",
        "restart --action undo --namespace shop --workload checkout --bundle BUNDLE",
    ),
}


# The setting that the positional arguments set.
_WORDS: Final = {"exec": "command", "attach": "command", "open": "capture"}


def _command_of(step: Provider) -> Command:
    """Return the command of a step."""
    return Command(
        name=step.command,
        description=step.description,
        step=step.step,
        failure_code=step.failure_code,
        examples=_EXAMPLES.get(step.command, ()),
        words=_WORDS.get(step.command, ""),
        streams=step.streams,
        table=_pod_table if step.lists_nodes else None,
    )


def _captures() -> Step:
    from . import watch

    return watch.CAPTURES


def _watch() -> Step:
    from . import watch

    return watch.WATCH


def _verify() -> Step:
    from . import verify

    return verify.VERIFY


def _explain() -> Step:
    from . import explain

    return explain.EXPLAIN


_OWN = (
    Command(
        "captures",
        "Lists the captures in the spool, the newest first, with their pod, status, and whether a store has them.",
        _captures,
        examples=("captures", "captures --output json"),
    ),
    Command(
        "watch",
        "Follows a capture until it ends, and shows its artifacts and the progress of the upload. "
        "Without an ID, it follows the newest capture. Its exit code corresponds to the status of the "
        "capture.",
        _watch,
        examples=("watch", "watch 20261125T093012Z-checkout-7d4b9-1f2e"),
        words="capture_id",
    ),
    Command(
        "explain",
        "States what evidence shows: causes, with the lines that prove them. It reads bundles, single files or "
        "standard input (-), and needs no cluster.",
        _explain,
        examples=("explain ~/.local/state/debug-captures/CAPTURE_ID", "explain --output json threads.txt pod.yaml"),
        words="paths",
        result_key="findings",
    ),
    Command(
        "verify",
        "Compares the files of captures with the checksums in their manifests, and the manifests with their "
        "signatures. Exit code 10: a file is missing or was changed, or the signature is not valid.",
        _verify,
        examples=(
            "verify ~/Downloads/20261125T093012Z-checkout-7d4b9-1f2e",
            "verify 20261125T093012Z-checkout-7d4b9-1f2e --store s3://evidence/captures",
        ),
        words="captures",
        result_key="captures",
    ),
)

_STEPS: Final = tuple(step for step in (*PROVIDERS, *SERVICES) if not (step.on_nodes or step.lists_values))

COMMANDS: Final = (*(_command_of(step) for step in _STEPS), *_OWN)


def command(name: str) -> Command:
    """Return the command called ``name``. Raises KeyError."""
    return {command.name: command for command in COMMANDS}[name]
