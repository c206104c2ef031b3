"""artifact_file.py: what is in the file of a text while it is written, and after the process was killed."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from debugcapture import artifact_file as module
from debugcapture.artifact_file import ArtifactFile, Intake
from debugcapture.redact import Redaction, redaction

MASKING = Intake(Redaction())
LINE = b'{"level":"info","message":"order placed"}\n'
SECRETS = b"password=hunter2\n"
MASKED = b"password=[masked]\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "app.log"


@pytest.fixture(autouse=True)
def always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SHOW_SHARE", 0)


def left_by_kill(path: Path, pieces: Iterable[bytes], intake: Intake = MASKING) -> bytes:
    """Return what is there of an artifact whose process dies by kill -9 behind the last of ``pieces``."""

    def write() -> None:
        file = ArtifactFile(path, 1 << 30, intake)
        for piece in pieces:
            file.write(piece)

    _killed(write)
    assert not path.exists()
    return path.with_name(f"{path.name}.part").read_bytes()


def _killed(do: Callable[[], None]) -> None:
    child = os.fork()
    if not child:
        try:
            do()
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


@pytest.mark.parametrize("pieces", [0, 1, 3, 8], ids=["less than a head", "few", "less than a window", "many"])
def test_kill_costs_no_more_than_the_line_that_was_written(path: Path, pieces: int) -> None:
    lines = LINE * 1500
    assert left_by_kill(path, [*[lines] * pieces, SECRETS, b"the last li"]) == lines * pieces + MASKED


def test_nothing_of_a_key_is_there_before_its_end(path: Path) -> None:
    begin = b"-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: GnuPG v2\n\nlQOYBFaaaaaaaaaa\n"
    assert left_by_kill(path, [LINE, begin]) == LINE


def test_with_patterns_of_the_user_only_what_is_certain_is_there(path: Path) -> None:
    assert left_by_kill(path, [LINE] * 50, Intake(redaction("order"))) == b""


def test_nothing_is_shown_of_what_may_be_a_dump(path: Path) -> None:
    assert left_by_kill(path, [b"\0\1\2\n"]) == b""


@settings(max_examples=40)
@given(st.lists(st.sampled_from([LINE, SECRETS, b"pass", b"word=hunter2 ", b"x\n", LINE * 200, b""]), max_size=40))
def test_what_was_shown_is_not_in_the_end(tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes]) -> None:
    path = tmp_path_factory.mktemp("shown") / "app.log"
    with ArtifactFile(path, 1 << 30, MASKING) as file:
        for piece in pieces:
            file.write(piece)
    redactor = Redaction().redactor()
    whole = redactor.feed(b"".join(pieces)) + redactor.finish()
    assert (path.read_bytes() if path.exists() else b"") == whole
    assert (file.bytes, file.redactions) == (len(whole), redactor.count)
