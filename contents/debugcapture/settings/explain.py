"""Settings of the explanation of evidence."""

from dataclasses import dataclass
from typing import ClassVar

from .declare import DAY_S, Group, setting


@dataclass(frozen=True, kw_only=True)
class ExplainSettings(Group):
    """The evidence that is explained."""

    title: ClassVar[str] = "Evidence to explain"

    paths: str = setting(
        "",
        "Paths",
        "Bundle directories and files. A single hyphen reads standard input.",
        required=True,
    )
    rules: str = setting(
        "",
        "Log messages",
        "YAML file with log messages of your own applications: a list of entries with id, pattern (RE2), severity and "
        "title. An entry with the ID of an included message replaces it.",
    )
    file_time_limit_s: int = setting(
        60,
        "Time limit per file (s)",
        "Processor time. A file that takes longer is reported and not explained. 0: no limit.",
        least=0,
        most=DAY_S,
    )
