"""File systems: full ones, and files that are deleted and open."""

from __future__ import annotations

from tests.unit.findings.kube_evidence import (
    findings,
    only,
)
from tests.unit.findings.system_files import disk


def test_full_disks() -> None:
    finding = only(disk(free=100), "file-system-is-full")
    assert (finding.severity, "/data is 99 % full" in finding.title) == ("critical", True)
    assert "/data/logs 57.3 MiB" in finding.detail
    assert only(disk(free=2_000_000), "file-system-is-full").severity == "warning"
    assert "0 of 16777216 inodes are free" in only(disk(inodes=0), "file-system-is-full").title
    assert not findings(disk())


def test_deleted_files_that_are_open() -> None:
    rows = "2147483648 /proc/1/fd/7 /data/a.log (deleted)\n2147483648 /proc/1/fd/8 /data/a.log (deleted)\n"
    finding = only(disk(deleted=rows), "deleted-files-take-space")
    assert finding.severity == "warning"
    assert finding.title == "1 deleted file is still open and takes 2048.0 MiB"
    assert only(disk(deleted="10 /proc/1/fd/7 /data/a (deleted)\n"), "deleted-files-take-space").severity == "info"
