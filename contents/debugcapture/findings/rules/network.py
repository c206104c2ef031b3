"""Rules about connections that are never closed, get no answer, or wait to be accepted."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from ...finding import EvidenceLines, Finding
from ...text import size
from ..parsers.network_file import ConnectionGroup, NetworkState

_MANY_CLOSE_WAIT: Final = 20
_MANY_UNREAD: Final = 5  # closed connections whose requests the program has not even read
_MANY_SYN_SENT: Final = 3
_MANY_TIME_WAIT: Final = 10_000
_MUCH_DATA: Final = 1 << 20  # bytes in the queue of one peer
_FULL_QUEUE: Final = 50  # connections that wait to be accepted
_RETRANSMITTED: Final = 0.05
_FEWEST_SEGMENTS: Final = 1000


def connections_are_not_closed(state: NetworkState) -> Iterator[Finding]:
    """Peers closed connections, and the program did not close its end: CLOSE_WAIT.

    Only the program can end this state. Each connection keeps a file descriptor, and often a thread or a place in a
    pool. Source: https://datatracker.ietf.org/doc/html/rfc9293#section-3.3.2
    """
    groups = state.in_state("CLOSE_WAIT")
    total = sum(group.count for group in groups)
    if not total:
        return
    unread = sum(group.unread_bytes for group in groups if group.unread_bytes > group.count)  # FIN counts as a byte
    many = total >= (_MANY_UNREAD if unread else _MANY_CLOSE_WAIT)
    data = f" The program has not read {unread} bytes that they contain." if unread else ""
    yield Finding(
        severity="warning" if many else "info",
        title=f"{total} {_connections(total)} in CLOSE_WAIT: the peer has closed, and the program has not",
        detail=f"{_peers(groups)}.{_ports(groups)}{data}",
        advice="Look for connections or responses that the program does not close, or for threads that hang."
        if many
        else "",
        evidence=_lines(groups),
        directness=65,
        key="CLOSE_WAIT",
    )


def connections_get_no_answer(state: NetworkState) -> Iterator[Finding]:
    """The program tries to connect, and nothing answers: SYN_SENT.

    A firewall or network policy drops the packets, or the address does not exist. Source:
    https://datatracker.ietf.org/doc/html/rfc9293#section-3.3.2
    """
    groups = state.in_state("SYN_SENT")
    total = sum(group.count for group in groups)
    if not total:
        return
    many = any(group.count >= _MANY_SYN_SENT for group in groups)
    subject = "connections get" if total > 1 else "connection gets"
    yield Finding(
        severity="warning" if many else "info",
        title=f"{total} {subject} no answer from {groups[0].peer} (SYN_SENT)",
        detail=f"{_peers(groups)}.",
        advice="Check network policies, firewalls, and whether the address still exists." if many else "",
        evidence=_lines(groups),
        directness=70,
        key=f"SYN_SENT {groups[0].peer}",
    )


def connections_wait_to_be_accepted(state: NetworkState) -> Iterator[Finding]:
    """Connections to a port of the program wait to be accepted, or were dropped because too many waited.

    The program is too slow or hangs. Source: https://man7.org/linux/man-pages/man2/listen.2.html
    """
    for group in state.in_state("LISTEN"):
        if group.unread_bytes >= _FULL_QUEUE or (group.unsent_bytes and group.unread_bytes > group.unsent_bytes):
            most = f" of {group.unsent_bytes} that may wait" if group.unsent_bytes else ""
            yield Finding(
                severity="warning",
                title=f"{group.unread_bytes} connections{most} wait to be accepted at {group.peer}",
                detail="The queue of the listening socket (Recv-Q) shows that the program does not accept them.",
                advice="Look at the threads of the program that accept connections.",
                evidence=tuple(group.lines),
                directness=72,
                key=f"accept {group.peer}",
            )
    overflows = state.counters.get("TcpExt ListenOverflows", 0)
    if overflows:
        yield Finding(
            severity="info",
            title=f"{overflows} connections were dropped since the start, because too many waited (ListenOverflows)",
            detail=f"ListenDrops {state.counters.get('TcpExt ListenDrops', 0)}.",
            evidence=(state.counter_lines["TcpExt ListenOverflows"],),
            directness=40,
            key="ListenOverflows",
        )


def data_is_not_read(state: NetworkState) -> Iterator[Finding]:
    """The program does not read what a peer has sent, or a peer does not acknowledge what the program has sent.

    Source: https://man7.org/linux/man-pages/man8/ss.8.html
    """
    for group in state.in_state("ESTABLISHED"):
        for count, side in (
            (group.unread_bytes, "the program has not read"),
            (group.unsent_bytes, "it has not accepted"),
        ):
            if count >= _MUCH_DATA:
                way = "from" if "program" in side else "to"
                yield Finding(
                    severity="warning",
                    title=f"{size(count)} {way} {group.peer} wait, because {side} them",
                    detail=f"{group.count} connections: Recv-Q {group.unread_bytes}, Send-Q {group.unsent_bytes}.",
                    advice="Look at the threads that read the connection."
                    if way == "from"
                    else "Look at the peer and at the network.",
                    evidence=tuple(group.lines),
                    directness=60,
                    key=f"queue {group.peer} {way}",
                )


def ports_run_out(state: NetworkState) -> Iterator[Finding]:
    """Many closed connections keep their local port for a minute: TIME_WAIT.

    A client has about 28,000 ports for each peer. Source:
    https://docs.kernel.org/networking/ip-sysctl.html (ip_local_port_range)
    """
    groups = state.in_state("TIME_WAIT")
    if groups and groups[0].count >= _MANY_TIME_WAIT:
        yield Finding(
            severity="warning",
            title=f"{groups[0].count} connections to {groups[0].peer} are in TIME_WAIT: local ports may run out",
            detail=f"{_peers(groups)}.",
            advice="Keep connections open and reuse them.",
            evidence=_lines(groups),
            directness=55,
            key="TIME_WAIT",
        )


def packets_are_lost(state: NetworkState) -> Iterator[Finding]:
    """At least 5 % of the TCP segments were sent again: packets or their acknowledgements were lost.

    Source: https://docs.kernel.org/networking/snmp_counter.html
    """
    sent, retransmitted = state.counters.get("Tcp OutSegs", 0), state.counters.get("Tcp RetransSegs", 0)
    if sent >= _FEWEST_SEGMENTS and retransmitted >= sent * _RETRANSMITTED:
        yield Finding(
            severity="warning",
            title=f"{retransmitted / sent:.0%} of the TCP segments were sent again",
            detail=f"RetransSegs {retransmitted} of OutSegs {sent} since the network of the pod was created.",
            advice="Look at the network between the pod and its peers.",
            evidence=(state.counter_lines["Tcp RetransSegs"],),
            directness=50,
            key="retransmissions",
        )


def _connections(count: int) -> str:
    return "connections are" if count > 1 else "connection is"


def _peers(groups: Sequence[ConnectionGroup]) -> str:
    named = ", ".join(f"{group.peer} ({group.count})" for group in groups[:5])
    return f"Peers: {named}" + (f" and {len(groups) - 5} more" if len(groups) > 5 else "")


def _ports(groups: Sequence[ConnectionGroup]) -> str:
    """Return the local port that most of the connections share, which the program then listens on."""
    total = sum(group.count for group in groups)
    ports: Counter[str] = Counter()
    for group in groups:
        ports.update(group.local_ports)
    port, count = ports.most_common(1)[0]
    return f" {count} of them at the local port {port}." if count > 1 and count * 2 > total else ""


def _lines(groups: Sequence[ConnectionGroup]) -> tuple[EvidenceLines, ...]:
    return tuple(line for group in groups[:3] for line in group.lines)[:6]


RULES = (
    connections_get_no_answer,
    connections_wait_to_be_accepted,
    connections_are_not_closed,
    data_is_not_read,
    ports_run_out,
    packets_are_lost,
)
