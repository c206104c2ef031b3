"""Rules for stacks of Ruby and PHP."""

import re
from collections.abc import Iterator
from typing import Final

from ...finding import EvidenceLines, Finding
from ..parsers.script_stacks import ScriptStack, ScriptStacks

_MOST_SHOWN: Final = 5
_NETWORK: Final = "waits for the network"
_WAITS: Final = (
    (re.compile(r"Mutex|synchronize|\block\b|flock"), "waits for a lock"),
    (re.compile(r"(?i)curl_|fsockopen|stream_|socket|wait_readable|_nonblock|readpartial|connect|getaddr"), _NETWORK),
    (re.compile(r"(?i)mysqli?|pdo|pg_|exec_params|async_exec|query|redis"), "waits for a database"),
    (re.compile(r"sleep"), "sleeps"),
    (re.compile(r"(?i)\bjoin\b|\bpop\b|select|poll|wait"), "waits"),
)


def php_slow_requests(stacks: ScriptStacks) -> Iterator[Finding]:
    """PHP-FPM logged slow requests; the innermost function shows what each of them was waiting for.

    Source: https://www.php.net/manual/en/install.fpm.configuration.php#request-slowlog-timeout
    """
    if not stacks.is_slow_log:
        return
    groups: dict[str, list[ScriptStack]] = {}
    for stack in stacks.stacks:
        groups.setdefault(str(stack.frames[0]), []).append(stack)
    for place, group in sorted(groups.items(), key=lambda item: -len(item[1]))[:2]:
        last = group[-1]
        yield Finding(
            "warning",
            f"{len(group)} slow request{'s' if len(group) > 1 else ''} of PHP in {place}",
            f"Script {last.script or 'unknown'}. Its stack: {_path(last)}.",
            "Look at what this function waits for, and set a time limit for it.",
            (_quote(stacks, last),),
            directness=65,
            key=f"php slow {last.frames[0].function}",
        )


def script_stack(stacks: ScriptStacks) -> Iterator[Finding]:
    """States where a Ruby or PHP process is, and whether its innermost function waits.

    Source: https://rbspy.github.io/ and https://github.com/adsr/phpspy
    """
    if stacks.is_slow_log or not stacks.stacks:
        return
    for stack in stacks.stacks[:2]:
        innermost = stack.frames[0]
        does = next((text for pattern, text in _WAITS if pattern.search(innermost.function)), "is")
        yield Finding(
            "info",
            f"{stacks.language} {does} in {stack.own or innermost}",
            f"Its stack: {_path(stack)}.",
            evidence=(_quote(stacks, stack),),
            directness=40,
            key=f"{stacks.language} {(stack.own or innermost).function}",
        )


def _path(stack: ScriptStack) -> str:
    return ", ".join(str(frame) for frame in stack.frames[: _MOST_SHOWN + 1])


def _quote(stacks: ScriptStacks, stack: ScriptStack) -> EvidenceLines:
    return stacks.evidence.quote(stack.first_line, stack.last_line, *(str(frame) for frame in stack.frames[:4]))


RULES: Final = (php_slow_requests, script_stack)
