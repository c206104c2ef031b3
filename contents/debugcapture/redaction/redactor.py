"""Take secrets out of what was captured: a pod's JSON, a line, a text of any length. Pure.

What is left still tells how the pod was configured, and what its program was doing.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ..errors import BadInput
from ..model import Json
from ..regex import Pattern, bytes_pattern
from .credentials import BEHIND, KEY_BYTES, Found, credentials, unfinished

MASK = "[masked]"
WINDOW_BYTES: Final = 256 << 10
OVERLAP_BYTES: Final = 2 * KEY_BYTES  # what has to follow a place before it is judged
_MASK = MASK.encode()
_WORDS = r"passw|pwd|passphrase|secret|token|(?:api|access|private|encryption|signing)[_-]?key|credential|jwt"
_SECRET_NAME = re.compile(rf"{_WORDS}|auth|dsn|connection[_-]?string|(?:^|[_-])pass(?:$|[_-])", re.IGNORECASE)
_FLAG = re.compile(rf"(?i)--?[\w.-]*(?:{_WORDS})[\w.-]*")
_NOISE = ("managedFields",)
_LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"  # repeats the whole spec, values included


def masked_pod(pod: Json) -> Json:
    """Return a copy of ``pod`` without secret values, managed fields and the last applied configuration."""
    copy: Json = _masked(pod)
    metadata = {key: value for key, value in copy["metadata"].items() if key not in _NOISE}
    if "annotations" in metadata:
        metadata["annotations"] = {k: v for k, v in metadata["annotations"].items() if k != _LAST_APPLIED}
    return copy | {"metadata": metadata}


def masked_text(text: str) -> str:
    """Return ``text`` with what looks like a credential masked."""
    redactor = Redactor()
    masked = redactor.feed(text.encode(errors="surrogatepass")) + redactor.finish()
    return masked.decode(errors="surrogatepass")


@dataclass(frozen=True, slots=True)
class Redaction:
    """What is masked beside the forms that are known: patterns of the user."""

    own: tuple[Pattern[bytes], ...] = ()

    def redactor(self) -> "Redactor":
        """Return what masks one text."""
        return Redactor(self.own)

    def line(self, text: str) -> str:
        """Return a short ``text`` masked."""
        redactor = self.redactor()
        return (redactor.feed(text.encode(errors="replace")) + redactor.finish()).decode(errors="replace")


def redaction(patterns: str) -> Redaction:
    """Return the redaction with ``patterns``, a regular expression a line. Raises BadInput that names a wrong one."""
    own = []
    for line in filter(None, map(str.strip, patterns.splitlines())):
        own.append(bytes_pattern(line, "redact_patterns"))
        if own[-1].search(b""):
            what = f"redact_patterns: {line!r} matches the empty string"
            raise BadInput(what, "it would match everywhere", "Make the pattern more specific.")
    return Redaction(tuple(own))


class Redactor:
    """Masks a text that comes in pieces; where it was cut makes no difference. Holds 256 KiB, whatever the length.

    The text is judged a window at a time. Each window begins where the last one was cut, which depends on the text
    only, and is cut so that no credential lies on both sides.
    """

    def __init__(self, own: Sequence[Pattern[bytes]] = ()) -> None:
        """Mask what is known, and what ``own`` patterns match: their first group, or all where there is none."""
        self.count = 0  # of what was masked
        self._own, self._pending, self._behind = own, bytearray(), b""

    def feed(self, piece: bytes | memoryview) -> bytes:
        """Take ``piece``, and return what is masked and certain."""
        self._pending += piece
        done = []
        while len(self._pending) >= WINDOW_BYTES:
            done.append(self._masked(WINDOW_BYTES, last=False))
        return b"".join(done)

    def finish(self) -> bytes:
        """Return the rest."""
        return self._masked(len(self._pending), last=True)

    def held(self, more: bytes = b"") -> bytes:
        """Return what is not certain yet, and ``more`` behind it, as far as it shows no beginning of a credential.

        That is up to the last whole line, and to a private key that goes on; nothing where ``own`` patterns may match
        more than a line. It is held all the same, and what `feed` and `finish` return takes its place.
        """
        text, start = self._behind + bytes(self._pending) + more, len(self._behind)
        cut = unfinished(text[: text.rfind(b"\n") + 1])  # a key's end that is no whole line yet ends no key
        if self._own or cut <= start:
            return b""
        return _without(_groups(credentials(text[:cut], start)), text, start, cut)[0]

    def _masked(self, length: int, *, last: bool) -> bytes:
        text, start = self._behind + bytes(self._pending[:length]), len(self._behind)
        groups = _groups(credentials(text, start, self._own))
        cut = len(text) if last else _cut(groups, start, len(text))
        done, count = _without(groups, text, start, cut)
        self.count += count
        self._behind = text[max(0, cut - BEHIND) : cut]
        del self._pending[: cut - start]
        return done


class _Group:
    """Credentials that overlap."""

    def __init__(self, first: Found) -> None:
        self.begin, self.end, self._found = first.begin, first.end, [first]

    def takes(self, one: Found) -> bool:
        """Take ``one``, and return True, if it overlaps; it begins no sooner than those before it."""
        if one.begin >= self.end:
            return False
        self._found.append(one)
        self.end = max(self.end, one.end)
        return True

    def secrets(self) -> list[tuple[int, int]]:
        """Return the secrets, those that overlap as one."""
        joined: list[tuple[int, int]] = []
        for begin, end in sorted((one.secret, one.secret_end) for one in self._found if one.secret_end > one.secret):
            if joined and begin <= joined[-1][1]:
                joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
            else:
                joined.append((begin, end))
        return joined


def _groups(found: Iterable[Found]) -> list[_Group]:
    groups: list[_Group] = []
    for one in sorted(found):
        if not (groups and groups[-1].takes(one)):
            groups.append(_Group(one))
    return groups


def _without(groups: Iterable[_Group], text: bytes, start: int, cut: int) -> tuple[bytes, int]:
    """Return ``text`` from ``start`` to ``cut`` with the secrets of ``groups`` masked, and how many these are."""
    done, at, count = list[bytes](), start, 0
    for group in groups:
        for begin, end in group.secrets() if group.end <= cut else ():
            done += [text[at:begin], _MASK]
            count += 1
            at = end
    return b"".join([*done, text[at:cut]]), count


def _cut(groups: Iterable[_Group], start: int, length: int) -> int:
    """Return where a window of ``length`` is cut: through no group, and before one that may go on behind its end."""
    cut = max(start + 1, length - OVERLAP_BYTES)
    for group in groups:
        if group.begin < cut < group.end:
            return group.begin if group.end == length and group.begin > start else group.end
    return cut


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        if _is_secret_variable(value):
            return value | {"value": MASK}
        return {key: _masked(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return _masked_list(value)
    return masked_text(value) if isinstance(value, str) else value


def _masked_list(values: list[Any]) -> list[Any]:
    """Mask each element, and wholly the one behind a flag whose name says that a secret follows."""
    before = [None, *values]
    follows = [isinstance(one, str) and bool(_FLAG.fullmatch(one)) for one in before[: len(values)]]
    return [MASK if secret else _masked(value) for secret, value in zip(follows, values, strict=True)]


def _is_secret_variable(value: Json) -> bool:
    """Tell whether ``value`` is an EnvVar whose name says that it is secret; a reference to a Secret shows none."""
    return bool(value.get("value")) and bool(_SECRET_NAME.search(str(value.get("name", ""))))
