"""rankings.py: the largest rows first, and how many are left out."""

from __future__ import annotations

from pathlib import Path

from debugcapture.findings.evidence import Evidence
from debugcapture.findings.messages import included_messages
from debugcapture.findings.parsers import jvm_histogram, network_file
from debugcapture.findings.parsers.log import parse_log
from debugcapture.findings.pictures.rankings import connections, heap_classes, log_messages


def evidence(folder: Path, text: str) -> Evidence:
    path = folder / "file.txt"
    path.write_text(text)
    return Evidence(path, "file.txt")


def test_classes_of_the_heap_have_readable_names_and_a_total(tmp_path: Path) -> None:
    rows = "".join(f"  {place}: {place} {1000 - place} shop.Class{place}\n" for place in range(2, 40))
    largest = " num     #instances         #bytes  class name\n   1:  1963  67198104  [B (java.base@17)\n"
    text = f"{largest}{rows}Total 5000 70000000\n"
    (ranking,) = heap_classes(jvm_histogram.parse(evidence(tmp_path, text))).rankings
    assert (ranking.rows[0].label, ranking.rows[0].value, ranking.rows[0].note) == (
        "byte[]", 67198104, "1,963 instances",
    )  # fmt: skip
    assert (len(ranking.rows), ranking.hidden, ranking.total) == (15, 24, 70000000)


def test_connections_are_counted_by_peer_and_state_and_listening_ports_come_last(tmp_path: Path) -> None:
    text = "State Recv-Q Send-Q Local Address:Port Peer Address:Port\n" + "".join(
        [
            "LISTEN 3 128 0.0.0.0:8080 0.0.0.0:*\n",
            *(f"CLOSE-WAIT 40 0 10.0.0.1:4{port} 10.0.0.9:5432\n" for port in range(1000, 1003)),
            "SYN-SENT 0 1 10.0.0.1:40001 10.0.0.7:9092\n",
        ]
    )
    (ranking,) = connections(network_file.parse(evidence(tmp_path, text))).rankings
    assert [(row.label, row.value, row.note, row.tone) for row in ranking.rows] == [
        ("10.0.0.9:5432", 3, "CLOSE_WAIT, 120 bytes not read", "warning"),
        ("10.0.0.7:9092", 1, "SYN_SENT, 1 bytes not acknowledged", "warning"),
        ("0.0.0.0:8080", 1, "LISTEN, 3 connections not accepted", ""),
    ]
    assert ranking.file == "file.txt"


def test_messages_of_a_log_have_counts_and_times(tmp_path: Path) -> None:
    refused = "2026-11-30 03:0{}:00 ERROR shop: connect to db:5432: Connection refused\n"
    text = "".join(refused.format(minute) for minute in range(5)) + "2026-11-30 03:06:00 INFO shop: started\n"
    (ranking,) = log_messages(parse_log(evidence(tmp_path, text), included_messages())).rankings
    row = ranking.rows[0]
    assert "Connection refused" in row.label
    assert (row.value, row.tone, row.line) == (5, "bad", 5)
    assert row.note == "ERROR · 2026-11-30 03:00:00 to 2026-11-30 03:04:00"
    assert ranking.total == 5


def test_without_rows_there_is_no_picture(tmp_path: Path) -> None:
    assert log_messages(parse_log(evidence(tmp_path, "all is well\n"), included_messages())).rankings == ()
    assert connections(network_file.parse(evidence(tmp_path, "== ss -s\n"))).rankings == ()
    assert heap_classes(jvm_histogram.parse(evidence(tmp_path, "\n"))).rankings == ()
