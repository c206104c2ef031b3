"""Counters of .NET: parsers/dotnet_counters.py and rules/dotnet_counters.py."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debugcapture.finding import Finding
from tests.unit.findings.rules.dotnet import HEAD, findings
from tests.unit.hostile import FRAGMENTS, TEXT

MARKS = (HEAD, "[System.Runtime]\n", "threadpool-queue-length  1  1.2.3  1  A\n", "cpu-usage  9e999  -  1  B\n", "  ")


def counters(queue: str, threads: str = "6 6 7", cpu: str = "0.000247324 2.07993 0.944841") -> list[Finding]:
    """Explain three counters as dotnet-inspect writes them; the defaults are those of a starved service."""
    rows = {"cpu-usage": cpu, "threadpool-queue-length": queue, "threadpool-thread-count": threads}
    columns = {name: " ".join(f"{value:>12}" for value in values.split()) for name, values in rows.items()}
    lines = "".join(f"{name:<40} {values}  A title (%)\n" for name, values in columns.items())
    return findings(f"{HEAD}# One column for each second\n\n[System.Runtime]\n{lines}")


def test_work_that_waits_while_the_processors_are_idle() -> None:
    (finding,) = counters("183 161 133")
    assert (finding.rule, finding.severity) == ("dotnet-pool-starved", "critical")
    assert finding.title == "The thread pool is starved: 133 items wait, and its 7 threads are blocked"
    assert "Between 133 and 183 items waited during these seconds, while the process used 2 %" in finding.detail
    assert "The pool has 7 threads, 6 at the start." in finding.detail
    assert [lines.quote[0].split()[0] for lines in finding.evidence] == [
        "threadpool-queue-length",
        "threadpool-thread-count",
        "cpu-usage",
    ]


@pytest.mark.parametrize(
    ("queue", "cpu"),
    [("0 0 0", "1 1 1"), ("183 9 133", "1 1 1"), ("183 161 133", "20 95 60"), ("- - -", "1 1 1")],
    ids=["nothing waits", "it waits for a moment", "the processors are busy", "no values"],
)
def test_a_pool_that_keeps_up_is_healthy(queue: str, cpu: str) -> None:
    assert counters(queue, cpu=cpu) == []


def test_other_texts_are_not_counters() -> None:
    assert findings("[System.Runtime]\nthreadpool-queue-length 9 9 9  A\n") == []


@given(st.lists(st.sampled_from(MARKS) | st.sampled_from(FRAGMENTS) | TEXT, max_size=40).map("".join))
def test_hostile_text_is_parsed_without_an_exception(text: str) -> None:
    for finding in findings(HEAD + "[System.Runtime]\n" + text):
        assert finding.title
