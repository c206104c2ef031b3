"""Parses counters of .NET that dotnet-inspect has read for three seconds.

Source: deploy/toolbox/dotnet-inspect/counters.go.
"""

import re
from dataclasses import dataclass
from typing import Final, NamedTuple

from ..evidence import Evidence

_PROVIDER: Final = re.compile(r"^\[([\w.-]{1,100})\]$")
_NUMBER: Final = r"-?\d[\d.]{0,20}(?:e[+-]?\d{1,3})?"
_ROW: Final = re.compile(rf"^([\w.-]{{1,100}}) +({_NUMBER})((?: +(?:{_NUMBER}|-)){{0,10}})  (\S.{{0,300}})$")
_PROCESS: Final = re.compile(r"^# Process \d{1,9}: \.NET", re.MULTILINE)
_RUNTIME: Final = "System.Runtime"
_MOST_COUNTERS: Final = 5000
_HEAD_CHARACTERS: Final = 4000


class Counter(NamedTuple):
    """A counter: its values, one for each second."""

    values: tuple[float, ...]
    line: int
    text: str


@dataclass(frozen=True, slots=True)
class NetCounters:
    """The counters of a process by their provider and name."""

    evidence: Evidence
    counters: dict[tuple[str, str], Counter]

    def runtime(self, name: str) -> Counter | None:
        """Return a counter of the runtime itself; None if it is missing."""
        return self.counters.get((_RUNTIME, name))


def recognize(evidence: Evidence) -> bool:
    """Return whether the file contains counters of a .NET process."""
    head = evidence.head[:_HEAD_CHARACTERS]
    return _PROCESS.search(head) is not None and any(_PROVIDER.match(line) for line in head.splitlines())


def parse(evidence: Evidence) -> NetCounters:
    """Return the counters in ``evidence``."""
    counters: dict[tuple[str, str], Counter] = {}
    provider = ""
    for line in evidence.lines():
        if match := _PROVIDER.match(line.text):
            provider = match[1]
        elif (row := _ROW.match(line.text)) and len(counters) < _MOST_COUNTERS:
            numbers = [row[2], *(text for text in row[3].split() if text != "-")]
            try:
                values = tuple(map(float, numbers))
            except ValueError:  # 1.2.3
                continue
            counters[provider, row[1]] = Counter(values, line.number, line.text)
    return NetCounters(evidence, counters)
