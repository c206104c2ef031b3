"""A file of evidence as parsers read it: by lines, within limits, whatever the file contains."""

import codecs
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from os import SEEK_END
from pathlib import Path
from typing import Any, BinaryIO, Final, NamedTuple

from ..finding import EvidenceLines
from ..manifest import Manifest

HEAD_BYTES = 1 << 20  # what a parser sees to recognize the kind of a file
LINE_BYTES = 16 << 10  # longer lines are cut, so that one line cannot take all memory
TAIL_BYTES = 64 << 10
_PIECE_BYTES = 1 << 20
_QUOTE_CHARACTERS = 240
_UTF_8: Final = "utf-8"
_BOM: Final = "\ufeff"


class DamagedEvidence(ValueError):
    """The file is cut, damaged or too large to be explained. The message says what is wrong with it."""


class Line(NamedTuple):
    """A line without its line break. Its number starts at 1."""

    number: int
    text: str


@dataclass(frozen=True)
class Evidence:
    """A file, with what the manifest says about it."""

    path: Path
    name: str
    """Name of the file in findings: relative to the bundle."""
    pod: str = ""
    """Pod that it belongs to; "" if unknown."""
    collector: str = ""
    """ID of the collector that captured it; "" if unknown."""

    root: Path | None = None
    """Folder of its capture; None if its name is relative to that folder."""

    @property
    def folder(self) -> str:
        """Return the folder of its capture. Files of one pod in different captures do not belong together."""
        return f"{self.root}/" if self.root else str(self.path).removesuffix(self.name)

    @cached_property
    def head(self) -> str:
        """Return the first HEAD_BYTES as text."""
        with self.path.open("rb") as file:
            return file.read(HEAD_BYTES).decode(self._encoding, errors="replace").removeprefix(_BOM)

    @cached_property
    def tail(self) -> str:
        """Return the last TAIL_BYTES as text; "" if they are a part of the head."""
        with self.path.open("rb") as file:
            size = file.seek(0, SEEK_END)
            if size <= HEAD_BYTES:
                return ""
            file.seek(size - TAIL_BYTES)
            return file.read(TAIL_BYTES).decode(self._encoding, errors="replace")

    def lines(self) -> Iterator[Line]:
        """Yield all lines; each is cut after LINE_BYTES. Memory does not grow with the file or with a line."""
        number = 0
        if self._encoding != _UTF_8:
            yield from self._wide_lines()
            return
        with self.path.open("rb") as file:
            while piece := file.readline(LINE_BYTES):
                number += 1
                text = piece.decode(errors="replace").rstrip("\r\n")
                yield Line(number, text.removeprefix(_BOM) if number == 1 else text)
                while not piece.endswith(b"\n") and len(piece) == LINE_BYTES:
                    piece = file.readline(LINE_BYTES)  # the rest of a long line

    def last_lines(self) -> Iterator[Line]:
        """Yield the lines of the last TAIL_BYTES, with their numbers in the file. The rest is only counted."""
        with self.path.open("rb") as file:
            tail_start = max(0, file.seek(0, SEEK_END) - TAIL_BYTES)
            file.seek(0)
            number = _count_lines(file, tail_start)
            if tail_start:
                file.readline()  # the end of a line
                number += 1
            tail = file.read(TAIL_BYTES).decode(errors="replace").split("\n")
        yield from (Line(number + index, line.rstrip("\r")) for index, line in enumerate(tail, 1) if line)

    def json(self, most_bytes: int) -> Any:
        """Return the JSON of the file. Raises DamagedEvidence if it is larger than ``most_bytes``, or not JSON."""
        if self.path.stat().st_size > most_bytes:
            raise DamagedEvidence(f"the file is larger than {most_bytes >> 20} MiB")
        try:
            return json.loads(self.path.read_bytes().decode(self._encoding, errors="replace").removeprefix(_BOM))
        except RecursionError as error:
            raise DamagedEvidence("the JSON is nested too deeply") from error
        except ValueError as error:
            raise DamagedEvidence(f"the file is not valid JSON: {error}") from error

    @cached_property
    def _encoding(self) -> str:
        """Return the encoding. A shell of Windows redirects output as UTF-16 with a byte order mark."""
        with self.path.open("rb") as file:
            return "utf-16" if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else _UTF_8

    def _wide_lines(self) -> Iterator[Line]:
        number = 0
        with self.path.open(encoding=self._encoding, errors="replace", newline="\n") as file:
            while piece := file.readline(LINE_BYTES):
                number += 1
                yield Line(number, piece.rstrip("\r\n"))
                while not piece.endswith("\n") and len(piece) == LINE_BYTES:
                    piece = file.readline(LINE_BYTES)

    def quote(self, first: int, last: int, *lines: str) -> EvidenceLines:
        """Return the lines ``first`` to ``last`` (both included) as evidence, with ``lines`` as their quotation."""
        return EvidenceLines(self.name, first, last, tuple(line[:_QUOTE_CHARACTERS] for line in lines))


def _count_lines(file: BinaryIO, size: int) -> int:
    """Return the number of line breaks in the next ``size`` bytes of ``file``."""
    count = 0
    while size and (piece := file.read(min(size, _PIECE_BYTES))):
        count += piece.count(b"\n")
        size -= len(piece)
    return count


def evidence_of(folder: Path, manifest: Manifest) -> list[Evidence]:
    """Return the files of the bundle in ``folder``. It does not contain a file that the pod uploaded itself."""
    pod = manifest.target.pod
    return [
        Evidence(folder / artifact.file, artifact.file, artifact.pod or pod, artifact.collector)
        for artifact in manifest.artifacts
        if artifact.file and not artifact.is_capture and (folder / artifact.file).is_file()
    ]
