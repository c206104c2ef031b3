"""Parses what the collector of the network state writes, and the output of ss or netstat: connections by state."""

import re
import socket
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from ...finding import EvidenceLines
from ...text import number_in
from ..evidence import Evidence, Line
from .sections import has_sections, section_lines

# Source: Linux, include/net/tcp_states.h
_STATES: Final = {
    "01": "ESTABLISHED",
    "02": "SYN_SENT",
    "03": "SYN_RECV",
    "04": "FIN_WAIT1",
    "05": "FIN_WAIT2",
    "06": "TIME_WAIT",
    "07": "CLOSE",
    "08": "CLOSE_WAIT",
    "09": "LAST_ACK",
    "0A": "LISTEN",
    "0B": "CLOSING",
}
_SS_STATES: Final = {
    "ESTAB": "ESTABLISHED",
    "SYN-SENT": "SYN_SENT",
    "SYN-RECV": "SYN_RECV",
    "FIN-WAIT-1": "FIN_WAIT1",
    "FIN-WAIT-2": "FIN_WAIT2",
    "TIME-WAIT": "TIME_WAIT",
    "CLOSE-WAIT": "CLOSE_WAIT",
    "LAST-ACK": "LAST_ACK",
    "LISTEN": "LISTEN",
    "CLOSING": "CLOSING",
}
_SS_HEADER = re.compile(r"^(?:Netid +)?State +Recv-Q +Send-Q +Local Address:Port", re.MULTILINE)
_NETSTAT_HEADER = re.compile(r"^Proto +Recv-Q +Send-Q +Local Address +Foreign Address +State", re.MULTILINE)
_KERNEL_ROW = re.compile(
    r"\d+: ([0-9A-F]{8,32}):([0-9A-F]{4}) ([0-9A-F]{8,32}):([0-9A-F]{4}) ([0-9A-F]{2}) ([0-9A-F]{8}):([0-9A-F]{8})\b"
)
_SS_ROW = re.compile(r"(?:tcp +)?([A-Z][A-Z0-9-]+) +(\d{1,10}) +(\d{1,10}) +(\S+) +(\S+)(?: .*)?")
_NETSTAT_ROW = re.compile(r"tcp6? +(\d{1,10}) +(\d{1,10}) +(\S+) +(\S+) +([A-Z][A-Z0-9_]+)(?: .*)?")
_MOST_PASSAGES: Final = 4
_ROWS_CHARACTERS: Final = 4000  # in which rows without a header are recognized
_MOST_GROUPS: Final = 20_000


@dataclass(slots=True)
class ConnectionGroup:
    """Connections in one state to one peer, or those of one listening port."""

    state: str
    peer: str
    """ADDRESS:PORT of the other end; of the own end for LISTEN."""
    count: int = 0
    unread_bytes: int = 0
    """Bytes that the program has not read; for LISTEN, connections that it has not accepted."""
    unsent_bytes: int = 0
    """Bytes that the peer has not acknowledged; for LISTEN, how many connections may wait, if known."""
    local_ports: Counter[str] = field(default_factory=Counter)
    lines: list[EvidenceLines] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class NetworkState:
    """The network of a container."""

    groups: tuple[ConnectionGroup, ...] = ()
    counters: Mapping[str, int] = field(default_factory=dict)
    """Counters of /proc/net/snmp and /proc/net/netstat, as "Tcp RetransSegs"."""
    counter_lines: Mapping[str, EvidenceLines] = field(default_factory=dict)

    def in_state(self, state: str) -> list[ConnectionGroup]:
        """Return the groups in ``state``, the largest first."""
        return sorted((group for group in self.groups if group.state == state), key=lambda group: -group.count)


def recognize(evidence: Evidence) -> bool:
    """Return whether the file has sections about the network, or is a table of ss or netstat."""
    head = evidence.head
    return (
        (has_sections(evidence, "ss -", "netstat -", "cat /proc/") and "/net/tcp" in head)
        or bool(_SS_HEADER.search(head))
        or bool(_NETSTAT_HEADER.search(head))
        or _has_only_rows(head)
    )


