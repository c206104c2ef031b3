"""Writes captures of packets, as tcpdump does, for the tests of their parser and rules."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from ipaddress import ip_address

FIN, SYN, RST, PUSH, ACK = 0x01, 0x02, 0x04, 0x08, 0x10
POD, SERVER, DNS = ("10.0.0.7", 41000), ("10.1.0.9", 5432), ("10.96.0.10", 53)
End = tuple[str, int]


def tcp(source: End, target: End, flags: int, payload: bytes = b"", sequence: int = 1) -> bytes:
    """Return an IP packet with a segment of TCP."""
    header = struct.pack(">HHIIBBHHH", source[1], target[1], sequence, 0, 5 << 4, flags, 64000, 0, 0)
    return _ip(source, target, 6, header + payload)


def udp(source: End, target: End, payload: bytes) -> bytes:
    return _ip(source, target, 17, struct.pack(">HHHH", source[1], target[1], 8 + len(payload), 0) + payload)


def _ip(source: End, target: End, protocol: int, content: bytes) -> bytes:
    addresses = ip_address(source[0]).packed + ip_address(target[0]).packed
    if ":" in source[0]:
        return struct.pack(">IHBB", 6 << 28, len(content), protocol, 64) + addresses + content
    return struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(content), 0, 0, 64, protocol, 0) + addresses + content


def dns(identity: int, name: str, code: int | None = None) -> bytes:
    """Return a query, or an answer with ``code``."""
    flags = 0x0100 if code is None else 0x8180 | code
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">HHHHHH", identity, flags, 1, 0, 0, 0) + labels + b"\0\0\x01\0\x01"


def lookup(identity: int, name: str, code: int | None = None, port: int = 40000) -> list[bytes]:
    """Return a query for ``name``, and its answer unless ``code`` is None."""
    client = (POD[0], port)
    query = udp(client, DNS, dns(identity, name))
    return [query] if code is None else [query, udp(DNS, client, dns(identity, name, code))]


def alert(code: int) -> bytes:
    """Return the record of a fatal TLS alert."""
    return bytes([21, 3, 3, 0, 2, 2, code])


@dataclass(frozen=True)
class Talk:
    """A connection from ``client`` to ``server``."""

    client: End = POD
    server: End = SERVER

    def opened(self) -> list[bytes]:
        return [
            tcp(self.client, self.server, SYN),
            tcp(self.server, self.client, SYN | ACK),
            tcp(self.client, self.server, ACK),
        ]

    def sends(self, payload: bytes = b"x" * 40, sequence: int = 2) -> list[bytes]:
        return [tcp(self.client, self.server, PUSH | ACK, payload, sequence)]

    def answers(self, payload: bytes = b"y" * 40, sequence: int = 2) -> list[bytes]:
        return [tcp(self.server, self.client, PUSH | ACK, payload, sequence)]

    def closed(self) -> list[bytes]:
        return [tcp(self.client, self.server, FIN | ACK), tcp(self.server, self.client, FIN | ACK)]

    def reset(self, *, by_server: bool = True) -> list[bytes]:
        ends = (self.server, self.client) if by_server else (self.client, self.server)
        return [tcp(*ends, RST | ACK)]


def capture(*packets: bytes, link: int = 276, order: str = "<", every_s: float = 0.1) -> bytes:
    """Return a file with IP ``packets``, one each ``every_s`` seconds."""
    magic = {"<": b"\xd4\xc3\xb2\xa1", ">": b"\xa1\xb2\xc3\xd4"}[order]
    parts = [magic + struct.pack(f"{order}HHiIII", 2, 4, 0, 0, 256, link)]
    for number, packet in enumerate(packets):
        frame = framed(packet, link)
        time_us = round(number * every_s * 1_000_000)
        head = struct.pack(f"{order}IIII", 1_796_000_000 + time_us // 10**6, time_us % 10**6, len(frame), len(frame))
        parts.append(head + frame)
    return b"".join(parts)


def framed(packet: bytes, link: int, *, outgoing: bool = False) -> bytes:
    """Return the frame of a link around an IP packet."""
    kind = 0x86DD if packet[0] >> 4 == 6 else 0x0800
    if link == 276:
        return struct.pack(">HHIHBB8s", kind, 0, 2, 1, 4 if outgoing else 0, 6, b"") + packet
    if link == 113:
        return struct.pack(">HHH8sH", 4 if outgoing else 0, 1, 6, b"", kind) + packet
    if link == 1:
        return b"\0" * 12 + struct.pack(">H", kind) + packet
    return packet
