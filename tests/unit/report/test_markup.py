"""markup.py: text from a container cannot become markup."""

from __future__ import annotations

from debugcapture.report.markup import escaped


def test_markup_and_quotes_are_escaped() -> None:
    assert escaped("<b onclick='x'>\"&") == "&lt;b onclick=&#x27;x&#x27;&gt;&quot;&amp;"


def test_a_lone_surrogate_can_be_written_as_utf_8() -> None:
    assert escaped("a\udc80b").encode() == b"a?b"
