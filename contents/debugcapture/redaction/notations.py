"""Finds where the value of a name begins, in every notation: assignments, JSON, YAML, XML, flags, tuples, SQL. Pure.

Every pattern here looks at a bounded number of bytes.
"""

import re
from collections.abc import Iterator
from typing import Final

from .names import Kind
from .values import COLOR, Place

_CLOSE: Final = rb"(?:\\{0,8}[\"'`]|\]|&quot;|&#34;|%%22|%s)" % COLOR
_ASSIGNED = re.compile(
    rb"(?P<close>%s{0,6})(?P<blanks>[ \t]{0,32})(?:%s){0,2}"
    rb"(?P<sign>[=-]>|:=|={1,3}|%%3[dD]|\\u003[dD]|::?(?!:))[ \t]{0,256}" % (_CLOSE, COLOR)
)
_NEXT_LINE = re.compile(rb"\r?\n[ \t]{1,64}(?![-#]|[\w.\"'-]{1,80}:(?:\s|\Z))")
_CONTINUED = re.compile(rb"\\\r?\n[ \t]{0,64}")
# The longest text before a name that shows a notation.
_BEFORE_BYTES: Final = 9
_QUOTE: Final = rb"(?:\\{0,8}[\"'])"
# {"name": "DB_PASSWORD", "value": "…"}, <add key="DbPassword" value="…"/>, and a name and a value on lines of YAML.
_PAIR = re.compile(
    rb"(?i)%s\s{0,64},\s{0,64}%s(?:value|val|default_?value|content|data)%s\s{0,8}:\s{0,64}" % (_QUOTE, _QUOTE, _QUOTE)
)
_ATTRIBUTE = re.compile(rb"(?i)[\"']\s{1,64}(?:value|content)\s{0,4}=\s{0,4}")
_LINES = re.compile(rb"(?i)[\"']?[ \t]{0,16}\r?\n[ \t]{0,64}[\"']?value[\"']?[ \t]{0,4}:[ \t]{0,64}")
_ELEMENT = re.compile(
    rb"(?i)(?:[\"']?(?:[ \t][^<>\n]{0,80})?>(?:\s{0,64}<(?:value|string)>)?|</key>\s{0,64}<\w{1,16}>)"
    rb"(?:<!\[CDATA\[)?(?=[^<\n]{1,1024}(?:</|\]\]>))"
)
_ESCAPED_ELEMENT = re.compile(rb"(?:[ \t][^<>&\n]{0,80})?&gt;(?=[^&\n]{1,1024}&lt;/)")
_TUPLE = re.compile(rb"[\"'],[ \t]{0,4}")
_BEFORE_TUPLE = (b"('", b'("', b"(b'", b'(b"', b"[b'", b'[b"')
# Erlang: {password, <<"…">>}. Clojure: {:password "…"}.
_ERLANG = re.compile(rb",[ \t]{0,4}(?:<<)?(?=\")")
_CLOJURE = re.compile(rb"[ \t]{1,4}(?=\")")
_FLAG_GAP = re.compile(
    rb"[ \t]{1,16}(?!-{1,2}[A-Za-z])"
    rb"|[\"'],?[ \t]{0,16}(?:\r?\n[ \t]{0,64})?(?=[\"'](?!-{1,2}[A-Za-z]))"
    rb"|[\"']?\r?\n[ \t]{0,64}-[ \t]{1,8}(?![\"']?-{1,2}[A-Za-z])"
)
_BLANK_AND_TEXT = re.compile(rb"[ \t]{1,4}(?=')")
_BLANKS = re.compile(rb"[ \t]{1,8}")
_NETRC = re.compile(rb"login[ \t]{1,8}\S{1,64}[ \t\n]{1,8}\Z")
_NETRC_BYTES: Final = 88
# Token.java:51 is a position in a program.
_PROGRAM = re.compile(rb"(?i)\.(?:c|cc|cpp|cs|go|java|js|cjs|mjs|jsx|kt|php|py|rb|rs|scala|ts|tsx)\Z")
# TokenService: Refreshed is a log line of a class; TokenService: s3cr3t may be a setting.
_CLASS = re.compile(
    rb"[a-z](?:Service|Handler|Filter|Controller|Repository|Factory|Validator|Interceptor|Resolver|Listener|Exception|Error"
    rb"|Cache|Client|Store|Manager|Provider|Config|Configuration|Task|Job|Worker|Impl)\Z"
)
_SENTENCE = re.compile(rb"[ \t]*:[ \t]+(?:[A-Z]?[a-z]+[.,;:!?]?(?:\s|\Z)|[A-Z][a-z]+ )")
_PASSWORDS: Final = (b"password", b"passwd")


