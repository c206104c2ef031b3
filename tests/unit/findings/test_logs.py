"""logs.py: a log is text that an application wrote."""

from __future__ import annotations

from pathlib import Path

import pytest

from debugcapture.findings.evidence import Evidence
from debugcapture.findings.logs import LOG

TEXT = "2026-01-02T12:00:00Z ERROR cannot bind: address already in use\n"


@pytest.mark.parametrize(
    ("collector", "is_log"),
    [("", True), ("pod-snapshot", True), ("crash-dumps", True), ("network-state", False), ("jvm-info", False)],
)
def test_the_output_of_a_tool_is_not_a_log(collector: str, is_log: bool, tmp_path: Path) -> None:
    path = tmp_path / "some.txt"
    path.write_text(TEXT)
    assert LOG.recognize(Evidence(path, path.name, collector=collector)) is is_log
