"""tool_report.py: a report is recognized, whatever a container writes."""

from __future__ import annotations

import pytest

from debugcapture.capture.tool_report import ToolReport, parse_report

SUM = "ab" * 32


def line(text: str, nonce: str = "n") -> str:
    return f"warn\n\ndebug-capture-end {nonce} {text}\n"


@pytest.mark.parametrize(
    "errors",
    [
        "",
        "debug-capture-end",
        line('{"ended":"exited"', "n"),
        line('{"ended":"exited","code":0}', "other"),
        line("[]"),
        line('{"ended":"well","code":0}'),
        line('{"ended":["exited"],"code":0}'),
        line('{"ended":"exited","code":0,"sha256":"no sum"}'),
        line("[" * 100_000),
        line('{"ended":"exited","code":0}') + "what follows is no report's",
    ],
)
def test_other_text_is_not_a_report(errors: str) -> None:
    assert parse_report(errors, "n")[0] is None


def test_a_report_has_how_it_ended_and_what_was_written() -> None:
    report, before = parse_report(line(f'{{"ended":"exited","code":3,"size":7,"sha256":"{SUM}"}}'), "n")
    assert report
    assert (report.ended, report.code, report.size, report.sha256, report.last_error) == ("exited", 3, 7, SUM, "warn")
    assert before == "warn"


def test_errors_in_the_report_have_priority_over_other_errors() -> None:
    report, _ = parse_report(line('{"ended":"signal","code":9,"signal":"SIGKILL","errors":"first\\nlast\\n"}'), "n")
    assert report
    assert (report.signal, report.last_error) == ("SIGKILL", "last")


@pytest.mark.parametrize("number", ["-1", "1e3", "true", "9" * 400, '"7"', "null"])
def test_an_invalid_number_is_left_out(number: str) -> None:
    report, _ = parse_report(line(f'{{"ended":"exited","code":{number},"size":{number}}}'), "n")
    assert report
    assert (report.code, report.size) == (0, None)


JAVA_TRACE = (
    "Picked up JAVA_TOOL_OPTIONS: -Xmx1g\n"
    "com.sun.tools.attach.AttachNotSupportedException: Unable to open socket file /proc/7/root/tmp/.java_pid7\n"
    "\tat jdk.attach/sun.tools.attach.VirtualMachineImpl.<init>(VirtualMachineImpl.java:104)\n"
    "\tat jdk.jcmd/sun.tools.jcmd.JCmd.main(JCmd.java:112)\n"
)


@pytest.mark.parametrize(
    ("errors", "line"),
    [
        (JAVA_TRACE, JAVA_TRACE.splitlines()[1]),
        (
            f"{JAVA_TRACE}Caused by: java.io.IOException: no\n\tat a.B.c(D.java:1)\n\t... 3 more\n",
            "Caused by: java.io.IOException: no",
        ),
        ("one\ntwo at (home)\n", "two at (home)"),
        ("", ""),
    ],
    ids=["exception", "cause", "no trace", "nothing"],
)
def test_of_a_stack_trace_the_exception_is_the_reason(errors: str, line: str) -> None:
    assert ToolReport("exited", 1, errors=errors).last_error == line