def find_place(text: bytes, begin: int, end: int, kind: Kind) -> Iterator[tuple[int, Place]]:
    """Yield the positions at which the value of the name from ``begin`` to ``end`` may be, the most likely first."""
    yield from _find_beside_quote(text, begin, end, kind)
    yield from _find_assigned(text, begin, end, kind)
    yield from _find_behind_blank(text, begin, end, kind)


def _find_beside_quote(text: bytes, begin: int, end: int, kind: Kind) -> Iterator[tuple[int, Place]]:
    """Yield the value of a name that is a value itself: of a pair, an attribute, an element or a tuple."""
    for pattern, style in ((_PAIR, "object"), (_ATTRIBUTE, "text"), (_LINES, "text")):
        if match := pattern.match(text, end):
            yield match.end(), Place(kind, style)
    if match := _element(text, begin, end):
        yield match.end(), Place(kind, "element")
    if match := _member(text, begin, end):
        yield match.end(), Place(kind, "object")


def _member(text: bytes, begin: int, end: int) -> re.Match[bytes] | None:
    """Return the match from the first member of a tuple, or from a keyword of Clojure, to its value."""
    before = _text_before(text, begin)
    if before.endswith(_BEFORE_TUPLE):
        return _TUPLE.match(text, end)
    if before.endswith(b"{"):
        return _ERLANG.match(text, end)
    return _CLOJURE.match(text, end) if before.endswith((b" :", b"{:")) else None


def _text_before(text: bytes, begin: int) -> bytes:
    return text[max(0, begin - _BEFORE_BYTES) : begin]


def _element(text: bytes, begin: int, end: int) -> re.Match[bytes] | None:
    """Return the match from the name of an element, or of its attribute, to its content."""
    before = _text_before(text, begin)
    if before.endswith(b"&lt;"):
        return _ESCAPED_ELEMENT.match(text, end)
    in_tag = before.endswith((b"<", b":", b'"', b"'")) or text[end : end + 2] == b"</"
    return _ELEMENT.match(text, end) if in_tag else None


def _find_assigned(text: bytes, begin: int, end: int, kind: Kind) -> Iterator[tuple[int, Place]]:
    """Yield the value behind an equals sign, an arrow or a colon."""
    match = _ASSIGNED.match(text, end)
    before = _text_before(text, begin)
    if not match or before == b"checksum/":
        return
    name, sign, position = text[begin:end], match["sign"], match.end()
    is_quoted = bool(match["close"].strip(b"]"))
    if sign == b"::" and not text[position - 1 : position].isspace():
        return  # a path of C++ or Rust
    if sign == b":" and (_is_message(text, name, end, position) or (_has_gap(match) and b"passw" not in name.lower())):
        return
    is_query = sign[:1] == b"%" or before.endswith((b"?", b"&", b"&amp;"))
    style = "query" if is_query else "object" if is_quoted and sign in (b":", b"=>") else "text"
    place = Place(kind, style, is_colon=sign == b":")
    if continued := _CONTINUED.match(text, position):
        position = continued.end()
    yield position, place
    if sign in (b":", b"=>") and (line := _NEXT_LINE.match(text, position)):
        yield line.end(), place._replace(is_colon=False)


def _has_gap(match: re.Match[bytes]) -> bool:
    return bool(match["blanks"]) and not match["close"]


def _is_message(text: bytes, name: bytes, end: int, position: int) -> bool:
    """Return whether the name is a file or a class that logs something."""
    if _PROGRAM.search(name) and text[position : position + 1].isdigit():
        return True
    return bool(_CLASS.search(name) and _SENTENCE.match(text, end))


def _find_behind_blank(text: bytes, begin: int, end: int, kind: Kind) -> Iterator[tuple[int, Place]]:
    """Yield the value of a flag, or of a word that a command, SQL or .netrc puts before a value."""
    if kind is Kind.DIRECTORY:
        return
    is_flag = text[begin : begin + 1] == b"-" and (not begin or text[begin - 1] in b" \t\r\n\"'[,(=\0")
    if is_flag and (match := _FLAG_GAP.match(text, end)):
        yield match.end(), Place(kind)
    blanks = _BLANKS.match(text, end)
    if not blanks:
        return
    if kind is Kind.COMMANDED:
        yield blanks.end(), Place(kind)
    elif text[begin:end].lower() in _PASSWORDS:
        is_netrc = _NETRC.search(text, max(0, begin - _NETRC_BYTES), begin)
        if is_netrc or _BLANK_AND_TEXT.match(text, end):
            yield blanks.end(), Place(kind)
