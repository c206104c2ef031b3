"""Finds private keys in a text: PEM, PGP, and PEM in base64. Pure."""

import base64
import re
from bisect import bisect_left
from collections.abc import Iterator
from typing import Final

# The longest private key that is recognized by its first and last line.
KEY_BYTES: Final = 16 << 10
# "-----BEGIN" in base64, in lower case.
ENCODED_BEGIN: Final = b"ls0tls1crudjti"
_BEGIN = re.compile(rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_END = re.compile(rb"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
# Blanks match in one place only: before the characters of a line, or behind them.
_LINES = re.compile(rb"""(?:(?:\r?\n|\\r|\\n)[ \t]*(?:[A-Za-z0-9+/=]+[ \t]*)?(?=[\r\n\\"']|\Z))*""")
# Shows the kind of a key: "-----BEGIN OPENSSH PRIVATE KEY" has 40 characters in base64.
_ENCODED_HEAD = re.compile(rb"(?:[A-Za-z0-9+/]{4}){4,16}")
_ENCODED = re.compile(rb"[A-Za-z0-9+/=]+(?:(?:\r?\n|\\n)[ \t]{0,40}[A-Za-z0-9+/=]{16,})*")


def private_keys(text: bytes, start: int) -> Iterator[tuple[int, int]]:
    """Yield the ranges of private keys. If the end of a key is missing, it has the lines that can be part of it."""
    ends = [match.end() for match in _END.finditer(text, start)]
    end = start
    for match in _BEGIN.finditer(text, start):
        if match.start() < end:
            continue
        end_index = bisect_left(ends, match.end())
        if end_index < len(ends) and ends[end_index] - match.start() <= KEY_BYTES:
            end = ends[end_index]
        else:
            lines = _LINES.match(text, match.end(), match.end() + KEY_BYTES)
            end = lines.end() if lines else match.end()
        yield match.start(), end


def unfinished_key_start(text: bytes) -> int:
    """Return the offset of a private key without an end, or the length of ``text``."""
    ends = [match.end() for match in _END.finditer(text)]
    begin = _BEGIN.search(text, max(ends[-1] if ends else 0, len(text) - KEY_BYTES))
    return begin.start() if begin else len(text)


def encoded_key_end(text: bytes, position: int) -> int:
    """Return the end of the PEM in base64 at ``position``, or -1 if it is not a private key: a certificate stays."""
    head = _ENCODED_HEAD.match(text, position)
    if not head or b"PRIVATE KEY" not in base64.b64decode(head[0]):
        return -1
    encoded = _ENCODED.match(text, position)
    return encoded.end() if encoded else -1
