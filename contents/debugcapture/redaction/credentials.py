r"""Find the positions of credentials in a text. Pure, on bytes, in time linear in the length of the text.

A form is tried only where its literal occurs, because `bytes.find` is a hundred times as fast as a regular expression.
No part of a form can match in two ways, so that no line can make the search slow.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from ..regex import Pattern

# The number of bytes before a literal that a form may check.
LOOKBEHIND_BYTES = 40
# The longest private key that is recognized by its first and last line.
KEY_BYTES = 16 << 10
_JWT_HEADER_BYTES = 2048
_NAMED = rb"[\w.-]{0,64}"
# "quoted", 'quoted', \"quoted inside a string\", "not closed, up to the end of the line, bare.
_VALUE = rb"""(?:"((?:[^"\\\n]|\\.)*)"|'((?:[^'\\\n]|\\.)*)'|\\+["']([^\n]*?)\\+["']|\\*["']([^\n]+)|([^\s"'\0]+))"""
_NOT_A_VALUE = rb"""(?!\\*["']?(?:true|false|null|none|nil|undefined|\[masked\])(?![\w.-]))"""
_NO_NEW_KEY = rb"""(?![-#]|[\w."'-]+:(?:\s|\Z))"""  # the line below a name in YAML
_BETWEEN = (
    rb"""(?:\\*["']?\]?[ \t]*(?:=>|:=|=)[ \t]*|(?:\\*["']\]?[ \t]*)?:[ \t]*(?:\r?\n[ \t]+""" + _NO_NEW_KEY + rb")?)"
)
_END_OF_NAME = rb"(?![\w.-])"  # otherwise each shorter name would be tried
# secretName, tokenPath and similar names refer to a secret; Token.java:51 is a position in a program.
_NOT_SECRET = (b"name", b"ref", b"path", b"file", b"dir", b"seconds", b"type", b"count", b"size", b"limit", b"ttl",
               b"policy", b"provider", b"manager")  # fmt: skip
_PROGRAMS = (b"c", b"cc", b"cpp", b"cs", b"go", b"java", b"js", b"cjs", b"mjs", b"jsx", b"kt", b"php", b"py", b"rb",
             b"rs", b"scala", b"ts", b"tsx")  # fmt: skip
_NO_SECRET = (
    b"".join(rb"(?<!%s)" % word for word in _NOT_SECRET)
    + rb"(?:(?!:\d)|"
    + b"".join(rb"(?<!\.%s)" % word for word in _PROGRAMS)
    + rb")"
)
# TokenService: Refreshed is a log line of a class; TokenService: s3cr3t may be a setting.
_CLASSES = (b"Service", b"Handler", b"Filter", b"Controller", b"Repository", b"Factory", b"Validator", b"Interceptor",
            b"Resolver", b"Listener", b"Exception", b"Error", b"Cache", b"Client", b"Store")  # fmt: skip
_NO_CLASS = (
    rb"(?-i:(?!(?:"
    + b"|".join(rb"(?<=[a-z]%s)" % word for word in _CLASSES)
    + rb""")[ \t]*:[ \t]+[A-Z]?[a-z]+[.,;:!?]?(?:\s|\Z)))"""
)


class Form(NamedTuple):
    """One form of a credential, tried where its literal occurs. The last group that matches is the secret."""

    pattern: re.Pattern[bytes]
    behind: re.Pattern[bytes] | None = None  # must match the text before the literal


class Credential(NamedTuple):
    """A credential: the offsets of the complete match, and of the secret in it."""

    begin: int
    end: int
    secret: int
    secret_end: int


def _form(pattern: bytes, behind: bytes = b"") -> Form:
    return Form(re.compile(rb"(?i)" + pattern), re.compile(rb"(?i)(?:" + behind + rb")\Z") if behind else None)


def _assigned(word: bytes, behind: bytes = b"") -> Form:
    return _form(word + _NAMED + _END_OF_NAME + _NO_SECRET + _NO_CLASS + _BETWEEN + _NOT_A_VALUE + _VALUE, behind)


def _flagged(word: bytes, behind: bytes = b"") -> Form:
    return _form(word + _NAMED + _END_OF_NAME + rb"""["']?,?[ \t]+""" + _VALUE, _FLAG + behind)


_FLAG = rb"(?:\A|[\s\"'])--?[\w.-]{0,36}"
_KEYS = rb"(?:api|access|account|client|private|encryption|signing)[_-]?"
_VENDOR = re.compile(
    rb"(gh[pousr]_\w{30,}|github_pat_\w{30,}|glpat-[\w-]{20,}|xox[abeoprs]-[\w-]{10,}|AIza[\w-]{30,}"
    rb"|[rs]k_live_\w{16,}|npm_\w{30,}|pypi-[\w-]{30,}|hvs\.[\w-]{20,})"
)
_VENDORS = (b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_", b"github_pat_", b"glpat-", b"xox", b"aiza", b"sk_live_",
            b"rk_live_", b"npm_", b"pypi-", b"hvs.")  # fmt: skip
_WORDS = (b"passw", b"passphrase", b"secret", b"token", b"credential", b"jwt")
_AWS = Form(re.compile(rb"(?<![0-9A-Z])((?:AKIA|ASIA)[0-9A-Z]{16})(?![0-9A-Z])"))
_AUTHORIZATION = (
    rb"authorization" + _BETWEEN + rb"""[\[(]?\\*["']?(?:(?:basic|bearer|token|negotiate|apikey)[ \t]+([^\s"'\\]+)"""
    rb"""|((?:digest|aws4-[\w-]+|signature)[ \t][^\r\n]+))"""
)
# By literal, in lower case.
FORMS: Final[dict[bytes, tuple[Form, ...]]] = {
    **{word: (_assigned(word), _flagged(word)) for word in _WORDS if word != b"token"},
    # max_tokens=512 is a number of tokens
    b"token": (
        _assigned(rb"""token(?!s["']?[ \t]*[=:][ \t]*\d+\b)"""),
        _flagged(b"token"),
    ),
    b"pwd": (_assigned(rb"pwd(?![=:]/)"),),  # PWD=/app is the directory of a process
    b"pass": (
        _form(rb"pass" + _BETWEEN + _NOT_A_VALUE + _VALUE, rb"[^A-Za-z]|\A"),
        Form(re.compile(rb"Pass" + _BETWEEN + _NOT_A_VALUE + _VALUE), re.compile(rb"[a-z]\Z")),
    ),  # fmt: skip
    b"key": (_assigned(b"key", _KEYS), _flagged(b"key", _KEYS)),
    b"authorization": (_form(_AUTHORIZATION), _form(rb"authorization" + _BETWEEN + _NOT_A_VALUE + _VALUE)),
    b"bearer": (_form(rb"bearer[ \t]+([\w.~+/=-]{8,})"),),
    b"cookie": (_form(rb"""cookie2?["']?[ \t]*:[ \t]*["']?([^\r\n"']+)"""),),
    b"sig=": (_form(rb"sig=([\w%+/=-]{16,})", rb"[?&;]"),),  # Azure SAS
    b"amz-signature=": (_form(rb"amz-signature=([0-9a-f]{16,})"),),
    b"://": (_form(rb"://([^/\s]{1,512})(?=@)"),),
    # The header has a bound, so that a run of many starts and no dot is not searched again from each start.
    b"eyj": (Form(re.compile(rb"(?<!\w)(eyJ[\w-]{8,2048}\.[\w-]{8,}(?:\.[\w-]*){1,4})")),),
    b"akia": (_AWS,),
    b"asia": (_AWS,),
    **dict.fromkeys(_VENDORS, (Form(_VENDOR),)),
}
_KEY_BEGIN = re.compile(rb"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_KEY_END = re.compile(rb"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
# Spaces match in one place only: before the characters of a line, or behind them.
_KEY_LINES = re.compile(rb"""(?:(?:\r?\n|\\r|\\n)[ \t]*(?:[A-Za-z0-9+/=]+[ \t]*)?(?=[\r\n\\"']|\Z))*""")


def find_credentials(text: bytes, start: int, own_patterns: Sequence[Pattern[bytes]] = ()) -> list[Credential]:
    """Return the credentials in ``text`` from ``start``. The text before ``start`` is only context.

    ``own_patterns`` are those of the user: the secret is their first group, or the complete match.
    """
    lower_case = text.lower()
    credentials = list(_private_keys(text, start))
    for literal, forms in FORMS.items():
        position = lower_case.find(literal, start)
        while position >= 0:
            credential = _match_forms(text, position, forms)
            if credential:
                credentials.append(credential)
            position = lower_case.find(
                literal, max(credential.end, position + 1) if credential else position + len(literal)
            )
    for pattern in own_patterns:
        credentials += [_from_match(match) for match in pattern.finditer(text, start) if match.end() > match.start()]
    return credentials


def unfinished_key_start(text: bytes) -> int:
    """Return the offset of a private key without an end, or the length of ``text``."""
    ends = [match.end() for match in _KEY_END.finditer(text)]
    begin = _KEY_BEGIN.search(text, max(ends[-1] if ends else 0, len(text) - KEY_BYTES))
    return begin.start() if begin else len(text)


def _match_forms(text: bytes, position: int, forms: tuple[Form, ...]) -> Credential | None:
    if forms is FORMS[b"eyj"] and text.find(b".", position, position + _JWT_HEADER_BYTES) < 0:
        return None
    for form in forms:
        if form.behind is None or form.behind.search(text[max(0, position - LOOKBEHIND_BYTES) : position]):
            match = form.pattern.match(text, position)
            if match:
                return _from_match(match)
    return None


def _from_match(match: Any) -> Credential:  # of Python's engine, or of RE2's
    return Credential(*match.span(), *match.span(match.lastindex or 0))


def _private_keys(text: bytes, start: int) -> Iterator[Credential]:
    """Yield private keys. If the end of a key is missing, its match covers the lines that can be part of a key."""
    ends = [match.end() for match in _KEY_END.finditer(text, start)]
    end = start
    for match in _KEY_BEGIN.finditer(text, start):
        if match.start() < end:
            continue
        end_index = bisect_left(ends, match.end())
        if end_index < len(ends) and ends[end_index] - match.start() <= KEY_BYTES:
            end = ends[end_index]
        else:
            lines = _KEY_LINES.match(text, match.end(), match.end() + KEY_BYTES)
            end = lines.end() if lines else match.end()
        yield Credential(match.start(), end, match.start(), end)
