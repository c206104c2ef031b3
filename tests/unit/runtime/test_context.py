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


class Machine:
    """Run as another user, with the given owner and mode of the spool."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, owner: int, group: int, mode: int) -> None:
        status = os.stat_result((0o040000 | mode, 1, 1, 1, owner, group, 0, 0, 0, 0))
        monkeypatch.setattr(Path, "stat", lambda _path: status)
        monkeypatch.setattr(os, "geteuid", lambda: 1000)
        monkeypatch.setattr(os, "getegid", lambda: 1000)
        monkeypatch.setattr(os, "getgroups", lambda: [1000, 2000])


def test_a_spool_of_another_user_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    Machine(monkeypatch, 1001, 1000, 0o700)
    with pytest.raises(BadInput, match=r"it belongs to another user \(uid 1001\)"):
        spool_in(Path("/spool"))


@pytest.mark.parametrize(("group", "mode"), [(2000, 0o2775), (1000, 0o770), (3000, 0o755)])
def test_a_volume_of_root_is_used(group: int, mode: int, monkeypatch: pytest.MonkeyPatch) -> None:
    Machine(monkeypatch, 0, group, mode)
    assert spool_in(Path("/spool")) == Path("/spool")


@pytest.mark.parametrize(("group", "mode"), [(2000, 0o2777), (3000, 0o2775), (0, 0o1777)])
def test_a_directory_of_root_for_all_is_refused(group: int, mode: int, monkeypatch: pytest.MonkeyPatch) -> None:
    Machine(monkeypatch, 0, group, mode)
    with pytest.raises(BadInput, match="other users can write to it"):
        spool_in(Path("/spool"))
