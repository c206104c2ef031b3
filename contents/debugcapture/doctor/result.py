"""What a check of an installation found, as text: problems first, each with its fix. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from ..text import one_line, table

Verdict = Literal["wrong", "note", "ok"]  # a note is worth knowing, and does not fail the check
MARKS: Final[dict[Verdict, str]] = {"wrong": "✘", "note": "–", "ok": "✔"}
_ORDER: Final = tuple(MARKS)


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
    ordered = ordered_by_verdict(findings)
    rows = [(MARKS[one.verdict], one_line(one.what), one_line(one.found), fix_of(one, "below")) for one in ordered]
    scripts = [f"\nFix of “{one_line(one.what)}”:\n{one.script.rstrip()}" for one in ordered if one.script]
    return "\n".join([verdict_of(findings), "", table(("", "CHECK", "FOUND", "FIX"), rows).rstrip(), *scripts])


def ordered_by_verdict(findings: Sequence[Finding]) -> list[Finding]:
    """Return ``findings`` so that the problems come first."""
    return sorted(findings, key=lambda one: _ORDER.index(one.verdict))


def fix_of(one: Finding, place: str) -> str:
    """Return the fix of a finding in a line; ``place`` says where its script is shown."""
    return " ".join(
        filter(None, [one_line(one.do), f"{'run' if one.do else 'Run'} the command {place}." if one.script else ""])
    )
