"""The report that ends the output of a tool or file: one line of JSON on standard error.

In a debug container run-tool writes it (deploy/toolbox/run-tool/report.go), in an image with a shell
kube/scripts/bounded.sh. Both start the line with a random word of the caller, so that no output of a tool can be
mistaken for a report.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

Ending = Literal["exited", "signal", "time-limit", "reader-gone", "stopped", "not-started", "unreadable"]
_ENDINGS: Final[dict[Any, Ending]] = {ending: ending for ending in get_args(Ending)}
_MARK: Final = "\ndebug-capture-end "
_STACK_FRAME: Final = re.compile(r"\s+(at [\w.$/<>@-]+\(|\.\.\. \d+ (more|common frames))")
_SHA256: Final = re.compile(r"[0-9a-f]{64}|")
_MAX_BYTES: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class ToolReport:
    """How a tool ended, and what it wrote."""

    ended: Ending
    code: int
    """Exit code, or number of the signal."""
    signal: str = ""
    """Name of the signal."""
    errno: str = ""
    """Why it could not start, or the file could not be read: ENOENT, EACCES, …"""
    size: int | None = None
    """Bytes of its output; for a file, of the complete file."""
    sha256: str = ""
    """Checksum of the same bytes; "" if the container has no program to compute it."""
    errors: str = ""
    """End of its standard error."""

    @property
    def last_error(self) -> str:
        """Return the last line of its standard error; of a Java stack trace, the line with the exception."""
        return last_line("\n".join(line for line in self.errors.splitlines() if not _STACK_FRAME.match(line)))


def parse_report(errors: str, nonce: str) -> tuple[ToolReport | None, str]:
    """Return the report at the end of ``errors`` (None if it is missing or invalid), and the text before it."""
    before, mark, rest = f"\n{errors}".rpartition(f"{_MARK}{nonce} ")
    if not mark:
        return None, errors
    try:
        fields = json.loads(rest)
        report = _parse_fields(fields, before) if isinstance(fields, dict) else None
    except (ValueError, RecursionError):  # cut off or damaged
        report = None
    return report, before.strip("\n")


def last_line(text: str) -> str:
    """Return the last line of ``text`` that is not blank; "" if there is none."""
    return next(reversed(text.strip().splitlines()), "")


def _parse_fields(fields: dict[str, Any], before: str) -> ToolReport | None:
    ended, errors = _ENDINGS.get(str(fields.get("ended"))), fields.get("errors")
    code, size, sha256 = (fields.get(key) for key in ("code", "size", "sha256"))
    if ended is None or not _SHA256.fullmatch(str(sha256 or "")):
        return None
    return ToolReport(
        ended,
        code if type(code) is int and 0 <= code < 1 << 31 else 0,
        str(fields.get("signal") or ""),
        str(fields.get("errno") or ""),
        size if type(size) is int and 0 <= size < _MAX_BYTES else None,
        str(sha256 or ""),
        errors if isinstance(errors, str) and errors else before,
    )
