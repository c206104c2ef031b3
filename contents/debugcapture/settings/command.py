"""Settings of a command that a step runs in a container."""

from dataclasses import dataclass
from typing import ClassVar

from .declare import DAY_S, Group, setting


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
