"""Rules for the stack of a Node.js process and for its active resources."""

import re
from collections.abc import Iterator
from typing import Final

from ...finding import Finding
from ..parsers.node_stacks import NodeStacks

_BLOCKING: Final = re.compile(r"^(?:\w+\.)?(?:\w{1,60}Sync|wait)$")
_BLOCKING_SCRIPTS: Final = ("node:fs", "node:child_process", "node:zlib", "node:dns", "node:internal/")
_START_S: Final = 10
"""Programs read their files synchronously while they start."""
_MOST_FRAMES: Final = 4
# Type of a resource: what it is, from which number on there are too many, and what to do.
_TOO_MANY: Final = {
    "TCPSocketWrap": ("TCP connections are open", 1_000, "Use a pool with a limit, and close what is not used."),
    "Timeout": ("timers are pending", 10_000, "Look for code that starts timers and does not clear them."),
    "GetAddrInfoReqWrap": (
        "DNS lookups are pending",
        20,
        "Check the DNS of the pod. Lookups share 4 threads with file operations (UV_THREADPOOL_SIZE).",
    ),
    "FSReqCallback": (
        "file operations are pending",
        200,
        "Check the disk. File operations share 4 threads with DNS lookups (UV_THREADPOOL_SIZE).",
    ),
    "TCPConnectWrap": (
        "TCP connections are being opened",
        50,
        "Check that the address answers: DNS, NetworkPolicy, firewall, proxy.",
    ),
    "ChildProcess": ("child processes are running", 50, "Limit how many the program starts at a time."),
}


def node_blocked_by_synchronous_call(stacks: NodeStacks) -> Iterator[Finding]:
    """A synchronous call of Node.js runs on the main thread: until it returns, the process answers no request.

    A program that starts reads its files this way, so the first seconds do not count. Source:
    https://nodejs.org/en/learn/asynchronous-work/dont-block-the-event-loop.
    """
    if stacks.state != "runs" or (stacks.uptime_s is not None and stacks.uptime_s < _START_S):
        return
    call = next(
        (
            frame
            for frame in stacks.frames
            if _BLOCKING.match(frame.function) and frame.script.startswith(_BLOCKING_SCRIPTS)
        ),
        None,
    )
    if call is None:
        return
    own = next((frame for frame in stacks.frames if frame.is_own), None)
    called = f", called by {own}" if own else ""
    yield Finding(
        "warning",
        f"The event loop of Node.js is blocked by {call.function}{called}",
        f"{_path(stacks)}. While it runs, the process answers no request and runs no timer.",
        "Use the asynchronous function, or a worker thread.",
        (stacks.evidence.quote(1, stacks.frames[-1].number, *(str(frame) for frame in stacks.frames[:_MOST_FRAMES])),),
        directness=64,
        key=f"node blocked {call.function} {own.function if own else ''}",
    )


def node_has_too_many_resources(stacks: NodeStacks) -> Iterator[Finding]:
    """Node.js waits for very many things of one kind: connections, timers, lookups, file operations or processes.

    Source: https://nodejs.org/api/process.html#processgetactiveresourcesinfo and, for the four threads,
    https://docs.libuv.org/en/v1.x/threadpool.html.
    """
    for kind, (words, limit, advice) in _TOO_MANY.items():
        count = stacks.resources.get(kind, 0)
        if count < limit:
            continue
        others = ", ".join(f"{number} {name}" for name, number in stacks.resources.items() if name != kind)
        yield Finding(
            "warning",
            f"{count} {words} in Node.js",
            f"Active resources of the type {kind}: {count}." + (f" Others: {others[:300]}." if others else ""),
            advice,
            (stacks.evidence.quote(stacks.resources_line, stacks.resources_line, f"{count} {kind}"),),
            directness=57,
            key=f"node resources {kind}",
        )


def node_runs_javascript(stacks: NodeStacks) -> Iterator[Finding]:
    """States which JavaScript was running. One stack does not show for how long; a CPU profile does.

    Source: https://chromedevtools.github.io/devtools-protocol/v8/Debugger/.
    """
    own = next((frame for frame in stacks.frames if frame.is_own), None)
    if stacks.state != "runs" or own is None:
        return
    yield Finding(
        "info",
        f"Node.js was running JavaScript in {own}",
        f"{_path(stacks)}.",
        "Take a CPU profile to see for how long.",
        (stacks.evidence.quote(1, stacks.frames[-1].number, *(str(frame) for frame in stacks.frames[:_MOST_FRAMES])),),
        directness=30,
        key=f"node runs {own.function}",
    )


def _path(stacks: NodeStacks) -> str:
    version = f"Node.js {stacks.version}, up {stacks.uptime_s} s: " if stacks.version else ""
    return f"{version}{', called by '.join(str(frame) for frame in stacks.frames[:_MOST_FRAMES])}"


RULES: Final = (node_blocked_by_synchronous_call, node_has_too_many_resources, node_runs_javascript)