def _has_only_rows(head: str) -> bool:
    """Return whether most lines are rows of ss or netstat, as `netstat -anp | grep PORT` leaves them."""
    lines = [" ".join(line.split()) for line in head[:_ROWS_CHARACTERS].splitlines() if line.strip()]
    return len(lines) > 1 and sum(map(_is_row, lines)) * 2 > len(lines)


def _is_row(line: str) -> bool:
    if match := _NETSTAT_ROW.fullmatch(line):
        return match[5] in _STATES.values()
    match = _SS_ROW.fullmatch(line)
    return match is not None and match[1] in _SS_STATES and ":" in match[4]


def parse(evidence: Evidence) -> NetworkState:
    """Return the connections. The tables of the kernel come before those of ss, which show the same connections."""
    kernel, tools = _Groups(evidence), _Groups(evidence)
    counters = _Counters(evidence)
    for title, line in section_lines(evidence):
        if title.endswith(("/net/tcp", "/net/tcp6")):
            kernel.add_kernel_row(line)
        elif title.endswith(("/net/snmp", "/net/netstat")):
            counters.add(line)
        elif not title or title.startswith(("ss ", "netstat ")):
            tools.add_tool_row(line)
    groups = kernel.groups if kernel.groups else tools.groups
    return NetworkState(tuple(groups.values()), counters.values, counters.lines)


class _Groups:
    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self.groups: dict[tuple[str, str], ConnectionGroup] = {}

    def add_kernel_row(self, line: Line) -> None:
        """Add a row of /proc/net/tcp."""
        match = _KERNEL_ROW.match(line.text.strip())
        state = _STATES.get(match[5], "") if match else ""
        if match and state:
            local, remote = _address(match[1], match[2]), _address(match[3], match[4])
            self._add(line, state, local, remote, (int(match[7], 16), int(match[6], 16)))

    def add_tool_row(self, line: Line) -> None:
        """Add a row of ss or netstat."""
        text = " ".join(line.text.split())
        if match := _NETSTAT_ROW.fullmatch(text):
            self._add(line, match[5], match[3], match[4], (int(match[1]), int(match[2])))
        elif (match := _SS_ROW.fullmatch(text)) and match[1] in _SS_STATES and not text.startswith("udp"):
            self._add(line, _SS_STATES[match[1]], match[4], match[5], (int(match[2]), int(match[3])))

    def _add(self, line: Line, state: str, local: str, remote: str, queues: tuple[int, int]) -> None:
        key = (state, local if state == "LISTEN" else remote)
        if key not in self.groups and len(self.groups) >= _MOST_GROUPS:
            return
        group = self.groups.setdefault(key, ConnectionGroup(state, key[1]))
        group.count += 1
        group.unread_bytes += queues[0]
        group.unsent_bytes += queues[1]
        group.local_ports[local.rpartition(":")[2]] += 1
        if len(group.lines) < _MOST_PASSAGES:
            group.lines.append(self._evidence.quote(line.number, line.number, " ".join(line.text.split())))


class _Counters:
    """Reads tables of two lines: names, then numbers, both after the name of the protocol."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._names: list[str] = []
        self.values: dict[str, int] = {}
        self.lines: dict[str, EvidenceLines] = {}

    def add(self, line: Line) -> None:
        """Add a line."""
        protocol, _, rest = line.text.partition(": ")
        words = rest.split()
        if words and not words[0].lstrip("-").isdigit():
            self._names = words
            return
        for name, word in zip(self._names, words, strict=False):
            value = number_in(word)
            if value is not None:
                self.values[f"{protocol} {name}"] = value
                self.lines[f"{protocol} {name}"] = self._evidence.quote(line.number, line.number, line.text)


def _address(address: str, port: str) -> str:
    """Return ADDRESS:PORT. The kernel writes addresses as words in the order of the host, which is little endian."""
    words = [bytes.fromhex(address[start : start + 8])[::-1] for start in range(0, len(address) - 7, 8)]
    packed = b"".join(words)
    if len(packed) == 16 and packed.startswith(b"\0" * 10 + b"\xff\xff"):
        packed = packed[12:]
    if len(packed) not in (4, 16):
        return f"{address}:{int(port, 16)}"
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    text = socket.inet_ntop(family, packed)
    return f"{text if family == socket.AF_INET else f'[{text}]'}:{int(port, 16)}"
