r"""Find the positions of credentials in a text. Pure, on bytes, in time linear in the length of the text.

RE2 searches the text for all words and marks that can begin a credential, in a single pass. Python's engine only reads
the text next to a hit. It reads a limited number of bytes, or the bytes are part of the credential, and the search
continues behind them.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from ..regex import Pattern, bytes_pattern
from .keys import ENCODED_BEGIN, encoded_key_end, private_keys
from .marks import MARKS, find_marked
from .names import LONGEST_NAME, NAME_CHARACTERS, Kind, kind_of
from .notations import find_place
from .tokens import token_end, tokens_by_start
from .values import read_value

# The number of bytes before a hit that may decide about it.
LOOKBEHIND_BYTES: Final = 256
# Parts of names. The character behind a short word ends it. "key://" is left to the mark "://".
NAME_WORDS: Final = (
    b"passw", b"passphrase", b"passcode", b"secret", b"token", b"credential", b"jwt", b"pwd", b"apikey",
    b"authorization", b"cookie", b"sessid", b"sessionid", b"requirepass", b"pass", b"cred", b"creds", b"key", b"auth",
    b"salt", b"otp", b"psk", b"pw", b"psw",
)  # fmt: skip
_LONG_WORDS: Final = 14
_PEM: Final = b"private key"
_AFTER = re.compile(rb"[\w.-]{0,64}")
_LONGEST_AFTER: Final = 64


class Credential(NamedTuple):
    """A credential: the offsets of the complete match, and of the secret in it. The secret may be empty."""

    begin: int
    end: int
    secret: int
    secret_end: int


def find_credentials(text: bytes, start: int, own_patterns: Sequence[Pattern[bytes]] = ()) -> list[Credential]:
    """Return the credentials in ``text`` from ``start``. The text before ``start`` is only context.

    ``own_patterns`` are those of the user: the secret is their first group, or the complete match.
    """
    credentials = [*_find_named(text, start), *_find_marked(text, start)]
    for pattern in own_patterns:
        credentials += [_from_match(match) for match in pattern.finditer(text, start) if match.end() > match.start()]
    return credentials


@lru_cache(maxsize=1)
def scanners() -> tuple[Pattern[bytes], Pattern[bytes]]:
    """Return the patterns of RE2 that find words of names, and marks."""
    long = b"|".join(NAME_WORDS[:_LONG_WORDS]).decode()
    short = "|".join(word.decode() for word in NAME_WORDS[_LONG_WORDS:])
    names = rf"(?i){long}|(?:{short})(?:[^a-z:]|:[^/])"
    starts = sorted({*MARKS, *tokens_by_start(), ENCODED_BEGIN, _PEM}, key=len, reverse=True)
    marks = "(?i)" + "|".join(re.escape(start.decode()) for start in starts)
    return bytes_pattern(names, "names of secrets"), bytes_pattern(marks, "marks of secrets")


def _find_named(text: bytes, start: int) -> Iterator[Credential]:
    """Yield the values of secret names."""
    end = containers_end = start
    for hit in scanners()[0].finditer(text, start):
        if hit.start() < end:
            continue
        begin, name_end = _name_at(text, hit.start())
        kind = kind_of(text[begin:name_end]) if name_end else Kind.ORDINARY
        if kind is Kind.ORDINARY:
            continue
        for position, place in find_place(text, begin, name_end, kind):
            value = read_value(text, position, place._replace(opens_containers=position >= containers_end))
            if not value:
                continue
            if value.nested:
                containers_end = value.end
            else:
                end = value.end
            first = max(begin, start)
            yield Credential(first, value.end, value.end, value.end)
            yield from (Credential(first, value.end, *secret) for secret in value.secrets)
            break


def _name_at(text: bytes, position: int) -> tuple[int, int]:
    """Return the begin and the end of the name around ``position``. The end is 0 if the name is too long."""
    before = text[max(0, position - LONGEST_NAME) : position]
    begin = position - len(before) + len(before.rstrip(NAME_CHARACTERS))
    if begin < position and begin and text[begin] in b"nrt" and text[begin - 1 : begin] == b"\\":
        begin += 1  # an escaped line break or tab
    after = _AFTER.match(text, position)
    end = after.end() if after else position
    return begin, end if end - position < _LONGEST_AFTER else 0


def _find_marked(text: bytes, start: int) -> Iterator[Credential]:
    """Yield the credentials that a mark or the format of a token shows."""
    end, has_pem, starts = start, False, tokens_by_start()
    for hit in scanners()[1].finditer(text, start):
        mark, position = hit.group().lower(), hit.start()
        if position < end:
            continue
        if mark == _PEM:
            has_pem = True
            continue
        if mark in starts:
            begin, mark_end = position, token_end(text, position, mark)
        elif mark == ENCODED_BEGIN:
            begin, mark_end = position, encoded_key_end(text, position)
        else:
            begin, mark_end = find_marked(text, position, mark, max(start, end))
        if mark_end > begin:
            end = max(end, mark_end)
            yield Credential(min(begin, position), mark_end, begin, mark_end)
    if has_pem:
        yield from (Credential(*key, *key) for key in private_keys(text, start))


def _from_match(match: Any) -> Credential:  # of Python's engine, or of RE2's
    return Credential(*match.span(), *match.span(match.lastindex or 0))
