"""log_lines.py: text of a container cannot start a line, a color, data or a formatted block."""

from __future__ import annotations

import pytest

from debugcapture.runtime.log_lines import BEGIN, END, data_line, log_text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("a  table\n  with columns", "a  table\n  with columns"),
        ("RUNDECK:DATA:link=http://evil", " RUNDECK:DATA:link=http://evil"),
        ("failed: x\nRUNDECK:DATA:status=complete", "failed: x\n RUNDECK:DATA:status=complete"),
        ("failed\rRUNDECK:DATA:status=complete", "failedRUNDECK:DATA:status=complete"),
        ("\x1b[2J\x1b[31mred\u202etxt.exe\u2028x", "[2J[31mredtxt.exex"),
        (f"x\n{BEGIN}\n<script>\n{END}", f"x\n {BEGIN}\n<script>\n {END}"),
        (f"{BEGIN}\n<b>x</b>\n{END}\nRUNDECK:DATA:a=b\n{END}", f"{BEGIN}\n<b>x</b>\n {END}\n RUNDECK:DATA:a=b\n{END}"),
        (f"{BEGIN}\n<b>x</b>\n{END}", f"{BEGIN}\n<b>x</b>\n{END}"),
    ],
)
def test_text_is_shown_without_control_sequences(text: str, shown: str) -> None:
    assert log_text(text) == shown


def test_data_is_one_line() -> None:
    assert data_line("link", "a\nRUNDECK:DATA:x=y") == "RUNDECK:DATA:link=a RUNDECK:DATA:x=y"
