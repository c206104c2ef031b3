"""The usage that the metrics API reports."""

from __future__ import annotations

from tests.unit.findings.kube_evidence import (
    findings,
    only,
)
from tests.unit.findings.system_files import usage


def test_the_usage_of_a_container() -> None:
    assert "uses 97 %" in only(usage("250Mi"), "container-is-near-its-memory-limit").title
    assert not findings(usage("100Mi"))
