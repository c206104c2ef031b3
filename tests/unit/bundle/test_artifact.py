"""artifact.py: the content of a text file while it is written, and after the process was killed."""

from __future__ import annotations

import hashlib
import pickle
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from debugcapture.bundle import artifact as module
from debugcapture.bundle.artifact import ArtifactFile, Intake, SizeLimitReachedError
from debugcapture.redaction.redactor import Redaction, without_hashes

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


PROGRAM = """
import os, pickle, signal, sys
from debugcapture.bundle import artifact
from debugcapture.redaction.redactor import redaction
path, pieces, patterns = pickle.load(sys.stdin.buffer)
artifact._SHOW_SHARE = 0
file = artifact.ArtifactFile(path, 1 << 30, artifact.Intake(redaction(patterns)))
for piece in pieces:
    file.write(piece)
os.kill(os.getpid(), signal.SIGKILL)
"""


def plain(text: bytes, encoding: str = "utf-8") -> bytes:
    """Return ``text`` without the hashes of its masks, which differ in each process."""
    return without_hashes(text.decode(encoding, errors="surrogateescape")).encode(encoding, errors="surrogateescape")


def left_by_kill(path: Path, pieces: list[bytes], patterns: str = "") -> bytes:
    """Return the file of an artifact whose process is killed after the last of ``pieces``."""
    arguments = pickle.dumps((path, pieces, patterns))
    assert subprocess.run([sys.executable, "-c", PROGRAM], input=arguments, check=False).returncode == -signal.SIGKILL
    assert not path.exists()
    return plain(path.with_name(f"{path.name}.part").read_bytes())


@pytest.mark.parametrize("pieces", [0, 1, 3, 8], ids=["less than a head", "few", "less than a window", "many"])
def test_a_kill_loses_only_the_line_that_was_being_written(path: Path, pieces: int) -> None:
    lines = LINE * 1500
    assert left_by_kill(path, [*[lines] * pieces, SECRETS, b"the last li"]) == lines * pieces + MASKED


def test_a_private_key_is_not_shown_before_its_end(path: Path) -> None:
    begin = b"-----BEGIN PGP PRIVATE KEY BLOCK-----\nVersion: GnuPG v2\n\nlQOYBFaaaaaaaaaa\n"
    assert left_by_kill(path, [LINE, begin]) == LINE


def test_with_patterns_of_the_user_only_text_that_is_certainly_masked_is_shown(path: Path) -> None:
    assert left_by_kill(path, [LINE] * 50, "order") == b""


def test_a_file_that_may_be_a_dump_is_not_shown(path: Path) -> None:
    assert left_by_kill(path, [b"\0\1\2\n"]) == b""


@settings(max_examples=40)
@given(st.lists(st.sampled_from([LINE, SECRETS, b"pass", b"word=hunter2 ", b"x\n", LINE * 200, b""]), max_size=40))
def test_a_preview_does_not_change_the_final_content(
    tmp_path_factory: pytest.TempPathFactory, pieces: list[bytes]
) -> None:
    path = tmp_path_factory.mktemp("shown") / "app.log"
    with ArtifactFile(path, 1 << 30, MASKING) as file:
        for piece in pieces:
            file.write(piece)
    redactor = Redaction().redactor()
    joined = redactor.feed(b"".join(pieces)) + redactor.finish()
    assert (path.read_bytes() if path.exists() else b"") == joined
    assert (file.bytes, file.redactions) == (len(joined), redactor.count)


class Copy:
    """Follows a file. At the end, it must have the same content as the file."""

    def __init__(self) -> None:
        self.content, self.restarts = b"", 0

    def wrote(self, piece: memoryview) -> None:
        self.content += bytes(piece)

    def restarted(self) -> None:
        self.content, self.restarts = b"", self.restarts + 1


@pytest.mark.parametrize("text", [True, False, None])
@given(pieces=st.lists(st.binary(max_size=6000), max_size=5), again=st.booleans())
def test_a_follower_gets_the_content_of_the_file(
    tmp_path_factory: pytest.TempPathFactory, text: bool | None, pieces: list[bytes], again: bool
) -> None:
    path, copy = tmp_path_factory.mktemp("bundle") / "threads.txt", Copy()
    intake = Intake(Redaction(), follow=lambda _path, _part: copy)
    with ArtifactFile(path, 20_000, intake, text) as file, suppress(SizeLimitReachedError):
        if again:
            file.write(b"password=hunter2 \n" * 300)
            file.restart()
        for piece in pieces:
            file.write(piece)
    assert copy.restarts == again
    assert copy.content == (path.read_bytes() if path.exists() else b"")
    assert file.sha256 == hashlib.sha256(copy.content).hexdigest()
    assert file.received_sha256 == hashlib.sha256(b"".join(pieces)[:20_000]).hexdigest()


@pytest.mark.parametrize(
    "head",
    [
        b"login ok\n",
        b"8=FIX.4.4\x019=1\x01\n",
        b"login failed for user a\x02\n",
        b"\x1e{}\n",
        b"x" * 257 + b"ustar\n",
        b"y" * 4200 + b"\n\x02\n",
    ],
    ids=["plain", "FIX", "control character", "JSON sequence", "tar", "behind the head"],
)
def test_declared_text_is_masked_whatever_its_first_bytes_are(path: Path, head: bytes) -> None:
    with ArtifactFile(path, 1 << 20, MASKING, text=True) as file:
        file.write(head + SECRETS * 5)
    assert (file.redactions, file.sensitive) == (5, False)
    assert plain(path.read_bytes()) == head + MASKED * 5


@pytest.mark.parametrize("text", [True, None])
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_text_in_utf16_is_masked(path: Path, encoding: str, text: bool | None) -> None:
    with ArtifactFile(path, 1 << 20, MASKING, text) as file:
        file.write(("\ufeff" + SECRETS.decode()).encode(encoding))
    assert (file.redactions, file.sensitive) == (1, False)
    assert plain(path.read_bytes(), encoding) == ("\ufeff" + MASKED.decode()).encode(encoding)


@pytest.mark.parametrize("head", [b"\0\1\2\n", b"\x1f\x8b\x08\n", b"x" * 257 + b"ustar\n"])
def test_the_content_decides_only_if_the_kind_is_unknown(path: Path, head: bytes) -> None:
    with ArtifactFile(path, 1 << 20, MASKING, text=None) as file:
        file.write(head + SECRETS)
    assert (file.redactions, file.sensitive) == (0, True)
    assert path.read_bytes() == head + SECRETS
