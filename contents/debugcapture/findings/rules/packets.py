"""Rules about captured packets. Numbers of packets stand for lines, as Wireshark counts them."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from ...finding import Finding
from ..parsers.pcap import Connection, PacketCapture, Query
from ..parsers.pcap_packets import CaptureEnd

_MOST_SERVERS: Final = 3
_MOST_NAMES: Final = 4
_FEW: Final = 3
_MIN_REPEATED: Final = 10
_REPEATED_SHARE: Final = 0.02
_ANSWER_S: Final = 5.0
"""The resolver of the C library waits that long for an answer."""
_NO_SUCH_NAME: Final = 3
_CODES: Final = {1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 5: "REFUSED"}
# Source: RFC 8446, section 6.2, and RFC 5246, section 7.2.2.
_ALERTS: Final = {
    20: "bad_record_mac",
    40: "handshake_failure: no common version or cipher suite",
    42: "bad_certificate",
    43: "unsupported_certificate",
    44: "certificate_revoked",
    45: "certificate_expired",
    46: "certificate_unknown",
    47: "illegal_parameter",
    48: "unknown_ca: the certificate is of an authority that the receiver does not trust",
    49: "access_denied",
    50: "decode_error",
    51: "decrypt_error",
    70: "protocol_version: no common version of TLS",
    71: "insufficient_security",
    80: "internal_error",
    86: "inappropriate_fallback",
    112: "unrecognized_name: the server has no certificate for this name",
    116: "certificate_required",
    120: "no_application_protocol",
}

_ENDS: Final[dict[CaptureEnd, tuple[str, str]]] = {
    "limit": (
        "Only the first {:,} packets of the capture were examined",
        "Open the file in Wireshark, or explain its parts: editcap -c 200000 FILE PARTS.pcap",
    ),
    "cut": ("The capture of packets is cut after packet {:,}", ""),
    "damaged": ("The capture of packets is damaged after packet {:,}", "Capture the packets again."),
}


def packets_connection_not_answered(capture: PacketCapture) -> Iterator[Finding]:
    """A server did not answer repeated attempts to connect: packets are dropped, or nothing has this address.

    A firewall or a NetworkPolicy drops packets without an answer. Source: RFC 9293, section 3.5.
    """
    attempts = [
        connection
        for connection in capture.connections.values()
        if connection.attempts > 1 and not connection.is_open and not connection.reset_by
    ]
    for server, group in _group_by_server(attempts):
        yield Finding(
            "warning",
            f"{server} does not answer: {_count(group)} got no answer",
            f"{sum(connection.attempts for connection in group)} packets were sent to open them; the first attempt is "
            f"packet {group[0].first} from {group[0].client}.{capture.scope}",
            "Check the address, NetworkPolicies and firewalls between the pod and this address.",
            (capture.quote(group[0].first, group[0].last, f"{group[0].client} > {server}: SYN, no answer"),),
            directness=72,
            key=f"no answer {server}",
        )


def packets_connection_refused(capture: PacketCapture) -> Iterator[Finding]:
    """A server refused connections: no process listens on the port, or a firewall rejects them.

    Many programs try ::1 before 127.0.0.1, so a port of the host itself counts only if both refuse it. Source:
    RFC 9293, section 3.5.2.
    """
    accepted = {connection.server for connection in capture.connections.values() if connection.is_open}
    refused = [
        connection
        for connection in capture.connections.values()
        if connection.attempts
        and not connection.is_open
        and connection.reset_by == connection.server
        and connection.server.replace("[::1]", "127.0.0.1") not in accepted
    ]
    for server, group in _group_by_server(refused):
        yield Finding(
            "warning",
            f"{server} refused {_count(group)}",
            f"It answered each attempt with a reset (RST). The first one is packet {group[0].last}.{capture.scope}",
            "Check that a process listens on this port.",
            (capture.quote(group[0].first, group[0].last, f"{server} > {group[0].client}: RST"),),
            directness=71,
            key=f"refused {server}",
        )


def packets_connection_reset(capture: PacketCapture) -> Iterator[Finding]:
    """Open connections ended with a reset instead of a regular close: data may be lost.

    A process that ends, a full backlog, a proxy or a load balancer with a shorter time limit resets connections. A few
    resets are normal, so fewer than three are context. Health checks that send no data are left out. Source: RFC 9293,
    section 3.5.2.
    """
    reset = [
        connection
        for connection in capture.connections.values()
        if connection.is_open and connection.reset_by and connection.segments
    ]
    for server, group in _group_by_server(reset):
        by_server = sum(connection.reset_by == connection.server for connection in group)
        side = "the server" if by_server * 2 >= len(group) else "the clients"
        yield Finding(
            "warning" if len(group) >= _FEW else "info",
            f"{_count(group)} to {server} {'was' if len(group) == 1 else 'were'} reset by {side}",
            f"{by_server} of {len(group)} by the server. The first reset ends with packet {group[0].last}."
            f"{capture.scope}",
            "Look at the log of the side that sends the resets, and at the time limits of proxies between them.",
            (capture.quote(group[0].first, group[0].last, f"{group[0].reset_by}: RST in an open connection"),),
            directness=60,
            key=f"reset {server}",
        )


def packets_sent_again(capture: PacketCapture) -> Iterator[Finding]:
    """A share of the data was sent again: packets are lost, or their receiver is overloaded.

    Below 2 % it is normal. Source: RFC 6298.
    """
    servers: dict[str, list[Connection]] = {}
    for connection in capture.connections.values():
        servers.setdefault(connection.server, []).append(connection)
    totals = sorted(
        ((sum(each.repeated for each in group), sum(each.segments for each in group), server, group))
        for server, group in servers.items()
    )
    for repeated, segments, server, group in reversed(totals[-_MOST_SERVERS:]):
        if repeated < _MIN_REPEATED or repeated < segments * _REPEATED_SHARE:
            continue
        worst = max(group, key=lambda connection: connection.repeated)
        yield Finding(
            "warning",
            f"{repeated / segments:.0%} of the packets with data to and from {server} were sent again",
            f"{repeated} of {segments} packets in {_count(group)}; {worst.repeated} of them with {worst.client}."
            f"{capture.scope}",
            "Look for packet loss on the way, and for CPU throttling of the receiver.",
            (capture.quote(worst.first, worst.last, f"{worst.client} > {server}: {worst.repeated} sent again"),),
            directness=62,
            key=f"sent again {server}",
        )


def packets_dns_not_answered(capture: PacketCapture) -> Iterator[Finding]:
    """A DNS server did not answer queries within 5 s. Each of them delays what needs the name.

    Source: resolv.conf(5), "timeout".
    """
    lost: dict[str, list[Query]] = {}
    for query in capture.queries.values():
        if capture.end_s - query.time_s >= _ANSWER_S:
            lost.setdefault(query.server, []).append(query)
    for server, queries in sorted(lost.items(), key=lambda item: -len(item[1]))[:_MOST_SERVERS]:
        if len(queries) < 2:
            continue
        names = list(dict.fromkeys(query.name for query in queries))
        total = len(queries) + capture.answered[server]
        yield Finding(
            "warning",
            f"The DNS server {server} did not answer {len(queries)} of {total} queries",
            f"Names: {_list_names(names)}.{capture.scope}",
            "Check CoreDNS, and NetworkPolicies for port 53.",
            (
                capture.quote(
                    queries[0].number, queries[-1].number, *(f"query: {name}" for name in names[:_MOST_NAMES])
                ),
            ),
            directness=74,
            key=f"dns no answer {server}",
        )


def packets_dns_failed(capture: PacketCapture) -> Iterator[Finding]:
    """A DNS server answered queries with an error, and no answer was a success.

    A resolver tries the search domains first, so errors for NAME.DOMAIN are normal if NAME itself is found. Reverse
    lookups and names of services that begin with an underscore are left out, and so is a single error. Source:
    RFC 1035, section 4.1.1; resolv.conf(5), "search".
    """
    good = {name for name, code in capture.answers if code == 0}
    failed = {
        (name, code): numbers
        for (name, code), numbers in capture.answers.items()
        if code in _CODES
        and name not in good
        and len(numbers) > 1
        and not name.startswith("_")
        and not name.endswith(".arpa")
        and not any(name.startswith(f"{other}.") for other in good)
    }
    for code in sorted({code for _, code in failed}):
        names = _shortest([name for name, of in failed if of == code])
        numbers = sorted(number for (name, of), each in failed.items() if of == code for number in each)
        unknown = code == _NO_SUCH_NAME
        title = f"DNS has no such name: {_list_names(names)}" if unknown else f"DNS failed for {_list_names(names)}"
        yield Finding(
            "warning",
            f"{title} ({_CODES[code]})",
            f"{len(numbers)} answers with {_CODES[code]}, and none with an address.{capture.scope}",
            "Check the spelling of the name, its namespace, and that the Service exists."
            if unknown
            else "Look at the log of CoreDNS and at its upstream servers.",
            (capture.quote(numbers[0], numbers[-1], *(f"{_CODES[code]}: {name}" for name in names[:_MOST_NAMES])),),
            directness=70,
            key=f"dns {_CODES[code]} {' '.join(names[:_MOST_NAMES])}",
        )


def packets_tls_failed(capture: PacketCapture) -> Iterator[Finding]:
    """One side ended a TLS handshake with a fatal alert, which names the reason.

    Only alerts before the encryption are visible: with TLS 1.3, those of a client about the certificate are not.
    Source: RFC 8446, section 6.2.
    """
    groups: dict[tuple[str, str, int], list[int]] = {}
    for alert in capture.alerts:
        client_sent = int(alert.sender.rpartition(":")[2]) > int(alert.receiver.rpartition(":")[2])
        server = alert.receiver if client_sent else alert.sender
        groups.setdefault((server, "client" if client_sent else "server", alert.code), []).append(alert.number)
    for (server, sender, code), numbers in sorted(groups.items(), key=lambda item: -len(item[1]))[:_MOST_SERVERS]:
        name = _ALERTS.get(code, f"alert {code}")
        times = f" {len(numbers)} times" if len(numbers) > 1 else ""
        yield Finding(
            "warning",
            f"TLS with {server} failed{times}: {name.partition(':')[0]}, sent by the {sender}",
            f"Fatal alert {code} ({name}).{capture.scope}",
            "Check the certificate, its authority, the name of the server, and the versions that both sides allow.",
            (capture.quote(numbers[0], numbers[-1], f"TLS alert {code}: {name}"),),
            directness=73,
            key=f"tls {server} {code}",
        )


def packets_not_all_examined(capture: PacketCapture) -> Iterator[Finding]:
    """The findings about packets do not cover the whole file: it has too many packets, is cut, or is damaged.

    Source: https://www.tcpdump.org/manpages/pcap-savefile.5.html
    """
    if capture.end == "complete":
        return
    title, advice = _ENDS[capture.end]
    yield Finding(
        "info",
        title.format(capture.last),
        "The findings about packets do not cover what follows.",
        advice,
        (capture.quote(max(capture.last, 1), max(capture.last, 1)),),
        directness=20,
        key=f"not all packets: {capture.end}",
    )


def _group_by_server(connections: Iterable[Connection]) -> list[tuple[str, list[Connection]]]:
    """Return ``connections`` by their server, those with the most first."""
    servers: dict[str, list[Connection]] = {}
    for connection in connections:
        servers.setdefault(connection.server, []).append(connection)
    return sorted(servers.items(), key=lambda item: -len(item[1]))[:_MOST_SERVERS]


def _count(group: Sequence[Connection]) -> str:
    return "1 connection" if len(group) == 1 else f"{len(group)} connections"


def _shortest(names: Iterable[str]) -> list[str]:
    """Return ``names`` without those that are another one with a search domain behind it."""
    limited: list[str] = []
    for name in sorted(dict.fromkeys(names), key=len):
        if not any(name.startswith(f"{short}.") for short in limited):
            limited.append(name)
    return limited


def _list_names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(name[:100] for name in names[:_MOST_NAMES]) + more


RULES: Final = (
    packets_dns_not_answered,
    packets_tls_failed,
    packets_connection_not_answered,
    packets_connection_refused,
    packets_dns_failed,
    packets_sent_again,
    packets_connection_reset,
    packets_not_all_examined,
)
