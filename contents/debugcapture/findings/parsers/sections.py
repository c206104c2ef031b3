"""Splits a file of a system collector into its sections, which begin with "== TITLE"."""

from collections.abc import Iterator

from ..evidence import Evidence, Line

_MARK = "== "


def section_lines(evidence: Evidence) -> Iterator[tuple[str, Line]]:
    """Yield each line that is not empty with the title of its section; "" before the first one."""
    title = ""
    for line in evidence.lines():
        if line.text.startswith(_MARK):
            title = line.text[len(_MARK) :].strip()
        elif line.text.strip():
            yield title, line


def has_sections(evidence: Evidence, *titles: str) -> bool:
    """Return whether the file has a section whose title starts with one of ``titles``."""
    return any(f"{_MARK}{title}" in evidence.head for title in titles)
