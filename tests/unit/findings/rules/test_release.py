"""What the last release changed."""

from __future__ import annotations

from tests.unit.findings.kube_evidence import (
    only,
)
from tests.unit.findings.system_files import RELEASE


def test_what_a_release_changed() -> None:
    finding = only(RELEASE.replace("{version}", "2"), "last-release-changed-the-pods")
    assert finding.severity == "info"
    assert finding.title.endswith("changed the pods: image: registry.test/shop:2")
    assert 'removed "image: registry.test/shop:1"' in finding.detail
    moved = only(RELEASE.replace("{version}", "1"), "last-release-changed-the-pods")
    assert "image" not in moved.title
    assert '"name: RELEASE"' in moved.detail
