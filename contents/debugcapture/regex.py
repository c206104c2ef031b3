"""Compiles regular expressions of users for untrusted text. They run in linear time.

The engine of Python backtracks: `(a+)+$` on forty letters does not end, and nothing can stop it in a thread. RE2 does
not backtrack, and therefore does not support lookaround and backreferences. Source: RE2, "Syntax".
"""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol, TypeVar, cast

from .errors import BadInput

Text = TypeVar("Text", str, bytes, contravariant=True)


class Pattern(Protocol[Text]):
    """A compiled regular expression, with the methods of `re.Pattern` that this package uses."""

    @property
    def groups(self) -> int:
        """Return the number of its groups."""

    @property
    def groupindex(self) -> Mapping[str, int]:
        """Return the numbers of its named groups."""

    def search(self, text: Text, /) -> Any:
        """Return the first match in ``text``, or None."""

    def finditer(self, text: Text, pos: int = 0, /) -> Iterator[Any]:
        """Yield the matches in ``text`` from ``pos`` on."""


def bytes_pattern(text: str, subject: str) -> Pattern[bytes]:
    """Return ``text`` as a pattern for bytes, `^` and `$` for lines. Raises BadInput that begins with ``subject``."""
    return cast("Pattern[bytes]", _compile(_encode(f"(?m){text}"), text, subject))


def text_pattern(text: str, subject: str, flags: str = "") -> Pattern[str]:
    """Return ``text`` as a pattern for text without lone surrogates; ``flags``: i (any case), m (lines)."""
    inline = f"(?{flags})" if flags else ""
    return cast("Pattern[str]", _compile(inline + _encode(text).decode(), text, subject))


def _compile(pattern: str | bytes, text: str, subject: str) -> Any:
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0].decode(errors="replace") if isinstance(error.args[0], bytes) else str(error)
        remedy = (
            "Correct it. Lookaround (?=…), (?<!…) and backreferences are not supported, because they can take forever."
        )
        raise BadInput(f"{subject}: {text!r} is not a valid regular expression", reason, remedy) from error


def _encode(text: str) -> bytes:
    return text.encode(errors="replace")
