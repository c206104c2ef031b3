"""Tables of Markdown in the text of an alert. Pure.

Source: GitHub Flavored Markdown, "Tables (extension)". Anyone can send an alert, so rows and columns are limited.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

_DELIMITERS = re.compile(r"\|?(?:[ \t]*:?-+:?[ \t]*\|)+(?:[ \t]*:?-+:?[ \t]*)?")
_LINK = re.compile(r"\[([^\[\]]{1,253})\]\([^()]{0,2000}\)")
_MARKS: Final = "*_`~ \t"
_MOST_ROWS: Final = 500
_MOST_COLUMNS: Final = 50
_MOST_LINE: Final = 4096


@dataclass(frozen=True, slots=True)
class Table:
    """The cells of a table, as plain text. A row can have fewer cells than the header."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]


def split_tables(text: str) -> tuple[str, list[Table]]:
    """Return ``text`` without its tables, and the tables. A table is a header, a line of dashes, and rows."""
    if "|" not in text:
        return text, []
    lines = text.split("\n")
    rest: list[str] = []
    tables: list[Table] = []
    position = 0
    while position < len(lines):
        if not _is_start(lines, position):
            rest.append(lines[position])
            position += 1
            continue
        end = position + 2
        while end < len(lines) and "|" in lines[end]:
            end += 1
        rows = [tuple(_cells(line)) for line in lines[position + 2 : min(end, position + 2 + _MOST_ROWS)]]
        tables.append(Table(tuple(_cells(lines[position])), rows))
        rest.append("")
        position = end
    return "\n".join(rest), tables


def _is_start(lines: Sequence[str], position: int) -> bool:
    if "|" not in lines[position] or position + 1 == len(lines):
        return False
    delimiters = lines[position + 1].strip()
    return len(delimiters) <= _MOST_LINE and "|" in delimiters and bool(_DELIMITERS.fullmatch(delimiters))


def _cells(line: str) -> Iterator[str]:
    """Yield the text of each cell. A bar after a backslash belongs to the cell."""
    row = line[:_MOST_LINE].strip().replace("\\|", "\0")
    row = row.removeprefix("|").removesuffix("|")
    for cell in row.split("|")[:_MOST_COLUMNS]:
        yield _LINK.sub(r"\1", cell.replace("\0", "|")).strip(_MARKS)
