"""Reads the packets of a capture that tcpdump writes: TCP segments and UDP datagrams, within bounds, as a stream.

Each length is checked before it is used: a packet that is cut, malformed or of another protocol is left out.
Sources: https://www.tcpdump.org/manpages/pcap-savefile.5.html, https://www.tcpdump.org/linktypes.html; RFC 791, 8200
and 9293.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import BinaryIO, Final, Literal, NamedTuple

from ..evidence import DamagedEvidence

# The first bytes: the order of bytes in the file, and how many parts of a second its times count.
_MAGIC: Final = {
    b"\xd4\xc3\xb2\xa1": ("<", 1_000_000),
    b"\xa1\xb2\xc3\xd4": (">", 1_000_000),
    b"\x4d\x3c\xb2\xa1": ("<", 1_000_000_000),
    b"\xa1\xb2\x3c\x4d": (">", 1_000_000_000),
}
_HEADER_BYTES: Final = 24
_RECORD_BYTES: Final = 16
_MOST_PACKET_BYTES: Final = 1 << 18  # no interface sends more at once; a larger number is a damaged file
MOST_PACKETS: Final = 200_000  # Python reads about 100,000 in a second
_ETHERNET, _RAW, _RAW_OF_OTHERS, _COOKED, _COOKED_2 = 1, 101, 12, 113, 276
_IPV4, _IPV6, _VLAN = 0x0800, 0x86DD, 0x8100
_TCP, _UDP = 6, 17
_OUTGOING: Final = 4


class Packet(NamedTuple):
    """A TCP segment or a UDP datagram."""

    number: int
    """Number of the packet in the file, from 1 on, as Wireshark counts them."""
    time_s: float
    """Seconds since 1970."""
    source: str
    """ADDRESS:PORT; an address of IPv6 is in brackets"""
    target: str
    is_tcp: bool
    flags: int
    """Flags of TCP; 0 for UDP."""
    sequence: int
    length: int
    """Bytes of payload, those that were not captured too."""
    payload: bytes
    """The captured part of the payload."""


CaptureEnd = Literal["complete", "limit", "cut", "damaged"]
"""Why the last packet that was read is the last one: the file ends there, it has more packets than are read, it ends
inside a packet, or what follows is not a packet."""


@dataclass(slots=True)
class Capture:
    """An open capture file."""

    file: BinaryIO
    order: str
    parts_per_s: int
    link: int
    packets: int = 0
    """Number of packets that were read, those of other protocols too."""
    end: CaptureEnd = "complete"
    """It is known after the last packet."""


def is_capture(first: bytes) -> bool:
    """Return whether a file that begins with ``first`` is a capture of packets."""
    return first[:4] in _MAGIC


def open_capture(file: BinaryIO) -> Capture:
    """Return the capture in ``file``. Raises DamagedEvidence if its header is cut or not one."""
    header = file.read(_HEADER_BYTES)
    if len(header) < _HEADER_BYTES or header[:4] not in _MAGIC:
        raise DamagedEvidence("the header of the capture is not complete")
    order, parts_per_s = _MAGIC[header[:4]]
    (link,) = struct.unpack(f"{order}I", header[20:24])
    return Capture(file, order, parts_per_s, link & 0xFFFF)


def packets_of(capture: Capture) -> Iterator[Packet]:
    """Yield the TCP and UDP packets of ``capture``, among its first MOST_PACKETS packets."""
    for number, time_s, frame in _records(capture):
        network = _network_of(frame, capture.link)
        if network is not None:
            packet = _packet_of(network, number, time_s)
            if packet is not None and not (_is_outgoing(frame, capture.link) and _is_to_itself(packet)):
                yield packet


def _records(capture: Capture) -> Iterator[tuple[int, float, bytes]]:
    """Yield the number, the time and the frame of each packet, and note in ``capture`` how it ends."""
    record = struct.Struct(f"{capture.order}IIII")
    for number in range(1, MOST_PACKETS + 1):
        head = capture.file.read(_RECORD_BYTES)
        if len(head) < _RECORD_BYTES:
            capture.end = "cut" if head else "complete"
            return
        seconds, parts, captured, _ = record.unpack(head)
        if captured > _MOST_PACKET_BYTES:
            capture.end = "damaged"
            return
        frame = capture.file.read(captured)
        if len(frame) < captured:
            capture.end = "cut"
            return
        capture.packets = number
        yield number, seconds + parts / capture.parts_per_s, frame
    capture.end = "limit" if capture.file.read(1) else "complete"


def _network_of(frame: bytes, link: int) -> bytes | None:
    """Return the IP packet in ``frame``; None if it has none."""
    if link in (_RAW, _RAW_OF_OTHERS):
        return frame
    if link == _COOKED_2:
        return frame[20:] if _short(frame, 0) in (_IPV4, _IPV6) else None
    if link == _COOKED:
        return frame[16:] if _short(frame, 14) in (_IPV4, _IPV6) else None
    if link == _ETHERNET:
        start = 18 if _short(frame, 12) == _VLAN else 14
        return frame[start:] if _short(frame, start - 2) in (_IPV4, _IPV6) else None
    return None


def _is_outgoing(frame: bytes, link: int) -> bool:
    if link == _COOKED_2:
        return len(frame) > 10 and frame[10] == _OUTGOING
    return link == _COOKED and _short(frame, 0) == _OUTGOING


def _is_to_itself(packet: Packet) -> bool:
    """Return whether the packet stays on its host. A capture of all interfaces then contains it twice."""
    source, target = packet.source.rpartition(":")[0], packet.target.rpartition(":")[0]
    return source == target or target.startswith("127.")


def _short(data: bytes, start: int) -> int:
    """Return the two bytes at ``start`` as a number; -1 if the data is too short."""
    return int.from_bytes(data[start : start + 2], "big") if len(data) >= start + 2 else -1


class _Content(NamedTuple):
    """What an IP packet carries."""

    protocol: int
    source: bytes
    target: bytes
    length: int
    """Bytes, those that were not captured too."""
    data: bytes


def _packet_of(network: bytes, number: int, time_s: float) -> Packet | None:
    content = _content_of(network)
    if content is None:
        return None
    data = content.data
    source, target = _end(content.source, data[0:2]), _end(content.target, data[2:4])
    if content.protocol == _UDP and len(data) >= 8:
        return Packet(number, time_s, source, target, False, 0, 0, max(content.length - 8, 0), data[8:])
    if content.protocol != _TCP or len(data) < 20:
        return None
    size, sequence = (data[12] >> 4) * 4, int.from_bytes(data[4:8], "big")
    length = max(content.length - size, 0)
    return Packet(number, time_s, source, target, True, data[13] & 0x3F, sequence, length, data[max(size, 20) :])


def _content_of(network: bytes) -> _Content | None:
    """Return what an IP packet carries; None if its header is cut, or if it is a later fragment, which has no ports."""
    version = network[0] >> 4 if network else 0
    if version == 4 and len(network) >= 20:
        size, total = (network[0] & 0x0F) * 4, _short(network, 2)
        if size < 20 or _short(network, 6) & 0x1FFF:
            return None
        protocol, source, target = network[9], network[12:16], network[16:20]
    elif version == 6 and len(network) >= 40:
        size, total = 40, 40 + _short(network, 4)
        protocol, source, target = network[6], network[8:24], network[24:40]
    else:
        return None
    # If the kernel joins segments before it passes them on, the packet has no length.
    length = (total if total > size else len(network)) - size
    return _Content(protocol, source, target, length, network[size:])


@lru_cache(maxsize=1 << 16)
def _end(address: bytes, port: bytes) -> str:
    """Return ADDRESS:PORT. A capture has few of them, and many packets of each."""
    name = str(ip_address(address))
    return f"{f'[{name}]' if ':' in name else name}:{int.from_bytes(port, 'big')}"
