"""Connections of a container: each rule is shown true, in the tables of several tools."""

from __future__ import annotations

import pytest

from tests.unit.findings.kube_evidence import (
    findings,
    only,
)
from tests.unit.findings.system_files import kernel


def test_connections_that_nobody_closes() -> None:
    finding = only(kernel((40, "08", "0500000A:1538", "00000000")), "connections-are-not-closed")
    assert finding.severity == "warning"
    assert finding.title.startswith("40 connections are in CLOSE_WAIT")
    assert "10.0.0.5:5432 (40)" in finding.detail
    assert only(kernel((2, "08", "0500000A:1538", "00000000")), "connections-are-not-closed").severity == "info"


def test_connections_that_get_no_answer() -> None:
    finding = only(kernel((5, "02", "0900000A:01BB", "00000000")), "connections-get-no-answer")
    assert (finding.severity, finding.title) == ("warning", "5 connections get no answer from 10.0.0.9:443 (SYN_SENT)")
    assert not findings(kernel((50, "01", "0900000A:01BB", "00000000"), (3, "06", "0900000A:01BB", "00000000")))


def test_an_address_of_version_6() -> None:
    peer = "0000000000000000FFFF00000500000A:1538"
    assert "10.0.0.5:5432" in only(kernel((40, "08", peer, "00000000")), "connections-are-not-closed").detail
    peer = "B80D0120000000000000000001000000:0050"
    assert "[2001:db8::1]:80" in only(kernel((40, "08", peer, "00000000")), "connections-are-not-closed").detail


def test_a_full_queue_and_data_that_is_not_read() -> None:
    finding = only(kernel((1, "0A", "00000000:0000", "00000081")), "connections-wait-to-be-accepted")
    assert finding.title == "129 connections wait to be accepted at 10.98.0.15:40000"
    finding = only(kernel((1, "01", "0500000A:1538", "00200000")), "data-is-not-read")
    assert "2.0 MiB from 10.0.0.5:5432" in finding.title


def test_counters_of_the_network() -> None:
    tail = "\n== cat /proc/1/net/snmp\nTcp: RtoAlgorithm OutSegs RetransSegs\nTcp: 1 10000 900\n"
    tail += "\n== cat /proc/1/net/netstat\nTcpExt: SyncookiesSent ListenOverflows ListenDrops\nTcpExt: 0 12 13\n"
    assert only(kernel(tail=tail), "packets-are-lost").title == "9% of the TCP segments were sent again"
    assert "12 connections were dropped" in only(kernel(tail=tail), "connections-wait-to-be-accepted").title


@pytest.mark.parametrize(
    ("header", "row"),
    [
        (
            "State      Recv-Q Send-Q Local Address:Port  Peer Address:Port Process",
            'CLOSE-WAIT 1      0      10.98.0.15:40000    10.0.0.5:5432     users:(("shop",pid=1,fd=7))',
        ),
        (
            "Proto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name",
            "tcp        1      0 10.98.0.15:40000        10.0.0.5:5432           CLOSE_WAIT  1/shop",
        ),
    ],
)
def test_tables_of_ss_and_netstat(header: str, row: str) -> None:
    finding = only("\n".join([header, *[row] * 30]), "connections-are-not-closed")
    assert "10.0.0.5:5432 (30)" in finding.detail


@pytest.mark.parametrize(("unread", "rows", "severity"), [(1, 6, "info"), (180, 6, "warning"), (180, 4, "info")])
def test_rows_of_netstat_without_their_header(unread: int, rows: int, severity: str) -> None:
    row = f"tcp6  {unread}  0 10.98.0.15:8080    10.0.0.5:3000{{}}      CLOSE_WAIT  31/java\n"
    finding = only("".join(row.format(number) for number in range(rows)), "connections-are-not-closed")
    assert finding.severity == severity
    assert (f"has not read {unread * rows} bytes" in finding.detail) == (unread > 1)


def test_a_log_with_rows_of_netstat_is_a_log() -> None:
    row = "tcp6  0  0 10.98.0.15:8080    10.0.0.5:3000      CLOSE_WAIT  31/java\n"
    assert not findings("10:00 started\n10:01 collected the connections\n" + row)
