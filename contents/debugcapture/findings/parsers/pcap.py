"""Summarizes a capture of packets: connections and how they ended, segments sent again, DNS, and TLS alerts."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from ...finding import EvidenceLines
from ..evidence import Evidence
from .pcap_packets import CaptureEnd, Packet, is_capture, open_capture, packets_of

_FIN, _SYN, _RST, _ACK = 0x01, 0x02, 0x04, 0x10
_DNS_PORT: Final = ":53"
_MOST_CONNECTIONS: Final = 50_000
_MOST_QUERIES: Final = 50_000
_MOST_SEGMENTS: Final = 64
"""Segments of a direction that are remembered, to recognize one that is sent again."""
_MOST_NAME: Final = 253
_TLS_ALERT: Final = 21
_FATAL: Final = 2
_ALERT_BYTES: Final = 7


@dataclass(slots=True)
class Connection:
    """A TCP connection. The server is the side that was connected to, or that has the lower port."""

    client: str
    server: str
    first: int
    """Number of its first packet."""
    last: int
    attempts: int = 0
    """Packets that ask the server to connect."""
    is_open: bool = False
    """The server accepted it, or it was open before the capture began."""
    is_closed: bool = False
    """One side closed it regularly."""
    reset_by: str = ""
    """The side that reset it before it was closed; "" if none did."""
    segments: int = 0
    """Segments with data."""
    repeated: int = 0
    """Segments with data that were sent again."""
    latest_segments: dict[tuple[str, int, int], None] = field(default_factory=dict)


class Query(NamedTuple):
    """A query for a name."""

    server: str
    client: str
    name: str
    number: int
    time_s: float


class Alert(NamedTuple):
    """A fatal alert of TLS, before the connection is encrypted."""

    sender: str
    receiver: str
    code: int
    number: int


@dataclass(slots=True)
class PacketCapture:
    """What a capture of packets shows."""

    evidence: Evidence
    packets: int = 0
    """Number of TCP and UDP packets."""
    end_s: float = 0.0
    """Time of the last packet."""
    last: int = 0
    """Number of the last packet that was read."""
    end: CaptureEnd = "complete"
    """Whether more packets follow it."""
    connections: dict[tuple[str, str], Connection] = field(default_factory=dict)
    queries: dict[tuple[str, str, int], Query] = field(default_factory=dict)
    """Queries without an answer, by client, server and ID."""
    answered: Counter[str] = field(default_factory=Counter)
    """Number of answers of each server."""
    answers: dict[tuple[str, int], list[int]] = field(default_factory=dict)
    """Numbers of the packets that answer a name with a code, by both. Code 0 is a success."""
    alerts: list[Alert] = field(default_factory=list)

    @property
    def scope(self) -> str:
        """Return a sentence that says which packets the counts are about; "" if it is all packets."""
        return "" if self.end == "complete" else f" This is about the first {self.last:,} packets only."

    def quote(self, first: int, last: int, *lines: str) -> EvidenceLines:
        """Return packets as evidence. Their numbers stand for lines."""
        return self.evidence.quote(first, last, *lines)


def recognize(evidence: Evidence) -> bool:
    """Return whether the file is a capture in the format of tcpdump."""
    with evidence.path.open("rb") as file:
        return is_capture(file.read(4))


def parse(evidence: Evidence) -> PacketCapture:
    """Return what the capture shows. Raises DamagedEvidence if it has no complete header."""
    result = PacketCapture(evidence)
    with evidence.path.open("rb") as file:
        capture = open_capture(file)
        for packet in packets_of(capture):
            result.packets += 1
            result.end_s = max(result.end_s, packet.time_s)
            if packet.is_tcp:
                _add_segment(result, packet)
            elif packet.target.endswith(_DNS_PORT) or packet.source.endswith(_DNS_PORT):
                _add_dns(result, packet, packet.payload)
    result.last, result.end = capture.packets, capture.end
    return result


def _add_segment(capture: PacketCapture, packet: Packet) -> None:
    connection = _connection_of(capture, packet)
    if connection is None:
        return
    connection.last = packet.number
    flags = packet.flags
    if flags & _SYN:
        connection.attempts += not flags & _ACK
        connection.is_open = connection.is_open or bool(flags & _ACK)
    elif packet.length or flags & _FIN:
        connection.is_open = True
    if flags & _RST and not connection.is_closed and not connection.reset_by:
        connection.reset_by = packet.source
    connection.is_closed = connection.is_closed or bool(flags & _FIN)
    if packet.length:
        _add_data(capture, connection, packet)


def _add_data(capture: PacketCapture, connection: Connection, packet: Packet) -> None:
    connection.segments += 1
    segment = (packet.source, packet.sequence, packet.length)
    # One byte is a probe that keeps the connection alive.
    if packet.length > 1 and segment in connection.latest_segments:
        connection.repeated += 1
    connection.latest_segments[segment] = None
    if len(connection.latest_segments) > _MOST_SEGMENTS:
        connection.latest_segments.pop(next(iter(connection.latest_segments)))
    record = packet.payload[:_ALERT_BYTES]
    is_alert = len(record) == _ALERT_BYTES and record[0] == _TLS_ALERT and record[1] == 3 and record[3:5] == b"\x00\x02"
    if is_alert and record[5] == _FATAL and len(capture.alerts) < _MOST_QUERIES:
        capture.alerts.append(Alert(packet.source, packet.target, record[6], packet.number))


def _connection_of(capture: PacketCapture, packet: Packet) -> Connection | None:
    """Return the connection of ``packet``; None if there are too many. A new one replaces one that ended."""
    key = min((packet.source, packet.target), (packet.target, packet.source))
    connection = capture.connections.get(key)
    is_new = packet.flags & (_SYN | _ACK) == _SYN
    if connection is not None and not (is_new and (connection.is_closed or connection.reset_by)):
        return connection
    if connection is not None:  # the ports are used again: keep the one that ended under another key
        capture.connections[f"{key[0]} {connection.first}", key[1]] = connection
    if len(capture.connections) >= _MOST_CONNECTIONS:
        return None
    is_to_server = bool(is_new) or (not packet.flags & _SYN and _port(packet.target) <= _port(packet.source))
    client, server = (packet.source, packet.target) if is_to_server else (packet.target, packet.source)
    connection = capture.connections[key] = Connection(client, server, packet.number, packet.number)
    return connection


def _port(address: str) -> int:
    return int(address.rpartition(":")[2])


def _add_dns(capture: PacketCapture, packet: Packet, message: bytes) -> None:
    if len(message) < 12 or int.from_bytes(message[4:6], "big") != 1:
        return
    name = _name_in(message)
    if not name:
        return
    identity, flags = int.from_bytes(message[:2], "big"), int.from_bytes(message[2:4], "big")
    if not flags & 0x8000:
        if len(capture.queries) < _MOST_QUERIES:
            query = Query(packet.target, packet.source, name, packet.number, packet.time_s)
            capture.queries.setdefault((packet.source, packet.target, identity), query)
        return
    capture.queries.pop((packet.target, packet.source, identity), None)
    capture.answered[packet.source] += 1
    if len(capture.answers) < _MOST_QUERIES:
        capture.answers.setdefault((name, flags & 0x0F), []).append(packet.number)


def _name_in(message: bytes) -> str:
    """Return the name of the first question in lower case; "" if it is cut or not printable."""
    labels: list[str] = []
    place = 12
    while place < len(message) and len(labels) < 128:
        size = message[place]
        if size == 0:
            name = ".".join(labels).lower()
            return name if name.isprintable() and len(name) <= _MOST_NAME else ""
        if size > 63 or place + 1 + size > len(message):
            return ""
        labels.append(message[place + 1 : place + 1 + size].decode("ascii", errors="replace"))
        place += 1 + size
    return ""
