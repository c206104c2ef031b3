"""Formats text for a log or a terminal: single lines, sizes, numbers and tables of limited width. Pure."""

import re
import textwrap
from collections.abc import Iterable, Sequence
from datetime import timedelta
from itertools import zip_longest
from typing import Final

WIDTH: Final = 120  # characters; longer lines wrap in a log, which breaks the columns
_GAP: Final = "  "
_MIN_COLUMN: Final = 4  # characters, so that a short word is not broken
# A URL without a query matches too: otherwise its end would be searched again from each "http" inside it.
_URL = re.compile(r"(https?://[^\s\"?]+)(?:\?[^\s\"]*)?")


def one_line(text: object) -> str:
    """Return ``text`` without line breaks and control characters, so that it cannot forge a log line."""
    spaced = " ".join(str(text).split())
    return "".join(character for character in spaced if character.isprintable())


def without_queries(text: str) -> str:
    """Return ``text`` without the query of each URL: the query of an exec contains the whole script."""
    return _URL.sub(r"\1", text)


def size(count: int) -> str:
    """Return ``count`` bytes in a readable unit."""
    if count < 1024:
        return f"{count} B"
    return f"{count / 1024:.1f} KiB" if count < 1 << 20 else f"{count / (1 << 20):.1f} MiB"


def duration(span: timedelta) -> str:
    """Return ``span`` in the largest unit of which it has at least two: `90 s`, `40 min`, `9 days`."""
    seconds = max(0, int(span.total_seconds()))
    for unit, length in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def mib(count: int) -> str:
    """Return ``count`` bytes as whole MiB, for limits and free space."""
    return f"{count / (1 << 20):,.0f} MiB"


def shortened(text: str, most: int) -> str:
    """Return ``text`` on one line, cut to at most ``most`` characters with an ellipsis at the end."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def number_in(text: str) -> int | None:
    """Return the number in untrusted ``text``; None if it is not a plausible size, exit code or PID."""
    digits = text.strip()
    return int(digits) if re.fullmatch(r"[0-9]{1,18}", digits) else None


def table(header: Sequence[str], rows: Iterable[Sequence[str]], width: int | None = WIDTH) -> str:
    """Return ``rows`` under ``header`` in aligned columns; each line ends with a line break.

    A row that would be wider than ``width`` characters continues on the next line, inside its cells. With None each
    row is one line, which suits a file that is searched by line.
    """
    lines = [tuple(header), *(tuple(row) for row in rows)]
    natural = [max(len(line[column]) for line in lines) for column in range(len(header))]
    widths = natural if width is None else _fit(natural, width - len(_GAP) * (len(natural) - 1))
    return "".join(f"{line}\n" for row in lines for line in _row(row, widths))


def wrapped(text: str, width: int = WIDTH, indent: str = "") -> list[str]:
    """Return ``text``, which is one line, as lines of at most ``width`` characters, ``indent`` included."""
    return textwrap.wrap(
        text, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False, drop_whitespace=True
    ) or [indent.rstrip()]


def _fit(natural: Sequence[int], room: int) -> list[int]:
    """Return column widths with a sum of at most ``room``: narrow columns keep theirs, wide columns share the rest."""
    widths = list(natural)
    wide = sorted(range(len(natural)), key=lambda column: natural[column])
    for position, column in enumerate(wide):
        share = max(_MIN_COLUMN, room // (len(wide) - position))
        widths[column] = min(natural[column], share)
        room -= widths[column]
    return widths


def _row(cells: Sequence[str], widths: Sequence[int]) -> list[str]:
    parts = [wrapped(cell, width) if len(cell) > width else [cell] for cell, width in zip(cells, widths, strict=True)]
    return [
        _GAP.join(part.ljust(width) for part, width in zip(line, widths, strict=True)).rstrip()
        for line in zip_longest(*parts, fillvalue="")
    ]
