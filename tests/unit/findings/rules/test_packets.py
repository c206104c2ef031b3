"""rules/packets.py: each rule on packets that show it, and on similar packets that do not."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debugcapture.finding import Finding
from debugcapture.findings.evidence import Evidence
from debugcapture.findings.explain import explain, explain_bundle
from debugcapture.findings.parsers import pcap_packets
from tests.unit.builders import artifact, manifest
from tests.unit.findings.packets import ACK, DNS, PUSH, SYN, Talk, alert, capture, framed, lookup, tcp, udp

TALK = Talk()
WEB = Talk(server=("10.1.0.5", 443))
WHOLE = [*TALK.opened(), *TALK.sends(), *TALK.answers(), *TALK.closed()]


def never(_file: Evidence, error: Exception) -> None:
    raise AssertionError from error


def findings(content: bytes) -> list[Finding]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "packets.pcap"
        path.write_bytes(content)
        return explain([Evidence(path, path.name)], never)


def talks(count: int, talk: Talk = TALK) -> list[Talk]:
    return [replace(talk, client=(talk.client[0], 42000 + number)) for number in range(count)]


def test_regular_traffic_gives_no_finding() -> None:
    names = [*lookup(1, "db.shop.svc.cluster.local.shop.svc.cluster.local", 3)] * 2
    names += lookup(2, "db.shop.svc.cluster.local", 0)
    packets = [packet for talk in talks(20) for packet in (*talk.opened(), *talk.sends(), *talk.closed())]
    assert findings(capture(*packets, *WHOLE, *names)) == []


@pytest.mark.parametrize("link", [1, 101, 113, 276])
@pytest.mark.parametrize("order", ["<", ">"])
def test_a_server_that_does_not_answer(link: int, order: str) -> None:
    (finding,) = findings(capture(*[tcp(TALK.client, TALK.server, SYN)] * 3, link=link, order=order))
    assert (finding.rule, finding.severity) == ("packets-connection-not-answered", "warning")
    assert finding.title == "10.1.0.9:5432 does not answer: 1 connection got no answer"
    assert "3 packets were sent to open them; the first attempt is packet 1" in finding.detail
    assert (finding.evidence[0].first, finding.evidence[0].last) == (1, 3)


def test_a_single_attempt_at_the_end_or_a_late_answer_is_normal() -> None:
    assert findings(capture(tcp(TALK.client, TALK.server, SYN))) == []
    assert findings(capture(tcp(TALK.client, TALK.server, SYN), *WHOLE)) == []


def test_a_server_that_refuses_connections() -> None:
    packets = [packet for talk in talks(4) for packet in (tcp(talk.client, talk.server, SYN), *talk.reset())]
    (finding,) = findings(capture(*packets))
    assert (finding.rule, finding.title) == ("packets-connection-refused", "10.1.0.9:5432 refused 4 connections")


def test_a_program_that_tries_ipv6_first_is_not_refused() -> None:
    own = Talk(("::1", 41000), ("::1", 8080))
    first = [tcp(own.client, own.server, SYN), *own.reset()]
    (finding,) = findings(capture(*first, link=101))
    assert finding.title == "[::1]:8080 refused 1 connection"
    second = Talk(("127.0.0.1", 41000), ("127.0.0.1", 8080))
    assert findings(capture(*first, *second.opened(), *second.closed(), link=101)) == []


@pytest.mark.parametrize(("count", "severity"), [(1, "info"), (3, "warning")])
def test_open_connections_that_are_reset(count: int, severity: str) -> None:
    packets = [packet for talk in talks(count) for packet in (*talk.opened(), *talk.sends(), *talk.reset())]
    (finding,) = findings(capture(*packets))
    assert (finding.rule, finding.severity) == ("packets-connection-reset", severity)
    assert finding.title.endswith(
        "to 10.1.0.9:5432 were reset by the server" if count > 1 else "was reset by the server"
    )


def test_a_reset_after_the_close_or_without_data_is_normal() -> None:
    after = [packet for talk in talks(5) for packet in (*talk.opened(), *talk.sends(), *talk.closed(), *talk.reset())]
    probes = [packet for talk in talks(5) for packet in (*talk.opened(), *talk.reset(by_server=False))]
    assert findings(capture(*after)) == []
    assert findings(capture(*probes)) == []


def test_packets_that_are_sent_again() -> None:
    data = [packet for number in range(100) for packet in TALK.sends(sequence=2 + number)]
    (finding,) = findings(capture(*TALK.opened(), *data, *data[-12:]))
    assert (finding.rule, finding.severity) == ("packets-sent-again", "warning")
    assert finding.title == "11% of the packets with data to and from 10.1.0.9:5432 were sent again"
    assert "12 of 112 packets in 1 connection;" in finding.detail
    assert findings(capture(*TALK.opened(), *data, *data[-2:])) == []


def test_probes_that_keep_a_connection_alive_are_not_sent_again() -> None:
    probe = tcp(TALK.client, TALK.server, ACK, b"\0", 41)
    assert findings(capture(*TALK.opened(), *TALK.sends(), *[probe] * 50)) == []


def test_packets_of_the_host_itself_are_in_the_file_twice() -> None:
    own = Talk(("127.0.0.1", 41000), ("127.0.0.1", 8080))
    packets = [*own.opened(), *(packet for number in range(50) for packet in own.sends(sequence=2 + number))]
    head = capture(link=276)
    frames = [framed(packet, 276, outgoing=is_out) for packet in packets for is_out in (True, False)]
    records = b"".join(b"\0" * 8 + len(frame).to_bytes(4, "little") * 2 + frame for frame in frames)
    assert findings(head + records) == []


def test_a_dns_server_that_does_not_answer() -> None:
    lost = [packet for number in range(4) for packet in lookup(number, "db.shop.svc", port=40000 + number)]
    (finding,) = findings(capture(*lost, *lookup(9, "web.shop.svc", 0), *WHOLE, every_s=1.0))
    assert (finding.rule, finding.severity) == ("packets-dns-not-answered", "warning")
    assert finding.title == "The DNS server 10.96.0.10:53 did not answer 4 of 5 queries"
    assert "db.shop.svc" in finding.detail
    assert findings(capture(*WHOLE, *lost, every_s=0.1)) == []


def test_a_name_that_does_not_exist() -> None:
    domains = ("db.shpo.svc.cluster.local.shop.svc.cluster.local", "db.shpo.svc.cluster.local")
    packets = [packet for number, name in enumerate(domains * 2) for packet in lookup(number, name, 3)]
    (finding,) = findings(capture(*packets))
    assert (finding.rule, finding.title) == (
        "packets-dns-failed",
        "DNS has no such name: db.shpo.svc.cluster.local (NXDOMAIN)",
    )
    assert "4 answers with NXDOMAIN" in finding.detail
    assert findings(capture(*packets, *lookup(9, "db.shpo.svc.cluster.local", 0))) == []
    assert findings(capture(*lookup(1, "db.shpo.svc", 3))) == []
    for name in ("_grpclb._tcp.db.svc", "9.0.1.10.in-addr.arpa"):
        assert findings(capture(*lookup(1, name, 3), *lookup(2, name, 3))) == []


def test_a_dns_server_that_fails() -> None:
    (finding,) = findings(capture(*lookup(1, "api.example.com", 2), *lookup(2, "api.example.com", 2)))
    assert finding.title == "DNS failed for api.example.com (SERVFAIL)"
    assert findings(capture(*lookup(1, "api.example.com", 2), *lookup(2, "api.example.com", 0))) == []


def test_a_tls_handshake_that_fails() -> None:
    packets = [*WEB.opened(), *WEB.sends(b"\x16\x03\x01" + b"x" * 60), *WEB.sends(alert(48), 70), *WEB.closed()]
    (finding,) = findings(capture(*packets))
    assert (finding.rule, finding.title) == (
        "packets-tls-failed",
        "TLS with 10.1.0.5:443 failed: unknown_ca, sent by the client",
    )
    regular = [*WEB.opened(), *WEB.sends(bytes([21, 3, 3, 0, 2, 1, 0])), *WEB.closed()]
    encrypted = [*WEB.opened(), *WEB.sends(bytes([21, 3, 3, 0, 26, 2, 48])), *WEB.closed()]
    assert findings(capture(*regular)) == findings(capture(*encrypted)) == []


def test_packets_are_explained_although_nothing_in_them_is_masked(tmp_path: Path) -> None:
    (tmp_path / "packets.pcap").write_bytes(capture(*[tcp(TALK.client, TALK.server, SYN)] * 3))
    capture_manifest = manifest(
        artifact(file="packets.pcap", collector="packet-capture", sensitive=True), artifact(file="other.txt")
    )
    everything, _ = explain_bundle(tmp_path, capture_manifest, never)
    assert [finding.rule for finding in everything] == ["packets-connection-not-answered"]


def test_a_port_that_is_used_again_is_another_connection() -> None:
    packets = [*TALK.opened(), *TALK.sends(), *TALK.reset()] * 3
    (finding,) = findings(capture(*packets))
    assert finding.title == "3 connections to 10.1.0.9:5432 were reset by the server"


@pytest.mark.parametrize(
    ("size", "titles", "failures"),
    [
        *((size, [], []) for size in (0, 3, 24)),
        *((size, [], ["the header of the capture is not complete"]) for size in (4, 20)),
        *((size, ["The capture of packets is cut after packet 0"], []) for size in (30, 45, 60)),
        (-1, ["The capture of packets is cut after packet 6"], []),
    ],
)
def test_a_capture_that_is_cut_is_read_up_to_the_cut(size: int, titles: list[str], failures: list[str]) -> None:
    errors: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "packets.pcap"
        path.write_bytes(capture(*WHOLE)[:size])
        reported = explain([Evidence(path, path.name)], lambda _file, error: errors.append(str(error)))
    assert [(finding.title, finding.severity) for finding in reported] == [(title, "info") for title in titles]
    assert errors == failures


def test_a_capture_with_too_many_packets_says_which_were_examined(monkeypatch: pytest.MonkeyPatch) -> None:
    content = capture(*[tcp(TALK.client, TALK.server, SYN)] * 5)
    assert [finding.rule for finding in findings(content)] == ["packets-connection-not-answered"]
    monkeypatch.setattr(pcap_packets, "MOST_PACKETS", 5)
    assert [finding.rule for finding in findings(content)] == ["packets-connection-not-answered"]
    monkeypatch.setattr(pcap_packets, "MOST_PACKETS", 4)
    counted, scope = findings(content)
    assert counted.detail.startswith("4 packets were sent to open them;")
    assert counted.detail.endswith(" This is about the first 4 packets only.")
    assert (scope.rule, scope.severity) == ("packets-not-all-examined", "info")
    assert scope.title == "Only the first 4 packets of the capture were examined"


def test_a_damaged_capture_says_where_it_ends() -> None:
    (finding,) = findings(capture(*WHOLE) + b"\xff" * 32)
    assert finding.title == f"The capture of packets is damaged after packet {len(WHOLE)}"


PIECES = (
    *WHOLE,
    *lookup(1, "a.b", 3),
    tcp(TALK.client, TALK.server, PUSH, alert(40)),
    udp(DNS, ("10.0.0.7", 40000), b"\0" * 12 + b"\x3f"),
    b"\x45" + b"\0" * 30,
    b"\x60" + b"\xff" * 60,
    b"",
    b"\x4f\0",
)


@given(
    st.lists(st.sampled_from(PIECES) | st.binary(max_size=80), max_size=20),
    st.sampled_from([0, 1, 12, 101, 113, 276]),
    st.integers(0, 3000),
    st.binary(max_size=40),
)
def test_hostile_packets_are_parsed_without_an_exception(
    packets: list[bytes], link: int, cut: int, tail: bytes
) -> None:
    frames = [packet or b"\0" for packet in packets]
    content = capture(*frames, link=link)
    findings(content[: max(24, len(content) - cut)] + tail)
