"""Mask credentials in captured data: a line, or a text of any length. Pure.

The rest of the data stays readable, such as the log of a program.
"""

import hashlib
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from ..errors import BadInput
from ..regex import Pattern, bytes_pattern
from .credentials import LOOKBEHIND_BYTES, Credential, find_credentials
from .keys import KEY_BYTES, unfinished_key_start

WINDOW_BYTES: Final = 256 << 10
# A credential is recognized only if this much text follows its start, unless the text ends before.
OVERLAP_BYTES: Final = 2 * KEY_BYTES
# The same secret has the same mask in all artifacts of a process. Passwords cannot be tried against a mask, because the
# key exists in this process only.
_KEY: Final = secrets.token_bytes(16)
_MASK_HASH_BYTES: Final = 2
_IS_MASK = re.compile(r"\[masked:[0-9a-f]{4}\]")


def mask(secret: bytes) -> bytes:
    """Return what stands for ``secret``: equal for equal secrets, as in [masked:3f9a]."""
    # The delimiters around a word may belong to it or to the text: the word is the same.
    word = secret.strip(b" \t\r\n\"'`\\").partition(b"&")[0].rstrip(b",;)]}") or secret
    return b"[masked:%s]" % hashlib.blake2b(word, key=_KEY, digest_size=_MASK_HASH_BYTES).hexdigest().encode()


def without_hashes(text: str) -> str:
    """Return ``text`` with [masked] for each mask."""
    return _IS_MASK.sub("[masked]", text)


def masked_text(text: str) -> str:
    """Return ``text`` with masked credentials."""
    redactor = Redactor()
    masked = redactor.feed(text.encode(errors="surrogatepass")) + redactor.finish()
    return masked.decode(errors="surrogatepass")


@dataclass(frozen=True, slots=True)
class Redaction:
    """What is masked: the known forms of credentials, and the patterns of the user."""

    own_patterns: tuple[Pattern[bytes], ...] = ()

    def redactor(self) -> "Redactor":
        """Return a redactor for one text."""
        return Redactor(self.own_patterns)

    def line(self, text: str) -> str:
        """Return a short ``text`` with masked credentials."""
        redactor = self.redactor()
        return (redactor.feed(text.encode(errors="replace")) + redactor.finish()).decode(errors="replace")


def redaction(patterns: str) -> Redaction:
    """Return the redaction with ``patterns``, one regular expression per line. Raises BadInput for an invalid one."""
    own_patterns = []
    for line in filter(None, map(str.strip, patterns.splitlines())):
        own_patterns.append(bytes_pattern(line, "redact_patterns"))
        if own_patterns[-1].search(b""):
            action = f"redact_patterns: {line!r} matches the empty string"
            raise BadInput(action, "it would match everywhere", "Make the pattern more specific.")
    return Redaction(tuple(own_patterns))


class Redactor:
    """Masks a text that arrives in chunks. The sizes of the chunks do not affect the result. Needs 256 KiB of memory.

    The text is processed in windows of WINDOW_BYTES. A window begins at the cut of the previous one. A cut depends only
    on the text and never splits a credential. At least OVERLAP_BYTES of a window usually stay for the next one, so that
    a credential at the end of a window is recognized when the text behind it has arrived. The last LOOKBEHIND_BYTES
    before a cut are kept as context, because some forms check the text before them.
    """

    def __init__(self, own_patterns: Sequence[Pattern[bytes]] = ()) -> None:
        """Mask the known forms and the matches of ``own_patterns``: their first group, or the complete match."""
        # The number of masked secrets.
        self.count = 0
        self._own_patterns, self._pending, self._context = own_patterns, bytearray(), b""

    def feed(self, chunk: bytes | memoryview) -> bytes:
        """Add ``chunk`` and return the masked text of the windows that are complete."""
        self._pending += chunk
        parts = []
        while len(self._pending) >= WINDOW_BYTES:
            parts.append(self._masked(WINDOW_BYTES, last=False))
        return b"".join(parts)

    def finish(self) -> bytes:
        """Return the rest of the masked text."""
        return self._masked(len(self._pending), last=True)

    def preview(self, more: bytes = b"") -> bytes:
        """Return a masked preview of the pending text and ``more``, up to the last complete line.

        The preview ends before a private key that is not complete. It is empty if there are own patterns, because
        they may match several lines. The pending text does not change: `feed` and `finish` return it later.
        """
        text, start = self._context + bytes(self._pending) + more, len(self._context)
        cut = unfinished_key_start(text[: text.rfind(b"\n") + 1])
        if self._own_patterns or cut <= start:
            return b""
        groups = _groups(find_credentials(text[:cut], start))
        return _mask_groups(groups, text, start, cut)[0]

    def _masked(self, length: int, *, last: bool) -> bytes:
        text, start = self._context + bytes(self._pending[:length]), len(self._context)
        groups = _groups(find_credentials(text, start, self._own_patterns))
        cut = len(text) if last else _find_cut(groups, start, len(text))
        masked, count = _mask_groups(groups, text, start, cut)
        self.count += count
        self._context = text[max(0, cut - LOOKBEHIND_BYTES) : cut]
        del self._pending[: cut - start]
        return masked


class _Group:
    """Overlapping credentials. A window is never cut inside a group."""

    def __init__(self, first: Credential) -> None:
        self.begin, self.end, self._credentials = first.begin, first.end, [first]

    def try_add(self, credential: Credential) -> bool:
        """Add ``credential`` if it overlaps the group, and return whether it does. Credentials arrive in order."""
        if credential.begin >= self.end:
            return False
        self._credentials.append(credential)
        self.end = max(self.end, credential.end)
        return True

    def secrets(self) -> list[tuple[int, int]]:
        """Return the ranges of the secrets. Overlapping secrets are merged."""
        joined: list[tuple[int, int]] = []
        for begin, end in sorted(
            (credential.secret, credential.secret_end)
            for credential in self._credentials
            if credential.secret_end > credential.secret
        ):
            if joined and begin <= joined[-1][1]:
                joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
            else:
                joined.append((begin, end))
        return joined


def _groups(credentials: Iterable[Credential]) -> list[_Group]:
    groups: list[_Group] = []
    for credential in sorted(credentials):
        if not (groups and groups[-1].try_add(credential)):
            groups.append(_Group(credential))
    return groups


def _mask_groups(groups: Iterable[_Group], text: bytes, start: int, cut: int) -> tuple[bytes, int]:
    """Return ``text`` from ``start`` to ``cut`` with masked secrets, and their number."""
    parts, position, count = list[bytes](), start, 0
    for group in groups:
        for begin, end in group.secrets() if group.end <= cut else ():
            parts += [text[position:begin], mask(text[begin:end])]
            count += 1
            position = end
    return b"".join([*parts, text[position:cut]]), count


def _find_cut(groups: Iterable[_Group], start: int, length: int) -> int:
    """Return the position of the cut of a window of ``length``. It never splits a group.

    A group that reaches the end of the window may continue behind it, so the cut is before that group.
    """
    cut = max(start + 1, length - OVERLAP_BYTES)
    for group in groups:
        if group.begin < cut < group.end:
            return group.begin if group.end == length and group.begin > start else group.end
    return cut
