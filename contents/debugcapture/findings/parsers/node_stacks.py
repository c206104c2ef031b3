"""Parses what node-inspect writes about a Node.js process: the stack of the main thread, and its active resources."""

import re
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from ...text import number_in
from ..evidence import Evidence

_MAIN: Final = re.compile(r"^main thread: (running JavaScript|was waiting|waiting)")
_FRAME: Final = re.compile(r"^ {4}at (\S.{0,300}?) \((.{0,500}?):(\d{1,9}):\d{1,9}\)$")
_UPTIME: Final = re.compile(r"^Node\.js (v\S{1,40}), up (\d{1,12}) s$")
_RESOURCES: Final = "what keeps the event loop alive: "
_RESOURCE: Final = re.compile(r"(\d{1,9}) (\w{1,80})")
_STATES: Final[dict[str, Literal["runs", "waits"]]] = {"running JavaScript": "runs"}
_MOST_FRAMES: Final = 200


class NodeFrame(NamedTuple):
    """A function of a stack, its script and its line."""

    function: str
    script: str
    line: int
    number: int
    """Number of its line in the evidence."""

    @property
    def is_own(self) -> bool:
        """Return whether it belongs to the application, not to Node.js or a package."""
        return bool(self.script) and not self.script.startswith("node:") and "/node_modules/" not in self.script

    def __str__(self) -> str:
        return f"{self.function} ({self.script.rpartition('/')[2]}:{self.line})"


@dataclass(slots=True)
class NodeStacks:
    """What a Node.js process was doing."""

    evidence: Evidence
    state: Literal["runs", "waits"] = "waits"
    """Whether the main thread ran JavaScript, or waited in the event loop."""
    frames: list[NodeFrame] = field(default_factory=list)
    """The innermost first; without the stacks that led to it through a promise or a callback."""
    version: str = ""
    uptime_s: int | None = None
    resources: dict[str, int] = field(default_factory=dict)
    """Number of active resources by their type."""
    resources_line: int = 1


def recognize(evidence: Evidence) -> bool:
    """Return whether the file is such a stack."""
    return _MAIN.match(evidence.head) is not None


def parse(evidence: Evidence) -> NodeStacks:
    """Return the stack and the resources of the file."""
    stacks = NodeStacks(evidence)
    is_synchronous = True
    for line in evidence.lines():
        if line.number == 1 and (main := _MAIN.match(line.text)):
            stacks.state = _STATES.get(main[1], "waits")
        elif frame := _FRAME.match(line.text):
            if is_synchronous and len(stacks.frames) < _MOST_FRAMES:
                stacks.frames.append(NodeFrame(frame[1], frame[2], int(frame[3]), line.number))
        elif line.text.startswith("  after "):
            is_synchronous = False
        elif uptime := _UPTIME.match(line.text):
            stacks.version, stacks.uptime_s = uptime[1], number_in(uptime[2])
        elif line.text.startswith(_RESOURCES):
            stacks.resources = {kind: int(count) for count, kind in _RESOURCE.findall(line.text[len(_RESOURCES) :])}
            stacks.resources_line = line.number
    return stacks
