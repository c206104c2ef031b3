"""What the far side says at the end of a tool or a file: one line of JSON on its standard error.

run-tool writes it (deploy/toolbox/run-tool/report.go), and scripts/bounded.sh where there is only a shell. Both put the
word before it that the caller has drawn, so that nothing a tool writes can pass for it.
"""

import json
import re
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

Ending = Literal["exited", "signal", "time-limit", "reader-gone", "not-started", "unreadable"]
_ENDINGS: Final[dict[Any, Ending]] = {ending: ending for ending in get_args(Ending)}
_MARK: Final = "\ndebug-capture-end "
_SHA256: Final = re.compile(r"[0-9a-f]{64}|")
_MOST_BYTES: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class ToolReport:
    """How a tool ended, and what it wrote."""

    ended: Ending
    code: int  # exit code, or number of the signal
    signal: str = ""  # its name
    errno: str = ""  # such as ENOENT, where it could not be started, or the file not be read
    size: int | None = None  # bytes of its output; of a file, of all of it
    sha256: str = ""  # of the same; "" where nothing there can sum
    errors: str = ""  # the end of its standard error

    @property
    def last_error(self) -> str:
        """Return the last line of its standard error."""
        return last_line(self.errors)


def parse_report(errors: str, nonce: str) -> tuple[ToolReport | None, str]:
    """Return the report at the end of a standard error, and what stands before it; None where it did not arrive."""
    before, mark, rest = f"\n{errors}".rpartition(f"{_MARK}{nonce} ")
    if not mark:
        return None, errors
    try:
        found = json.loads(rest)
        report = _report(found, before) if isinstance(found, dict) else None
    except (ValueError, RecursionError):  # cut, or garbled on its way
        report = None
    return report, before.strip("\n")


def last_line(text: str) -> str:
    """Return the last line of ``text`` that is not blank, "" where there is none."""
    return next(reversed(text.strip().splitlines()), "")


def _report(found: dict[str, Any], before: str) -> ToolReport | None:
    ended, errors = _ENDINGS.get(str(found.get("ended"))), found.get("errors")
    code, size, sha256 = (found.get(key) for key in ("code", "size", "sha256"))
    if ended is None or not _SHA256.fullmatch(str(sha256 or "")):
        return None
    return ToolReport(
        ended,
        code if type(code) is int and 0 <= code < 1 << 31 else 0,
        str(found.get("signal") or ""),
        str(found.get("errno") or ""),
        size if type(size) is int and 0 <= size < _MOST_BYTES else None,
        str(sha256 or ""),
        errors if isinstance(errors, str) and errors else before,
    )
