"""What a check of an installation found, as text and as HTML: problems first, each with its fix. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from .columns import table
from .errors import one_line
from .rendered import block, escaped

Verdict = Literal["wrong", "note", "ok"]  # a note is worth knowing, and does not fail the check
_MARKS: Final[dict[Verdict, str]] = {"wrong": "✘", "note": "–", "ok": "✔"}
_ORDER: Final = tuple(_MARKS)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked."""

    what: str
    verdict: Verdict
    found: str
    do: str = ""  # the fix, in a line
    script: str = ""  # commands that are the fix, or a part of it, to be pasted into a shell


def verdict_of(findings: Sequence[Finding]) -> str:
    """Return the result in a line."""
    wrong = sum(one.verdict == "wrong" for one in findings)
    return f"{wrong} of {len(findings)} checks failed" if wrong else f"all {len(findings)} checks passed"


def findings_text(findings: Sequence[Finding]) -> str:
    """Return a table of ``findings``, and below it the scripts that fix them."""
    ordered = _ordered(findings)
    rows = [(_MARKS[one.verdict], one_line(one.what), one_line(one.found), _fix(one, "below")) for one in ordered]
    scripts = [f"\nFix of “{one_line(one.what)}”:\n{one.script.rstrip()}" for one in ordered if one.script]
    return "\n".join([verdict_of(findings), "", table(("", "CHECK", "FOUND", "FIX"), rows).rstrip(), *scripts])


def findings_html(findings: Sequence[Finding]) -> str:
    """Return the same as a block of Rundeck's log; each script is in the cell of its finding."""
    rows = (
        (
            _MARKS[one.verdict],
            escaped(one_line(one.what)),
            escaped(one_line(one.found)),
            escaped(_fix(one, "here")) + (f"<pre>{escaped(one.script.rstrip())}</pre>" if one.script else ""),
        )
        for one in _ordered(findings)
    )
    return block(escaped(verdict_of(findings)), ("", "Check", "Found", "Fix"), rows)


def _ordered(findings: Sequence[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda one: _ORDER.index(one.verdict))


def _fix(one: Finding, place: str) -> str:
    return " ".join(
        filter(None, [one_line(one.do), f"{'run' if one.do else 'Run'} the command {place}." if one.script else ""])
    )
