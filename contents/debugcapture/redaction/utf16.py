"""Masks text in UTF-16, which some programs on .NET and Windows write. The result is UTF-16 too."""

import codecs
from typing import Final

from .redactor import Redactor

_ERRORS: Final = "surrogatepass"
_BYTE_ORDER_MARKS: Final = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
# Without a byte order mark, UTF-16 is recognized by the zero bytes of its Latin letters.
_LEAST_BYTES: Final = 16
_ZERO_SHARE: Final = 0.7
_STRAY_SHARE: Final = 0.1


def utf16_encoding(head: bytes) -> str:
    """Return the encoding of a text that begins with ``head``: "utf-16-le", "utf-16-be", or "" if it is neither."""
    if head[:4] == codecs.BOM_UTF32_LE:
        return ""
    if encoding := _BYTE_ORDER_MARKS.get(head[:2], ""):
        return encoding
    pairs = len(head) // 2
    if len(head) < _LEAST_BYTES:
        return ""
    even, odd = head[0 : pairs * 2 : 2].count(0) / pairs, head[1 : pairs * 2 : 2].count(0) / pairs
    if odd >= _ZERO_SHARE and even <= _STRAY_SHARE:
        return "utf-16-le"
    return "utf-16-be" if even >= _ZERO_SHARE and odd <= _STRAY_SHARE else ""


class Utf16Redactor:
    """Masks a text in UTF-16 with a redactor for UTF-8. It keeps no more text than that redactor, and a character."""

    def __init__(self, redactor: Redactor, encoding: str) -> None:
        """``encoding``: as `utf16_encoding` returns it."""
        self._redactor, self._encoding = redactor, encoding
        self._decoder = codecs.getincrementaldecoder(encoding)(errors=_ERRORS)
        self._masked_decoder = codecs.getincrementaldecoder("utf-8")(errors=_ERRORS)

    @property
    def count(self) -> int:
        """Return the number of masked secrets."""
        return self._redactor.count

    def feed(self, chunk: bytes | memoryview) -> bytes:
        """Add ``chunk`` and return the masked text that is complete."""
        text = self._decoder.decode(bytes(chunk))
        return self._encode(self._redactor.feed(text.encode(errors=_ERRORS)))

    def finish(self) -> bytes:
        """Return the rest of the masked text."""
        half_character, _ = self._decoder.getstate()
        return self._encode(self._redactor.finish(), final=True) + half_character

    def preview(self, more: bytes = b"") -> bytes:
        """Return a masked preview of the pending text; see `Redactor.preview`. ``more`` is not part of it."""
        del more
        return self._redactor.preview().decode(errors=_ERRORS).encode(self._encoding, errors=_ERRORS)

    def _encode(self, masked: bytes, *, final: bool = False) -> bytes:
        text = self._masked_decoder.decode(masked, final=final)
        return text.encode(self._encoding, errors=_ERRORS)
