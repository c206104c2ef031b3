"""context.py: the spool is a directory that only this user can write to."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path

import pytest

from debugcapture.errors import BadInput
from debugcapture.runtime.context import RunContext, spool_of
from debugcapture.settings.spool import SpoolSettings


def spool_in(folder: Path, settings: SpoolSettings | None = None) -> Path:
    context = RunContext(lambda _line: None, BytesIO(), BytesIO(), folder, "1", {})
    return spool_of(settings or SpoolSettings(), context)


def test_the_spool_is_the_one_of_the_settings_or_the_default(tmp_path: Path) -> None:
    assert spool_in(tmp_path / "default") == tmp_path / "default"
    assert spool_in(tmp_path / "default", SpoolSettings(spool=str(tmp_path / "set"))) == tmp_path / "set"


@pytest.mark.parametrize("mode", [0o700, 0o750, 0o755])
def test_a_spool_that_others_can_only_read_is_used(mode: int, tmp_path: Path) -> None:
    tmp_path.chmod(mode)
    assert spool_in(tmp_path) == tmp_path


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o1777])
def test_a_spool_that_others_can_write_to_is_refused(mode: int, tmp_path: Path) -> None:
    """Notes and bundles in it are sent with the keys of the step."""
    tmp_path.chmod(mode)
    with pytest.raises(BadInput, match=f"other users can write to it \\(mode {mode:o}\\). Run chmod go-w"):
        spool_in(tmp_path)


def test_a_spool_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    owner = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(BadInput, match=f"it belongs to another user \\(uid {owner}\\)"):
        spool_in(tmp_path)
