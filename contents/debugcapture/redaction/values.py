"""Reads the value behind the name of a secret, in the notation in which it is written. Pure.

A value is a word, a quoted text, a list, an object, or a block of YAML. Each reader looks at a bounded number of bytes,
or returns an end behind all bytes that it has read. The caller continues there, so the work is linear.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from .names import LONGEST_NAME, NAME_CHARACTERS, Kind

# A list or an object that is longer is masked up to here.
CONTAINER_BYTES: Final = 4096
BLOCK_BYTES: Final = 16 << 10
_ENVIRON_BYTES: Final = 4096
COLOR: Final = rb"(?:\x1b|\\u001b|\\x1b|\\033)\[[0-9;]{0,16}m"
_COLORS = re.compile(rb"(?:%s){0,4}" % COLOR)
# A call, a reference or a prefix before a quote: Some("…"), b'…', &"…", []byte("…"), string(6) "…" of PHP.
_WRAPPER = re.compile(
    rb"(?:string\([0-9]{1,9}\) (?=\")|(?:&|(?:(?:\[\]byte|(?:new )?[A-Za-z_][\w.:]{0,40})[(\[](?:\w{1,40}=)?){1,3})?"
    rb"(?:[bBuUrRfL@]{0,2})(?=\\{0,8}[\"'`]))"
)
_QUOTE = re.compile(rb"(\\{0,8})([\"'`])|(&quot;|&#34;|%22)")
_PLAIN = {b'"': re.compile(rb'([^"\\\n]*)"'), b"'": re.compile(rb"([^'\\\n]*)'"), b"`": re.compile(rb"([^`\\\n]*)`")}
_ESCAPED = {
    b'"': re.compile(rb'((?:[^"\\\n]|\\.)*)"'), b"'": re.compile(rb"((?:[^'\\\n]|\\.)*)'"),
    b"`": re.compile(rb"((?:[^`\\\n]|\\.)*)`"),
}  # fmt: skip
_LINE = re.compile(rb"[^\n]*")
# Whole runs of backslashes, so that a run is looked at once.
_QUOTES_OF_LINE = re.compile(rb"(\\+)([\"'`])?|([\"'`\n])")
_PARTS = re.compile(rb"\\+[\"'`]?|[\"'`\[\](){}]")
_NO_VALUE = re.compile(
    rb"(?i)\\{0,8}([\"']?)(?:true|false|null|none|nil|undefined|<nil>|\*{3,}|[\[<(]?(?:redacted|filtered|hidden|masked)[\])>]?"
    rb"|\[masked:[0-9a-f]{4}\]|\$\{[\w.]{1,64}\}|\$\([\w.]{1,64}\)|\{\{[^{}\n]{1,80}\}\}|%\(\w{1,40}\)s|%[svq])"
    rb"\\{0,8}\1(?=[\s\"',;}\])&<\0]|\\|\Z)"
)
_NUMBER = re.compile(rb"[\"']?-?[0-9][0-9.,_kKmM%]{0,20}[\"']?(?=[\s,;}\])&\0/]|\Z)")
_NUMBERS = re.compile(rb"[0-9., \t-]*")
_BASE64 = re.compile(rb"\\{0,8}[\"']?[A-Za-z0-9+/_-]{8,1024}={0,2}(?=[\\\"'\s,;&}\])]|\Z)")
# The first of several words of a sentence, as in "invalid token: unexpected end of file".
_SENTENCE = re.compile(
    rb"(?:unexpected|invalid|expected|expired|missing|not|is|was|are|has|must|should|could|cannot|unable|failed|error|the|an?|no"
    rb"|for|from|in|of|to|on|at|and|or|with|this|it|you|please|secrets|tokens|rejected|required|permission|access|operation|connection"
    rb"|empty|unknown|denied|failure|success|successfully|does|did|will|may|found|only|all|used|using|accepted|received)"
    rb"(?=[,;:]? [\w(\[\"'%\\])"
    # An error of the Kubernetes API: serviceaccounts "default" is forbidden
    rb"|[a-z.]{3,60} \\{0,8}\"[^\"\n]{1,253}\" (?:is|not|already) "
)
_SCHEME = re.compile(rb"(?i)(?:basic|bearer|token|negotiate|apikey|ntlm|key)(?:[ \t+]|%20){1,8}")
_SIGNED = re.compile(rb"(?i)(?:digest|aws4-[\w-]{1,40}|signature|hmac|hawk|oauth)[ \t]")
_WORD = {
    "line": re.compile(rb"[^\r\n\"'\0\x1b]+"),
    "signature": re.compile(rb"[^\r\n\0\x1b]+"),
    "object": re.compile(rb"[^\s\"'\0,}\]\x1b]+"),
    "query": re.compile(rb"(?:(?!%26)[^\s\"'\0&#<>\x1b])+"),
    "element": re.compile(rb"(?:(?!&lt;|\]\]>)[^<\r\n\0])+"),
    "text": re.compile(rb"[^\s\"'\0\x1b]+"),
}
_NO_WORD = re.compile(rb"[,;)}\]&|>{\[(]{1,16}\Z")
_PAIR = re.compile(rb"([\w.-]{1,64})[ ]?(?:=>|[:=])[ ]?([^\s,;{}\[\]()\"']{1,1024})")
_BLOCK = re.compile(rb"[|>][-+0-9]{0,3}[ \t]{0,16}(?:#[^\n]{0,200})?\r?\n")
_BLOCK_LINE = re.compile(rb"[ \t]*\r?\n|([ \t]+)[^\n]*(?:\n|\Z)")
_TAG = re.compile(rb"(?:!{1,2}[\w/-]{0,30}|&[\w-]{1,30}) ")
_ITEM = re.compile(rb"\r?\n[ \t]{0,64}-[ \t]{1,8}(?!-)")
_ITEM_VALUE = re.compile(rb"[^\r\n]+")
_KEY_OF_ITEM = re.compile(rb"[\"']?[\w.-]{1,64}[\"']?[ \t]{0,8}:(?:[ \t]|\r?\n|\Z)")
_DEPTHS: Final = {b"[": 1, b"{": 1, b"(": 1, b"]": -1, b"}": -1, b")": -1}
# Keys in an object whose values describe a secret, and are not secret.
_DESCRIBING_KEYS = frozenset((
    b"name", b"key", b"type", b"kind", b"id", b"path", b"file", b"ref", b"namespace", b"apiversion", b"version",
    b"mode", b"alg", b"algorithm", b"scope", b"status", b"state", b"message", b"error", b"reason", b"url", b"uri",
    b"created", b"updated", b"expires", b"provider", b"format", b"encoding", b"description", b"title", b"label",
    b"level", b"operator", b"optional", b"source", b"owner",
))  # fmt: skip


class Found(NamedTuple):
    """The ranges of the secrets in a value, and its end. ``nested``: the end is that of a container without secrets."""

    secrets: tuple[tuple[int, int], ...]
    end: int
    nested: bool = False


class Place(NamedTuple):
    """How a value is introduced."""

    kind: Kind
    style: str = "text"
    """What ends a bare word: "text" a blank, "object" a comma or bracket too, "query" an ampersand, "element" a tag."""
    is_colon: bool = False
    """The value follows a colon: it may be a block, a list of YAML, or the rest of a sentence."""
    opens_containers: bool = True


def read_value(text: bytes, position: int, place: Place) -> Found | None:
    """Return the secrets in the value at ``position``; None if there is no secret value."""
    position = _skip_marks(text, position, place)
    if place.is_colon and (value := _read_yaml(text, position)):
        return value
    if _NO_VALUE.match(text, position) or _is_ordinary(text, position, place):
        return None
    if place.style == "element":
        return _read_word(text, position, place)
    wrapper = _WRAPPER.match(text, position)
    start = wrapper.end() if wrapper else position
    if _QUOTE.match(text, start):
        begin, end, after = read_quoted(text, start)
        return _value_at(text, begin, end, after, place)
    if text[position : position + 1] in (b"[", b"{", b"("):
        if not place.opens_containers:
            return None
        if container := _read_container(text, position, place):
            return container
    return _read_word(text, position, place)


def _skip_marks(text: bytes, position: int, place: Place) -> int:
    """Return the position behind colors, and behind a tag or an anchor of YAML."""
    colors = _COLORS.match(text, position)
    position = colors.end() if colors else position
    tag = _TAG.match(text, position) if place.is_colon else None
    return tag.end() if tag else position


def read_quoted(text: bytes, position: int) -> tuple[int, int, int]:
    r"""Return the begin and end of the content of the quote at ``position``, and the position behind it.

    A quote inside a string is escaped once for each level: \"…\" or \\\"…\\\". It ends at a quote with as many
    backslashes, or fewer, which end the outer string. A quote that is not closed ends with the line.
    """
    quote = _QUOTE.match(text, position)
    if not quote:
        return position, position, position
    begin = quote.end()
    if entity := quote[3]:
        line = _LINE.match(text, begin)
        line_end = line.end() if line else begin
        end = text.find(entity, begin, line_end)
        return (begin, end, end + len(entity)) if end >= 0 else (begin, line_end, line_end)
    level, mark = len(quote[1]), quote[2]
    if level:
        return begin, *_end_of_nested(text, begin, level, mark)
    closed = _PLAIN[mark].match(text, begin) or _ESCAPED[mark].match(text, begin)
    if closed:
        return begin, closed.end(1), closed.end()
    line = _LINE.match(text, begin)
    return begin, line.end() if line else begin, line.end() if line else begin


def _end_of_nested(text: bytes, begin: int, level: int, mark: bytes) -> tuple[int, int]:
    for match in _QUOTES_OF_LINE.finditer(text, begin):
        if match[3] == b"\n":
            return match.start(), match.start()
        if match[3]:
            if match[3] == b'"':
                return match.start(), match.start()
        elif match[2] and (len(match[1]) < level or (len(match[1]) == level and match[2] == mark)):
            return match.start(), match.end()
    return len(text), len(text)


def _is_ordinary(text: bytes, position: int, place: Place) -> bool:
    if place.kind is Kind.ENCODED and not _BASE64.match(text, position):
        return True
    if place.kind is Kind.COUNTED and _NUMBER.match(text, position):
        return True
    if place.kind is Kind.DIRECTORY and text[position : position + 2].lstrip(b"\"'")[:1] in (b"/", b""):
        return True
    may_be_sentence = place.is_colon and place.style == "text" and place.kind is not Kind.COOKIE
    if place.kind is Kind.AUTHORIZATION and _SCHEME.match(text, position):
        return False
    return may_be_sentence and bool(_SENTENCE.match(text, position))


def _value_at(text: bytes, begin: int, end: int, after: int, place: Place) -> Found | None:
    """Return the secret from ``begin`` to ``end`` of a quoted text or a word."""
    if place.kind is Kind.AUTHORIZATION and (scheme := _SCHEME.match(text, begin, end)):
        begin = scheme.end()
    return Found(((begin, end),), after) if end > begin else None


def _read_word(text: bytes, position: int, place: Place) -> Found | None:
    """Return a value without quotes."""
    if place.kind is Kind.COOKIE:
        word = _WORD["line"].match(text, position)
    elif place.kind is Kind.AUTHORIZATION and _SIGNED.match(text, position):
        word = _WORD["signature"].match(text, position)
    else:
        scheme = _SCHEME.match(text, position) if place.kind is Kind.AUTHORIZATION else None
        word = _WORD[place.style].match(text, scheme.end() if scheme else position)
    if not word or _NO_WORD.match(word[0]):
        return None
    begin, end = word.span()
    if word[0][-1:] in b"([{=,:" and text[end : end + 1] in (b'"', b"'"):
        # A call: its text is the secret, or a part of it.
        end = read_quoted(text, end)[2]
    nul = text.find(b"\0", end, end + _ENVIRON_BYTES)
    # A variable in /proc/PID/environ: the value ends with a NUL and may have blanks.
    if nul >= 0 and b"\n" not in text[end:nul]:
        end = nul
    return _value_at(text, begin, end, end, place)


def _read_container(text: bytes, position: int, place: Place) -> Found | None:
    """Return the texts in the list or object at ``position``, or its words; None if it is neither."""
    depth, secrets, key = 0, list[tuple[int, int]](), b""
    cursor, limit = position, position + CONTAINER_BYTES
    has_texts = False
    while (depth or cursor == position) and (part := _PARTS.search(text, cursor, limit)):
        cursor = part.end()
        if not part[0].endswith((b'"', b"'", b"`")):
            depth += _DEPTHS.get(part[0], 0)
            continue
        has_texts = True
        begin, end, behind = read_quoted(text, part.start())
        cursor = max(cursor, behind)
        if _is_key(text, cursor):
            key = text[begin:end]
        elif not _is_described(key or _key_before(text, position, part.start())):
            secrets += _text_in_container(text, part.start(), (begin, end), place)
    if has_texts:
        return Found(tuple(secrets), cursor, nested=not secrets)
    return None if depth else _read_words_of_container(text, position, cursor, place)


def _text_in_container(text: bytes, quote: int, content: tuple[int, int], place: Place) -> list[tuple[int, int]]:
    if _NO_VALUE.match(text, quote) or (place.kind is Kind.COUNTED and _NUMBER.match(text, quote)):
        return []
    value = _value_at(text, *content, content[1], place)
    return list(value.secrets) if value else []


def _is_key(text: bytes, position: int) -> bool:
    return text[position : position + 8].lstrip()[:1] == b":" or text[position : position + 8].lstrip()[:2] == b"=>"


def _key_before(text: bytes, start: int, position: int) -> bytes:
    """Return the bare key before ``position``, as in { value: 'x' } or {value="x"}; b"" if there is none."""
    before = text[max(start, position - LONGEST_NAME) : position].rstrip(b" \t\r\n")
    separated = before.rstrip(b"=:>")
    if len(separated) == len(before):
        return b""
    name = separated.rstrip(b" \t\"'")
    return name[len(name.rstrip(NAME_CHARACTERS)) :]


def _is_described(key: bytes) -> bool:
    return key.lower() in _DESCRIBING_KEYS or key.lower().endswith(
        (b"name", b"ref", b"path", b"at", b"url", b"type", b"id")
    )


def _read_words_of_container(text: bytes, position: int, end: int, place: Place) -> Found | None:
    """Return the words of a container without quotes on one line, such as [a b] or {value=a, type=b}."""
    begin, close = position + 1, end - 1
    content = text[begin:close]
    if not content.strip() or b"\n" in content or _NUMBERS.fullmatch(content):
        return Found((), end, nested=True) if content.strip() else None
    if text[position : position + 1] == b"[":
        return _value_at(text, begin, close, end, place)
    pairs = tuple(
        (begin + pair.start(2), begin + pair.end(2))
        for pair in _PAIR.finditer(content)
        if not _is_described(pair[1]) and not _NO_VALUE.match(content, pair.start(2))
    )
    return Found(pairs, end, nested=not pairs)


def _read_yaml(text: bytes, position: int) -> Found | None:
    """Return the secrets of a block (password: |) or of a list on the following lines."""
    if block := _BLOCK.match(text, position):
        return _read_block(text, block.end())
    secrets, end = list[tuple[int, int]](), position
    for begin, item_end in _items(text, position):
        secrets.append((begin, item_end))
        end = item_end
    return Found(tuple(secrets), end) if secrets else None


def _items(text: bytes, position: int) -> Iterator[tuple[int, int]]:
    """Yield the ranges of the items of a YAML list: of words and texts, but not of objects."""
    while item := _ITEM.match(text, position):
        value = _ITEM_VALUE.match(text, item.end())
        if not value or _KEY_OF_ITEM.match(text, item.end()):
            return
        content = value[0].rstrip()
        begin = item.end()
        position = begin + len(content)
        if len(content) > 1 and content[:1] in b"\"'" and content[-1:] == content[:1]:
            yield begin + 1, position - 1
        else:
            yield begin, position


def _read_block(text: bytes, position: int) -> Found | None:
    """Return the lines of a block of YAML: those with at least the indentation of its first line."""
    limit, begin, end, indent = position + BLOCK_BYTES, -1, position, 0
    while end < limit and (line := _BLOCK_LINE.match(text, end)):
        if line[1] is not None:
            if begin >= 0 and len(line[1]) < indent:
                break
            if begin < 0:
                begin, indent = line.end(1), len(line[1])
        if line.end() == end:
            break
        end = line.end()
    if begin < 0:
        return None
    secret_end = begin + len(text[begin:end].rstrip())
    return Found(((begin, secret_end),), end) if secret_end > begin else None
