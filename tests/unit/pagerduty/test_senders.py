"""senders.py: rules of senders are read strictly."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from debugcapture.errors import BadInput
from debugcapture.pagerduty.senders import load_file


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x: 1", "it is not a list"),
        ("- [", "cannot read"),
        ("- {names: {pod: [x]}}", "it has no key sender"),
        ("- {sender: x}", "neither names nor patterns"),
        ("- {sender: x, names: {pods: [x]}}", "unknown: names.pods"),
        ("- {sender: x, name: {pod: [x]}}", "unknown: name"),
        ("- {sender: x, names: {pod: x}}", "pod: it is not a list of strings"),
        ("- {sender: x, names: {pod: [x]}, needs: [pods]}", "unknown: needs pods"),
        ("- {sender: x, names: {pod: [x]}, any_case: yes please}", "any_case: it is neither true nor false"),
        ("- {sender: x, names: {pod: [x]}, exporters: x}", "exporters: it is not a list of strings"),
        ("- {sender: x, patterns: ['(']}", "is not a valid regular expression"),
        ("- {sender: x, patterns: ['a']}", "has no named group"),
        ("- {sender: x, patterns: ['(?P<node>a)']}", "has the unknown group node"),
    ],
)
def test_a_mistake_in_own_senders_is_named(text: str, reason: str, tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text(text)
    with pytest.raises(BadInput, match=re.escape(reason)):
        load_file(tmp_path / "own.yaml")
