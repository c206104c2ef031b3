"""Parses logs of containers and kernels: which known messages, errors and stack traces they contain, and when.

The log is scanned in blocks with one joined pattern, so that lines without a message cost almost nothing.
"""

from collections.abc import Sequence
from typing import Final

from ..evidence import Evidence
from ..messages import Message
from .log_model import Log

# A file with a larger share of control characters is not text.
_BINARY_CHARACTERS: Final = 0.02
_HEAD_CHARACTERS: Final = 4096
_ODD: Final = frozenset("\ufffd") | ({chr(code) for code in range(32)} - set("\t\r\n\x1b\b\f"))


def is_text(evidence: Evidence) -> bool:
    """Return whether the file is text: any log is."""
    head = evidence.head[:_HEAD_CHARACTERS]
    odd = sum(1 for character in head if character in _ODD)
    return bool(head.strip()) and odd <= len(head) * _BINARY_CHARACTERS


def parse_log(evidence: Evidence, messages: Sequence[Message]) -> Log:
    """Return what the log contains of ``messages``, and its other errors."""
    from .log_scan import Scan

    return Scan(evidence, messages).log()
