"""evidence_paths.py: what cannot be explained is named with its reason; the rest is explained."""

from __future__ import annotations

import gzip
import io
import json
import os
import socket
import sys
import tarfile
import threading
from pathlib import Path

import pytest

from debugcapture.bundle.bundle import Bundle
from debugcapture.cli.main import main
from tests.unit.builders import artifact, manifest
from tests.unit.findings.parsers.test_pprof import PROFILE

PANIC = "panic: boom\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:7 +0x1d\nexit status 2\n"
NOTHING = "there is nothing to explain: "


def run(capsys: pytest.CaptureFixture[str], *paths: object) -> tuple[int, list[dict[str, object]], str]:
    """Return the exit code, the findings, and what a user reads besides them."""
    code = main(["explain", "--output", "json", *map(str, paths)], {"HOME": "/nowhere"})
    output = capsys.readouterr()
    return code, json.loads(output.out).get("findings", []), output.err


def files_of(findings: list[dict[str, object]]) -> list[str]:
    return [lines["file"] for finding in findings for lines in finding["evidence"]]  # type: ignore[attr-defined]


def test_a_directory_without_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "logs").mkdir()
    code, findings, errors = run(capsys, tmp_path)
    assert (code, findings) == (2, [])
    assert f"{NOTHING}{tmp_path} contains no evidence. Check the path." in errors


def test_a_bundle_whose_files_are_in_the_store(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Bundle(tmp_path).save(manifest(artifact(file="gone.txt")))
    code, _, errors = run(capsys, tmp_path)
    assert code == 2
    assert f"{tmp_path} contains no evidence" in errors


def test_an_empty_file_is_not_healthy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "app.log").write_bytes(b"")
    code, _, errors = run(capsys, tmp_path / "app.log")
    assert code == 2
    assert f"{NOTHING}app.log: it is empty. Check the path." in errors
    (tmp_path / "other.log").write_text(PANIC)
    code, findings, errors = run(capsys, tmp_path)
    assert (code, set(files_of(findings))) == (0, {"other.log"})
    assert "app.log" not in errors


def test_empty_standard_input(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    code, _, errors = run(capsys, "-")
    assert code == 2
    assert f"{NOTHING}standard input: it is empty" in errors


def test_compressed_and_encrypted_files_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.log").write_text(PANIC)
    (tmp_path / "bundle.tar.gz").write_bytes(gzip.compress(b"x" * 999))
    (tmp_path / "log.age").write_bytes(b"age-encryption.org/v1\n-> X25519 x\n")
    with tarfile.open(tmp_path / "all.tar", "w") as archive:
        archive.add(tmp_path / "a.log", "a.log")
    code, findings, errors = run(capsys, tmp_path)
    assert (code, set(files_of(findings))) == (0, {"a.log"})
    assert "bundle.tar.gz is not explained: it is compressed (gzip): decompress it first" in errors
    assert "log.age is not explained: it is encrypted (age): decrypt it first" in errors
    assert "all.tar is not explained: it is a tar archive: unpack it first" in errors
    code, _, errors = run(capsys, tmp_path / "bundle.tar.gz")
    assert code == 2
    assert f"{NOTHING}bundle.tar.gz: it is compressed (gzip)" in errors


def test_a_profile_of_go_is_compressed_by_design(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cpu.pprof").write_bytes(gzip.compress(PROFILE))
    assert run(capsys, tmp_path / "cpu.pprof")[0] == 0


def test_a_format_that_no_parser_knows_is_not_healthy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "core.1").write_bytes(b"\x7fELF\2\1\1" + b"\0" * 500)
    code, findings, errors = run(capsys, tmp_path / "core.1")
    assert (code, findings) == (0, [])
    assert "core.1 is not explained: its format is not known" in errors


def test_a_pipe_is_read_like_standard_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=(PANIC,))
    writer.start()
    code, findings, _ = run(capsys, pipe)
    writer.join()
    assert (code, set(files_of(findings))) == (0, {"pipe"})


def test_entries_of_a_directory_that_are_not_files_are_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "a.log").write_text(PANIC)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "up").symlink_to(tmp_path)
    code, findings, errors = run(capsys, tmp_path)
    assert (code, files_of(findings)) == (0, ["a.log"])
    assert "pipe is not explained: it is not a file" in errors
    assert "loop is not explained: Too many levels of symbolic links" in errors


def test_a_loop_of_links_and_a_socket_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "loop").symlink_to("loop")
    code, _, errors = run(capsys, tmp_path / "loop")
    assert code == 2
    assert f"cannot read {tmp_path}/loop: Too many levels of symbolic links. Check the path." in errors
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        code, _, errors = run(capsys, tmp_path / "s")
    assert code == 2
    assert "it is a device or a socket" in errors


def test_a_file_that_cannot_be_read_affects_only_its_own_findings(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, errors = run(capsys, "/proc/self/mem")  # opens, and each read fails
    assert code == 0
    assert "mem cannot be explained: [Errno 5] Input/output error" in errors


def test_two_captures_of_one_pod_are_not_mixed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name, words in (("first", PANIC), ("second", PANIC.replace("main.go:7", "main.go:9"))):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "app.log").write_text(words)
        Bundle(folder).save(manifest(artifact(collector="logs", file="app.log")))
    (tmp_path / "app.log").write_text("nothing\n")
    code, findings, _ = run(capsys, tmp_path / "first", tmp_path / "second", tmp_path / "app.log")
    assert code == 0
    assert set(files_of(findings)) == {f"{tmp_path}/first/app.log", f"{tmp_path}/second/app.log"}
