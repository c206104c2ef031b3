"""Class histograms: clients that are not reused, resources, and a healthy heap."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debugcapture.finding import Finding
from debugcapture.findings.evidence import Evidence
from debugcapture.findings.parsers import jvm_histogram
from debugcapture.findings.rules import jvm_histogram as histogram_rules
from debugcapture.findings.subject import Subject
from tests.unit.findings.jvm_dumps import findings_of
from tests.unit.hostile import UTF8

HISTOGRAM = Subject("Java heap histogram", jvm_histogram.recognize, jvm_histogram.parse, histogram_rules.RULES)
Row = tuple[int, int, str]
USUAL: tuple[Row, ...] = (
    (20_000, 1_500_000, "[C"),
    (9_000, 288_000, "java.lang.String"),
    (300, 40_000, "java.net.Socket"),
)


def _histogram(*rows: Row) -> str:
    lines = [f"{place:4}: {count:13} {size:14}  {name}" for place, (count, size, name) in enumerate((*USUAL, *rows), 1)]
    total = (sum(row[0] for row in (*USUAL, *rows)), sum(row[1] for row in (*USUAL, *rows)))
    heading = " num     #instances         #bytes  class name\n----------------------------------------------\n"
    return heading + "\n".join(lines) + f"\nTotal {total[0]:13} {total[1]:14}\n"


def _findings_of(folder: Path, rule: str, text: str) -> list[Finding]:
    return [finding for finding in findings_of(HISTOGRAM, folder, text) if finding.rule == rule]


def test_a_usual_heap_gives_no_warning(tmp_path: Path) -> None:
    (finding,) = findings_of(HISTOGRAM, tmp_path, _histogram())
    assert (finding.severity, finding.rule) == ("info", "java-heap-top")
    assert "char[] 1.4 MiB (20000)" in finding.detail


def test_a_client_is_created_per_request(tmp_path: Path) -> None:
    manager = "org.apache.http.impl.conn.PoolingHttpClientConnectionManager"
    rows: tuple[Row, ...] = ((180, 5760, manager), (180, 14_400, "org.apache.http.impl.conn.CPool"))
    (finding,) = _findings_of(tmp_path, "java-clients-not-reused", _histogram(*rows))
    assert finding.title.startswith(f"180 instances of {manager}")
    assert "180 org.apache.http.impl.conn.CPool" in finding.detail
    assert _findings_of(tmp_path, "java-clients-not-reused", _histogram((2, 64, manager))) == []


def test_sockets_are_not_released(tmp_path: Path) -> None:
    (finding,) = _findings_of(
        tmp_path, "java-resources-not-released", _histogram((715, 85_800, "java.net.SocksSocketImpl"))
    )
    assert "715 sockets (java.net.SocksSocketImpl)" in finding.title
    assert (
        _findings_of(tmp_path, "java-resources-not-released", _histogram((15, 1800, "java.net.SocksSocketImpl"))) == []
    )


def test_one_class_fills_the_heap(tmp_path: Path) -> None:
    (finding,) = _findings_of(tmp_path, "java-class-fills-heap", _histogram((5_000_000, 600 << 20, "com.shop.Session")))
    assert finding.title.startswith("5000000 instances of com.shop.Session fill 100%")
    assert _findings_of(tmp_path, "java-class-fills-heap", _histogram((50_000, 6 << 20, "com.shop.Session"))) == []
    assert _findings_of(tmp_path, "java-class-fills-heap", _histogram((5_000_000, 600 << 20, "[B"))) == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("[C", "char[]"),
        ("[[I", "int[][]"),
        ("[Ljava.lang.String;", "java.lang.String[]"),
        ("com.A", "com.A"),
        ("[", "[]"),
    ],
)
def test_names_of_classes_are_readable(name: str, expected: str) -> None:
    assert jvm_histogram.readable(name) == expected


@given(st.lists(st.sampled_from([f"{line}\n" for line in _histogram().splitlines()]) | UTF8, max_size=30))
def test_hostile_histograms_are_read(pieces: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_text("".join(pieces), errors="replace")
        histogram = jvm_histogram.parse(Evidence(path, "file"))
        assert all(finding.title for rule in histogram_rules.RULES for finding in rule(histogram))
