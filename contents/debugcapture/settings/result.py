"""Settings of what a step shows of its result."""

from dataclasses import dataclass
from typing import ClassVar

from .declare import Group, setting


@dataclass(frozen=True, kw_only=True)
class ResultSettings(Group):
    """How a step shows its result."""

    title: ClassVar[str] = "Result"
    folded: ClassVar[bool] = True

    rendered: bool = setting(
        False,
        "Result as a table",
        "Prints the result as HTML. The log filter “Render Formatted Data” of the step shows it as a table with links.",
    )
