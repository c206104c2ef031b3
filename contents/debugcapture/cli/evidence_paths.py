"""The evidence that PATHs of the command `explain` name: bundles, directories, files, pipes, and standard input."""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from stat import S_ISDIR, S_ISFIFO, S_ISREG
from typing import BinaryIO, Final

from ..bundle.bundle import MANIFEST, Bundle
from ..errors import BadInput
from ..findings.evidence import Evidence, evidence_of
from ..findings.parsers import pprof

STDIN: Final = "-"
# The first bytes of files whose content cannot be read as it is, and what to do with them.
_PACKED: Final = {
    b"\x1f\x8b": "it is compressed (gzip): decompress it first",
    b"\x28\xb5\x2f\xfd": "it is compressed (zstd): decompress it first",
    b"\xfd7zXZ": "it is compressed (xz): decompress it first",
    b"BZh": "it is compressed (bzip2): decompress it first",
    b"PK\x03\x04": "it is a zip archive: unpack it first",
    b"age-encryption.org/": "it is encrypted (age): decrypt it first",
}
_TAR_MARK: Final = (257, b"ustar")
_HEAD_BYTES: Final = 512
_EMPTY: Final = "it is empty"


def evidence_in(paths: Sequence[str], opened: ExitStack, report: Callable[[str], None]) -> list[Evidence]:
    """Return the files that ``paths`` name, without those that have no readable content.

    The content of pipes is copied into a directory that exists until ``opened`` is closed. ``report`` is called with a
    line for each file that is compressed, encrypted or not a file. Raises BadInput if a path cannot be read, or if
    there is no evidence at all.
    """
    readable: list[Evidence] = []
    reasons: list[str] = []
    for path in paths:
        files = list(_evidence(path, opened, report))
        if not files:
            reasons.append(f"{path} contains no evidence")
        for file in files:
            if reason := _unreadable_because(file.path):
                reasons.append(f"{file.name}: {reason}")
                if reason != _EMPTY:
                    report(f"{file.name} is not explained: {reason}")
            else:
                readable.append(_labeled(file, path) if len(paths) > 1 else file)
    if not readable:
        raise BadInput("there is nothing to explain", "; ".join(reasons[:3]), "Check the path.")
    return readable


def _labeled(file: Evidence, path: str) -> Evidence:
    """Return ``file`` with the path in its name: several captures have files of the same name."""
    if path == STDIN:
        return file
    source = Path(path)
    name = str(source / file.name) if source.is_dir() else str(source)
    return replace(file, name=name, root=source)


def _evidence(path: str, opened: ExitStack, report: Callable[[str], None]) -> Iterator[Evidence]:
    """Yield the files of ``path``. Raises BadInput if it cannot be read."""
    source = Path(path)
    try:
        if path == STDIN:
            yield Evidence(_copied(sys.stdin.buffer, opened), "standard input")
            return
        mode = source.stat().st_mode
        if S_ISDIR(mode):
            yield from _files_in(source, report)
        elif S_ISFIFO(mode):
            with source.open("rb") as pipe:
                yield Evidence(_copied(pipe, opened), source.name)
        elif S_ISREG(mode):
            with source.open("rb"):
                yield Evidence(source, source.name)
        else:
            raise BadInput(f"cannot read {path}", "it is a device or a socket", "Pass a file, a directory or a pipe.")
    except OSError as error:
        raise BadInput(f"cannot read {path}", error.strerror or str(error), "Check the path.") from error


def _copied(stream: BinaryIO, opened: ExitStack) -> Path:
    copy = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="debug-capture-"))) / "input"
    with copy.open("wb") as file:
        shutil.copyfileobj(stream, file)
    return copy


def _files_in(folder: Path, report: Callable[[str], None]) -> Iterator[Evidence]:
    """Yield the files of a bundle, or all files below ``folder``. Links to directories are not followed."""
    if (folder / MANIFEST).is_file():
        yield from evidence_of(folder, Bundle(folder).manifest())
        return
    os.scandir(folder).close()  # os.walk() yields nothing for a directory that cannot be read
    for parent, folders, names in os.walk(folder, onerror=lambda error: _report_skipped(error, report)):
        folders.sort()
        for file in (Path(parent, name) for name in sorted(names)):
            name = str(file.relative_to(folder))
            try:
                is_file = S_ISREG(file.stat().st_mode)
            except OSError as error:
                _report_skipped(error, report)
                continue
            if is_file:
                yield Evidence(file, name)
            else:
                report(f"{name} is not explained: it is not a file")


def _report_skipped(error: OSError, report: Callable[[str], None]) -> None:
    report(f"{error.filename} is not explained: {error.strerror or error}")


def _unreadable_because(file: Path) -> str:
    """Return why the content of ``file`` cannot be explained; "" if it can, or if its parser will report an error."""
    try:
        with file.open("rb") as opened:
            head = opened.read(_HEAD_BYTES)
    except OSError:
        return ""
    if not head:
        return _EMPTY
    place, mark = _TAR_MARK
    if head[place : place + len(mark)] == mark:
        return "it is a tar archive: unpack it first"
    if pprof.recognize(Evidence(file, file.name)):
        return ""  # a profile of Go is compressed by design
    return next((reason for magic, reason in _PACKED.items() if head.startswith(magic)), "")
