"""status_line.py: text from the cluster cannot control the terminal."""

from __future__ import annotations

import io

from debugcapture.cli.status_line import Screen, printable


def test_control_characters_are_removed_and_line_breaks_stay() -> None:
    assert printable("a\x1b[2Jb\r\x07c\n\td") == "a[2Jbc\n\td"


def test_a_line_is_printed_without_a_status_line_if_the_output_is_not_a_terminal() -> None:
    messages = io.StringIO()
    with Screen(messages) as screen:
        screen.report("attached \x1b[31mweb")
    assert messages.getvalue() == "attached [31mweb\n"
