"""Rules about the command of a container that failed."""

import re
from collections.abc import Iterator
from typing import Final

from ...finding import Finding
from ..parsers.kube_model import Cluster, Container
from ..parsers.shell_script import unmatched_keyword
from . import kube_words as words

_SHELLS: Final = frozenset({"sh", "ash", "bash", "dash", "ksh", "zsh", "busybox"})
_SYNTAX_ERROR: Final = 2  # exit code of a shell that cannot read its script
_TESTED = re.compile(r"""(?:\[\[? |test )-[zn] ["']?\$\{?([A-Za-z_]\w{0,100})""")
_MANDATORY = re.compile(r"\$\{([A-Za-z_]\w{0,100}):?\?")


def shell_command_has_a_syntax_error(cluster: Cluster) -> Iterator[Finding]:
    """A keyword in the shell script of a container does not match, and the shell ended with exit code 2.

    A shell parses a compound command completely before it runs any part of it, and ends with exit code 2. Source:
    https://www.gnu.org/software/bash/manual/html_node/Exit-Status.html
    """
    for pod, container in cluster.containers():
        script = _script(container)
        wrong = unmatched_keyword(script) if script and container.ended.exit_code == _SYNTAX_ERROR else ""
        if wrong:
            yield Finding(
                severity="critical",
                title=f"The shell command of {container.label} has a syntax error: {wrong} (exit code 2)",
                detail=words.sentences(words.of_pod(pod), f"The command ends: …{script.strip()[-160:]}"),
                advice="Correct args or command in the spec. Run the script with sh -n to check it.",
                evidence=words.passages(container.lines),
                directness=92,
                key=words.key_of(pod, container),
                pod=pod.name,
            )


def command_tests_a_missing_variable(cluster: Cluster) -> Iterator[Finding]:
    """The shell command of a container that ended tests a variable that its environment does not contain.

    Images may define variables too, which the spec does not show. Source:
    https://kubernetes.io/docs/tasks/inject-data-application/define-environment-variable-container/
    """
    for pod, container in cluster.containers():
        script = _script(container)
        if not script or container.variables is None or not container.ended.phase:
            continue
        tested = dict.fromkeys([*_TESTED.findall(script), *_MANDATORY.findall(script)])
        missing = [name for name in tested if name not in container.variables and f"{name}=" not in script]
        if missing:
            names = ", ".join(missing[:5])
            yield Finding(
                severity="warning",
                title=f"The command of {container.label} tests {names}, which its environment does not contain",
                detail=words.sentences(
                    words.of_pod(pod),
                    "Environment: <none>" if not container.variables else "",
                    f"The command: {words.short(script, 240)}",
                ),
                advice=f"Set {names} in env of the container, if the image does not define it.",
                evidence=words.passages(container.lines),
                directness=72,
                key=words.key_of(pod, container),
                pod=pod.name,
            )


def _script(container: Container) -> str:
    """Return the script after -c of a shell; "" if the command is not a shell with a script."""
    command = container.command
    if len(command) < 3 or command[0].rpartition("/")[2] not in _SHELLS:
        return ""
    flag = next((index for index, word in enumerate(command) if re.fullmatch(r"-[a-z]*c", word)), 0)
    return "\n".join(command[flag + 1 :]) if flag else ""


RULES = (shell_command_has_a_syntax_error, command_tests_a_missing_variable)
