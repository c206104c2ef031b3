"""The formats of tokens that vendors document, from tokens.yaml: a token is recognized anywhere in a text."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, Protocol, cast

from ..regex import bytes_pattern

CATALOG: Final = Path(__file__).with_name("tokens.yaml")
# The end of an escaped line break, or of a URL-encoded character, belongs to no word.
_BOUNDARY: Final = re.compile(rb"\\[nrtu]\Z|\\u[0-9a-fA-F]{4}\Z|%[0-9a-fA-F]{2}\Z|\x1b\[[0-9;]{0,16}m\Z")
_BOUNDARY_BYTES: Final = 24
_LETTERS: Final = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")


class _Anchored(Protocol):
    """A pattern of RE2, which is matched at one position."""

    def match(self, text: bytes, pos: int) -> Any:
        """Return the match at ``pos``, or None."""


@dataclass(frozen=True, slots=True)
class Token:
    """A format: one of ``starts`` (lower case) and a ``pattern`` that begins there. ``source`` documents it."""

    id: str
    starts: tuple[bytes, ...]
    pattern: _Anchored
    source: str


@lru_cache(maxsize=1)
def tokens() -> tuple[Token, ...]:
    """Return the formats of the catalog."""
    # Imported here, because a step that masks no text does not need it.
    from ..yaml_reader import read_yaml

    return tuple(_token(entry) for entry in read_yaml(CATALOG.read_text(encoding="utf-8")))


@lru_cache(maxsize=1)
def tokens_by_start() -> Mapping[bytes, tuple[Token, ...]]:
    """Return the formats by their starts."""
    starts = dict.fromkeys(start for token in tokens() for start in token.starts)
    return {start: tuple(token for token in tokens() if start in token.starts) for start in starts}


def token_end(text: bytes, position: int, start: bytes) -> int:
    """Return the end of the token at ``position``, which begins with ``start``; -1 if there is none."""
    is_inside_word = position > 0 and text[position - 1] in _LETTERS
    if is_inside_word and not _BOUNDARY.search(text[max(0, position - _BOUNDARY_BYTES) : position]):
        return -1
    matches = (token.pattern.match(text, position) for token in tokens_by_start()[start])
    return max((match.end() for match in matches if match), default=-1)


def _token(entry: dict[str, Any]) -> Token:
    starts = entry["starts"] if isinstance(entry["starts"], list) else [entry["starts"]]
    pattern = cast("_Anchored", bytes_pattern(entry["pattern"], f"token {entry['id']} in {CATALOG.name}"))
    return Token(entry["id"], tuple(start.lower().encode() for start in starts), pattern, entry["source"])
