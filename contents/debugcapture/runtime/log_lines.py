"""Text for the log of a step that cannot forge a line, a color, data or a formatted block. Pure.

Log lines quote output of containers, and Rundeck's log filters interpret lines that start with a mark.
Source: Rundeck documentation, "Key Value Data" and "Render Formatted Data" log filters.
"""

from typing import Final

from ..text import one_line

DATA: Final = "RUNDECK:DATA:"
BEGIN, END = "#BEGIN:RUNDECK:DATATYPE:text/html", "#END:RUNDECK:DATATYPE"
_MARKS = ("rundeck:", "#begin:rundeck", "#end:rundeck")


def log_text(text: str) -> str:
    """Return ``text``, which may have several lines, without control characters. A block from BEGIN to END stays one.

    A block is HTML. Its characters outside of ASCII become references, because a Runner without a UTF-8 locale prints
    them as question marks.
    """
    lines = [_printable(line) for line in text.split("\n")]
    block = len(lines) > 1 and (lines[0], lines[-1]) == (BEGIN, END)
    inner = lines[1:-1] if block else lines
    escaped = [f" {line}" if line.lower().startswith(_MARKS) else line for line in inner]
    if not block:
        return "\n".join(escaped)
    document = [line.encode("ascii", "xmlcharrefreplace").decode() for line in escaped]
    return "\n".join([BEGIN, *document, END])


def data_line(key: str, value: str) -> str:
    """Return the line that passes ``value`` to later steps as ``key``."""
    return f"{DATA}{key}={one_line(value)}"


def _printable(line: str) -> str:
    return "".join(character for character in line.replace("\t", "    ") if character.isprintable())
