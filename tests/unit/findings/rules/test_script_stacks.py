"""Stacks of Ruby and PHP: parsers/script_stacks.py and rules/script_stacks.py."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debugcapture.finding import Finding
from debugcapture.findings.evidence import Evidence
from debugcapture.findings.explain import explain
from tests.unit.hostile import FRAGMENTS, TEXT

RUBY = (
    "sleep [c function] - (unknown):0\nwait - /usr/lib/ruby/gems/pool.rb:9\n"
    "load - /app/price.rb:12\n<main> - /app/main.rb:7\n"
)
PHP = "curl_exec() <internal>:-1\nShop\\Prices->load() /app/src/Prices.php:33\n{main} /app/public/index.php:12\n"
SLOW = (
    "[02-Jan-2026 10:00:00]  [pool www] pid 42\nscript_filename = /app/public/index.php\n"
    "[0x00007f1234567890] curl_exec() /app/src/Prices.php:33\n[0x00007f1234567800] load() /app/public/index.php:12\n\n"
)
MARKS = (*RUBY.splitlines(keepends=True), *PHP.splitlines(keepends=True), *SLOW.splitlines(keepends=True), "\n")


def findings(text: str) -> list[Finding]:
    def never(_file: Evidence, error: Exception) -> None:
        raise AssertionError from error

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stack.txt"
        path.write_bytes(text.encode(errors="surrogatepass"))
        return explain([Evidence(path, path.name)], never)


@pytest.mark.parametrize(
    ("text", "title"),
    [
        (RUBY, "Ruby sleeps in load (/app/price.rb:12)"),
        (RUBY.replace("sleep [", "lock ["), "Ruby waits for a lock in load (/app/price.rb:12)"),
        (PHP, "PHP waits for the network in Shop\\Prices->load() (/app/src/Prices.php:33)"),
        (
            PHP.replace("curl_exec", "mysqli_query"),
            "PHP waits for a database in Shop\\Prices->load() (/app/src/Prices.php:33)",
        ),
        (PHP.partition("\n")[2], "PHP is in Shop\\Prices->load() (/app/src/Prices.php:33)"),
    ],
)
def test_where_a_process_is(text: str, title: str) -> None:
    (finding,) = findings(text)
    assert (finding.severity, finding.title) == ("info", title)


def test_slow_requests_are_grouped_by_their_innermost_function() -> None:
    (finding,) = findings(SLOW + SLOW)
    assert (finding.severity, finding.title) == (
        "warning",
        "2 slow requests of PHP in curl_exec() (/app/src/Prices.php:33)",
    )
    assert finding.detail.startswith(
        "Script /app/public/index.php. Its stack: curl_exec() (/app/src/Prices.php:33), load()"
    )


def test_a_log_with_a_name_of_a_ruby_file_is_not_a_stack() -> None:
    assert findings("started - /app/main.rb\n" + "order accepted\n" * 20) == []


@given(st.lists(st.sampled_from(MARKS) | st.sampled_from(FRAGMENTS) | TEXT, max_size=40).map("".join))
def test_hostile_text_is_parsed_without_an_exception(text: str) -> None:
    for finding in findings(text):
        assert finding.title
