"""rules/log.py: what a log shows, how serious it is, and what healthy logs look like."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debugcapture.finding import Finding
from debugcapture.findings.evidence import Evidence
from debugcapture.findings.explain import explain
from debugcapture.findings.logs import log_subject
from debugcapture.findings.subjects import SUBJECTS
from tests.unit.hostile import FRAGMENTS, TEXT

REFUSED = "2026-01-02 10:00:0{} ERROR dial tcp 10.0.0.9:5432: connect: connection refused\n"
GOOD = "2026-01-02 10:00:09 INFO order accepted\n"
TRACE = "java.lang.IllegalStateException: no ledger\n\tat com.example.Ledger.open(Ledger.java:12)\n"
MARKS = (
    *("ERROR ", "Traceback (most recent call last):\n", '  File "/a.py", line 1, in f\n', "\tat a.B.c(D.java:1)\n"),
    *("panic: x\n", "goroutine 1 [running]:\n", "main.f(0x1)\n\t/a.go:1 +0x1\n", "connection refused ", "at "),
    *(
        '{"level":"error","msg":"',
        '"}\n',
        "Killed process 7 (a) anon-rss:1kB\n",
        "a invoked oom-killer: \n",
        "10.0.0.1:80",
    ),
    *(
        "Caused by: ",
        "thread 'x' panicked at a:",
        "\x1b[31m",
        "2026-01-02T10:00:00Z stderr F ",
        "connected\n",
        "Starting\n",
    ),
)


def findings(folder: Path, text: str | bytes) -> list[Finding]:
    log = folder / "app.log"
    log.write_bytes(text if isinstance(text, bytes) else text.encode())

    def never(_file: Evidence, error: Exception) -> None:
        raise AssertionError from error

    return explain([Evidence(log, log.name)], never, SUBJECTS[-1:])


def alarms(folder: Path, text: str) -> list[str]:
    return [finding.title for finding in findings(folder, text) if finding.severity != "info"]


def test_equal_messages_are_one_finding_with_count_times_and_lines(tmp_path: Path) -> None:
    (finding,) = findings(tmp_path, GOOD + "".join(REFUSED.format(second) for second in range(5)))
    assert finding.title == "Connection refused by 10.0.0.9:5432"
    assert "5 times from 2026-01-02 10:00:00 to 2026-01-02 10:00:04" in finding.detail
    assert (finding.evidence[0].first, finding.evidence[0].last) == (6, 6)
    assert finding.severity == "warning"


def test_a_retry_that_succeeds_is_context(tmp_path: Path) -> None:
    log = REFUSED.format(1) + REFUSED.format(2) + "2026-01-02 10:00:03 INFO connected to 10.0.0.9:5432\n"
    (finding,) = findings(tmp_path, log)
    assert finding.severity == "info"
    assert "Line 3 reports a success afterwards." in finding.detail


def test_a_few_failures_after_which_the_log_continues_are_context(tmp_path: Path) -> None:
    assert alarms(tmp_path, REFUSED.format(1) + GOOD * 3) == []
    assert alarms(tmp_path, REFUSED.format(1) + GOOD * 3 + "giving up\n") == ["Connection refused by 10.0.0.9:5432"]


def test_what_an_earlier_run_reported_is_context(tmp_path: Path) -> None:
    start = "2026-01-02 10:00:00 INFO Starting ledger\n"
    full = "write /data/a.db: no space left on device\n"
    assert alarms(tmp_path, start + full) == ["No space left on device: /data/a.db"]
    assert alarms(tmp_path, start + full + start + "INFO server started\n") == []


def test_messages_below_warning_are_context(tmp_path: Path) -> None:
    assert alarms(tmp_path, "DEBUG open /etc/key.pem: permission denied\n") == []
    assert alarms(tmp_path, "ERROR open /etc/key.pem: permission denied\n") == ["Permission denied: /etc/key.pem"]


def test_a_known_message_inside_a_stack_trace_explains_it(tmp_path: Path) -> None:
    log = (
        "2026-01-02 10:00:00 ERROR order failed\n"
        "com.example.OrderException: no prices\n\tat com.example.Prices.load(Prices.java:12)\n"
        "Caused by: java.net.UnknownHostException: prices.shop\n\tat java.base/java.net.Inet.get(Inet.java:3)\n"
    )
    (finding,) = findings(tmp_path, log)
    assert finding.title == "The host name prices.shop cannot be resolved"
    assert "com.example.Prices.load (Prices.java:12)" in finding.detail


def test_the_causes_of_a_known_message_are_not_separate_errors(tmp_path: Path) -> None:
    log = (
        "Unhandled exception. Shop.StoreException: the store is closed\n"
        " ---> System.Net.Sockets.SocketException (99): Address not available\n"
        "   at System.Net.Sockets.Socket.Connect(EndPoint remote)\n"
        "   at Shop.Store.Open() in /app/Store.cs:line 20\n"
    )
    (finding,) = findings(tmp_path, log)
    assert "Caused by System.Net.Sockets.SocketException (99)" in finding.detail


def test_a_panic_of_rust_without_a_stack_has_its_message(tmp_path: Path) -> None:
    log = "thread 'main' panicked at src/ledger.rs:114:37:\nno entry for 7\nnote: run with `RUST_BACKTRACE=1`\n"
    (finding,) = findings(tmp_path, log)
    assert finding.title == "panicked at src/ledger.rs:114:37: no entry for 7"


def test_a_fatal_error_of_php_is_not_a_notice(tmp_path: Path) -> None:
    text = "NOTICE: PHP message: {}php_network_getaddresses: getaddrinfo for ledger failed: Name or service not known\n"
    (finding,) = findings(tmp_path, text.format("PHP Fatal error:  Uncaught PDOException: "))
    assert (finding.severity, finding.title) == ("warning", "The host name ledger cannot be resolved")
    assert alarms(tmp_path, text.format("")) == []


def test_an_error_without_words_is_left_out(tmp_path: Path) -> None:
    fatal = "F, [2026-01-02T10:00:05.101000 #1] FATAL -- : [6f1e]{}\n"
    assert findings(tmp_path, fatal.format("  ")) == []
    assert findings(tmp_path, fatal.format(" the ledger is closed"))[0].title.endswith("the ledger is closed")


def test_an_unknown_error_has_its_cause_and_its_place(tmp_path: Path) -> None:
    (finding,) = findings(tmp_path, f"2026-01-02 10:00:00 ERROR order 7 failed\n{TRACE}")
    assert finding.title == "java.lang.IllegalStateException: no ledger"
    assert "In com.example.Ledger.open (Ledger.java:12)" in finding.detail
    assert finding.evidence[0].last > finding.evidence[0].first


def test_an_uncaught_error_at_the_end_is_critical(tmp_path: Path) -> None:
    (finding,) = findings(tmp_path, f'Exception in thread "main" {TRACE}')
    assert finding.severity == "critical"
    assert "java.lang.IllegalStateException: no ledger" in finding.title


def test_an_error_in_the_middle_of_a_log_is_context(tmp_path: Path) -> None:
    assert alarms(tmp_path, f"ERROR order 7 failed\n{TRACE}" + GOOD * 100) == []


def test_equal_errors_differ_in_numbers_only(tmp_path: Path) -> None:
    titles = [f.title for f in findings(tmp_path, "ERROR order 7 failed\nERROR order 8 failed\nERROR stock 1 empty\n")]
    assert sorted(titles) == ["order 8 failed", "stock 1 empty"]


@pytest.mark.parametrize(
    "log",
    [
        "Starting\nApp now running on port 80\n",
        "ERROR StatusLogger No Log4j 2 configuration file found.\n",
        'INFO finished with 0 errors\n10.0.0.1 - - "GET /error?code=500 HTTP/1.1" 500 12\n',
        'level=info msg="ready" error=null\n',
        "LOG:  could not receive data from client: Connection reset by peer\nLOG:  checkpoint\nLOG:  ready\n",
        "WARN connect to ledger:80 failed: Connection refused, retrying\nINFO ledger connected\n",
        "INFO set socket timeout to 30000 ms\nINFO read timeout: 30 s\n",
    ],
)
def test_a_healthy_log_has_no_alarm(tmp_path: Path, log: str) -> None:
    assert alarms(tmp_path, log) == []


def test_ports_of_clients_and_many_peers_make_few_findings(tmp_path: Path) -> None:
    reset = "ERROR read tcp 10.0.0.1:443->10.0.0.9:{}: read: connection reset by peer\n"
    (finding,) = findings(tmp_path, "".join(reset.format(port) for port in range(40000, 40009)))
    assert finding.title == "A connection was reset by 10.0.0.9"
    assert "9 times" in finding.detail
    peers = "".join(f"ERROR dial tcp 10.0.0.{n}:80: connect: connection refused\n" for n in range(40))
    assert len(findings(tmp_path, peers)) == 6


def test_an_error_long_ago_is_less_serious(tmp_path: Path) -> None:
    full = "write /data/a.db: no space left on device\n"
    assert [finding.severity for finding in findings(tmp_path, full + GOOD * 20)] == ["critical"]
    assert [finding.severity for finding in findings(tmp_path, full + GOOD * 300)] == ["warning"]
    assert alarms(tmp_path, REFUSED.format(1) * 20 + GOOD * 300) == []


def test_the_last_garbage_collection_of_node_is_part_of_the_detail(tmp_path: Path) -> None:
    log = (
        "[7:0x1]   9000 ms: Mark-Compact 2047.1 (2083.4) -> 2046.9 (2083.6) MB, 812.06 / 0.00 ms\n"
        "FATAL ERROR: Ineffective mark-compacts near heap limit Allocation failed - JavaScript heap out of memory\n"
    )
    (finding,) = findings(tmp_path, log)
    assert "The last full garbage collection left 2046.9 of 2047.1 MB." in finding.detail


def test_lines_may_have_the_time_of_the_container_runtime(tmp_path: Path) -> None:
    log = "".join(f"2026-01-02T10:00:00.000000001Z stdout F {line}\n" for line in TRACE.splitlines())
    (finding,) = findings(tmp_path, log)
    assert finding.title == "java.lang.IllegalStateException: no ledger"
    assert "In com.example.Ledger.open (Ledger.java:12)" in finding.detail


def test_a_binary_file_is_not_a_log(tmp_path: Path) -> None:
    assert findings(tmp_path, b"\x7fELF\0\0\0\1 connection refused \0\0\0" + bytes(100)) == []
    assert findings(tmp_path, b"") == []


def test_a_message_near_the_end_of_a_large_log_is_found(tmp_path: Path) -> None:
    log = REFUSED.format(1) * 20_000 + "write /data/a.db: no space left on device\n" + GOOD * 10
    first, second = findings(tmp_path, log)
    assert first.title == "No space left on device: /data/a.db"
    assert first.evidence[0].first == 20_001
    assert "At least" in second.detail


def test_lines_are_counted_across_blocks_and_long_lines(tmp_path: Path) -> None:
    log = GOOD * 9000 + "x" * 700_000 + "\n" + GOOD * 9000 + REFUSED.format(1)
    (finding,) = findings(tmp_path, log)
    assert finding.evidence[0].first == 18_002


@given(st.lists(st.sampled_from(MARKS) | st.sampled_from(FRAGMENTS) | TEXT, max_size=30).map("".join))
def test_hostile_logs_are_parsed_without_an_exception(text: str) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        for finding in findings(Path(folder), text.encode(errors="surrogatepass")):
            assert len(finding.title) <= 200
            assert "\n" not in finding.title


def test_the_subject_of_logs_is_the_last() -> None:
    assert SUBJECTS[-1].name == log_subject(()).name
