"""The results of the checks of an installation as text: problems first, each with its fix. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from ..text import one_line, table

Verdict = Literal["wrong", "note", "ok"]
"""A note is information. Only "wrong" fails the check."""
MARKS: Final[dict[Verdict, str]] = {"wrong": "✘", "note": "–", "ok": "✔"}
_ORDER: Final = tuple(MARKS)


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The result of one check."""

    check: str
    verdict: Verdict
    result: str
    remedy: str = ""
    """The fix, in one line."""
    script: str = ""
    """Shell commands that are the fix, or a part of it."""


def verdict_of(results: Sequence[CheckResult]) -> str:
    """Return the number of failed checks, in one line."""
    wrong = sum(result.verdict == "wrong" for result in results)
    return f"{wrong} of {len(results)} checks failed" if wrong else f"all {len(results)} checks passed"


def results_text(results: Sequence[CheckResult]) -> str:
    """Return a table of ``results``, followed by the scripts that fix the problems."""
    ordered = ordered_by_verdict(results)
    rows = [
        (MARKS[result.verdict], one_line(result.check), one_line(result.result), fix_of(result, "below"))
        for result in ordered
    ]
    scripts = [f"\nFix of “{one_line(result.check)}”:\n{result.script.rstrip()}" for result in ordered if result.script]
    return "\n".join([verdict_of(results), "", table(("", "CHECK", "FOUND", "FIX"), rows).rstrip(), *scripts])


def ordered_by_verdict(results: Sequence[CheckResult]) -> list[CheckResult]:
    """Return ``results`` with the problems first."""
    return sorted(results, key=lambda result: _ORDER.index(result.verdict))


def fix_of(result: CheckResult, place: str) -> str:
    """Return the fix of a problem in one line. ``place`` is where the text shows its script."""
    script = f"{'run' if result.remedy else 'Run'} the command {place}." if result.script else ""
    return " ".join(filter(None, [one_line(result.remedy), script]))
