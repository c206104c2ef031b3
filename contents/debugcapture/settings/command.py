"""Settings of a command that a step runs in a container."""

from dataclasses import dataclass
from typing import ClassVar

from .declare import DAY_S, Group, setting


@dataclass(frozen=True, kw_only=True)
class CommandSettings(Group):
    """The command that a step runs."""

    title: ClassVar[str] = "Command"

    command: str = setting(
        "",
        "Command",
        "Program and arguments. Quote arguments that contain spaces. The command does not run in a shell; if "
        "you need one, write sh -c '…'.",
        required=True,
    )
    time_limit_s: int = setting(300, "Time limit (s)", "The command is stopped after this time.", least=1, most=DAY_S)
