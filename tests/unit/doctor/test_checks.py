"""checks.py: problems of this machine, without a cluster."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from debugcapture.doctor.checks import _spool


def test_a_spool_that_others_can_write_to_is_a_problem(tmp_path: Path) -> None:
    installation = cast("Any", SimpleNamespace(spool=tmp_path))
    assert [result.verdict for result in _spool(installation)] == ["ok"]
    tmp_path.chmod(0o777)
    (result,) = _spool(installation)
    assert result.verdict == "wrong"
    assert "other users can write to it (mode 777)" in str(result)
