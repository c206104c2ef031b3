"""Makes hostile evidence of valid evidence: cut, repeated, spliced, with huge numbers and lines, nested, not UTF-8."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from random import Random

from hypothesis import strategies as st

from tests.unit.hostile import FRAGMENTS

Mutation = Callable[[bytes, Random], bytes]
_MOST_BYTES = 200_000  # of the usual result; a line of 1 MB is longer
_LONG_LINE_BYTES = 1 << 20
_NUMBERS = tuple(
    number.encode()
    for number in (
        *(
            "0",
            "-1",
            "1" * 18,
            "9" * 30,
            "9" * 5000,
            "18446744073709551616",
            "4294967296",
            "1e999",
            "nan",
            "-inf",
            "0x",
            "1.5",
        ),
        *("٣", "²", "１２", "99:99", "2026-13-45T99:99:99Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", ""),
    )
)
_VALUES = (
    b"null",
    b"[]",
    b"{}",
    b"true",
    b'"x"',
    b"[[], {}]",
    b"-1",
    b"1e999",
    b'"\\ud800"',
    b"9" * 5000,
    b"NaN",
    b'{"a": []}',
)
_BAD_BYTES = (
    b"\0",
    b"\0" * 5000,
    b"\xff\xfe",
    b"\xc3",
    b"\xed\xa0\x80",
    b"\x80" * 40,
    b"\xf4\x90\x80\x80",
    b"\xef\xbb\xbf",
    b"\x1b[2J",
)
_NESTING = (b"[", b"{", b"(", b"<", b'{"a":', b"  ", b"\t", b"<[", b"- ", b'"', b"'", b"\\")
_WORD = re.compile(rb"\d+")
_VALUE = re.compile(rb'(?<=: )(?:"[^"\n]*"|[\w.+-]+)')


def _cut(content: bytes, random: Random) -> bytes:
    place = random.randrange(len(content) + 1)
    return content[:place] if random.random() < 0.7 else content[place:]


def _remove(content: bytes, random: Random) -> bytes:
    start = random.randrange(len(content) + 1)
    return content[:start] + content[start + random.choice((1, 5, 50, 500)) :]


def _flip(content: bytes, random: Random) -> bytes:
    changed = bytearray(content)
    for _ in range(min(len(changed), random.choice((1, 4, 16)))):
        changed[random.randrange(len(changed))] = random.choice((0, 1, 0x20, 0x7F, 0x80, 0xFF, random.randrange(256)))
    return bytes(changed)


def _lines(content: bytes, random: Random) -> bytes:
    """Repeat, remove, move or shuffle lines."""
    lines = content.splitlines(keepends=True)
    start = random.randrange(len(lines) + 1)
    some = lines[start : start + random.choice((1, 2, 8))]
    kind = random.randrange(5)
    if kind == 0:
        lines[start:start] = some * random.choice((1, 3, 100, 1000))
    elif kind == 1:
        del lines[start : start + len(some)]
    elif kind == 2:  # noqa: PLR2004 - one of the kinds
        random.shuffle(lines)
    elif kind == 3:  # noqa: PLR2004
        lines.insert(random.randrange(len(lines) + 1), b"".join(some))
    else:
        lines = [line.rstrip(b"\n") + b"\r\n" for line in lines]
    return b"".join(lines)


def _join(content: bytes, random: Random) -> bytes:
    """Put lines together, or everything on one line."""
    return content.replace(b"\n", random.choice((b" ", b"", b"\t", b"\r", b"\n\n")), random.choice((1, 3, -1)))


def _numbers(content: bytes, random: Random) -> bytes:
    return _replaced(_WORD, _NUMBERS, content, random)


def _values(content: bytes, random: Random) -> bytes:
    return _replaced(_VALUE, _VALUES, content, random)


def _replaced(pattern: re.Pattern[bytes], choices: Sequence[bytes], content: bytes, random: Random) -> bytes:
    matches = list(pattern.finditer(content))
    for match in sorted(
        random.sample(matches, min(len(matches), random.choice((1, 2, 9)))), key=re.Match.start, reverse=True
    ):
        content = content[: match.start()] + random.choice(choices) + content[match.end() :]
    return content


def _insert(content: bytes, random: Random, piece: bytes) -> bytes:
    place = random.randrange(len(content) + 1)
    if random.random() < 0.5:
        place = content.rfind(b"\n", 0, place) + 1
    return content[:place] + piece + content[place:]


def _fragment(content: bytes, random: Random) -> bytes:
    return _insert(content, random, random.choice(FRAGMENTS).encode(errors="surrogatepass"))


def _bad_bytes(content: bytes, random: Random) -> bytes:
    return _insert(content, random, random.choice(_BAD_BYTES))


def _nest(content: bytes, random: Random) -> bytes:
    return _insert(content, random, random.choice(_NESTING) * random.choice((3, 100, 5000, 50_000)))


def _repeat_piece(content: bytes, random: Random) -> bytes:
    """Repeat a few bytes, so that a line becomes long in its own alphabet."""
    start = random.randrange(len(content) + 1)
    piece = content[start : start + random.choice((1, 2, 7, 40))]
    return _insert(content, random, piece * (_MOST_BYTES // 8 // max(len(piece), 1)))


def _long_line(content: bytes, random: Random) -> bytes:
    line = random.choice(content.splitlines() or [b"x"]) or b" "
    piece = random.choice((line, line[:1], line[-3:], b"a", b" "))
    return _insert(content, random, piece * (_LONG_LINE_BYTES // max(len(piece), 1)))


def _repeat_all(content: bytes, random: Random) -> bytes:
    return content * min(random.choice((2, 20, 400)), _MOST_BYTES // max(len(content), 1) + 1)


def _wide(content: bytes, random: Random) -> bytes:
    text = content.decode(errors="replace")
    return text.encode(random.choice(("utf-16", "utf-16-be", "utf-8-sig", "utf-32", "cp037")), errors="replace")


_OFTEN: tuple[Mutation, ...] = (
    _cut,
    _remove,
    _flip,
    _lines,
    _join,
    _numbers,
    _numbers,
    _values,
    _values,
    _fragment,
    _bad_bytes,
)
_SELDOM: tuple[Mutation, ...] = (_nest, _repeat_piece, _repeat_all, _wide)
_RARELY: tuple[Mutation, ...] = (_long_line,)


def mutated(contents: Sequence[bytes], others: Sequence[bytes]) -> st.SearchStrategy[bytes]:
    """Return one of ``contents`` after a few changes. Parts of ``others`` may be spliced into it."""
    return st.builds(_mutated, st.sampled_from(contents), st.just(others), st.integers(0, 2**48))


def _mutated(content: bytes, others: Sequence[bytes], seed: int) -> bytes:
    random = Random(seed)  # noqa: S311 - the seed is the input that hypothesis reports
    for _ in range(random.choice((1, 1, 2, 3, 5))):
        chance = random.random()
        kind = random.choice(_RARELY if chance < 0.01 else _SELDOM if chance < 0.12 else _OFTEN)
        if chance > 0.95:
            other = random.choice(others)
            start = random.randrange(len(other))
            content = _insert(content, random, other[start : start + random.choice((40, 400, 4000))])
        elif len(content) < _MOST_BYTES:
            content = kind(content, random)
    return content
