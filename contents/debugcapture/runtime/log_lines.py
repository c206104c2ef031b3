"""What a step's log shows: text that can forge no line, no colour, no data and no formatted block. Pure.

Much of what a step says quotes what a container wrote. Rundeck's log filters read lines that begin with a mark.
Source: Rundeck documentation, "Key Value Data" and "Render Formatted Data" log filters.
"""

from typing import Final

from ..text import one_line

DATA: Final = "RUNDECK:DATA:"
BEGIN, END = "#BEGIN:RUNDECK:DATATYPE:text/html", "#END:RUNDECK:DATATYPE"
_MARKS = ("rundeck:", "#begin:rundeck", "#end:rundeck")


def log_text(text: str) -> str:
    """Return ``text``, of one line or several, as it may be printed. A whole block between BEGIN and END stays a block.

    A block is HTML, so its characters outside of ASCII become references: a Runner without a UTF-8 locale prints each
    of them as a question mark.
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
    """Return the line that gives ``value`` to later steps as ``key``."""
    return f"{DATA}{key}={one_line(value)}"


def _printable(line: str) -> str:
    return "".join(character for character in line.replace("\t", "    ") if character.isprintable())
