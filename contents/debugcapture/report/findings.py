"""Shows findings as text, for a terminal and a log. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from ..finding import EvidenceLines, Finding
from ..text import WIDTH, one_line, wrapped

_INDENT: Final = "    "


def findings_text(findings: Sequence[Finding]) -> str:
    """Return ``findings`` as text, the most important first; one line if there are none."""
    if not findings:
        return "No findings: the rules recognize no problem in this evidence."
    return "\n\n".join("\n".join(_lines(finding)) for finding in findings)


def findings_document(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Return ``findings`` as JSON values; docs/findings.md describes the fields."""
    return [
        {
            "rule": finding.rule,
            "severity": finding.severity,
            "title": finding.title,
            "detail": finding.detail,
            "advice": finding.advice,
            "pod": finding.pod,
            "pods": list(finding.pods),
            "evidence": [
                {"file": lines.file, "lines": [lines.first, lines.last], "quote": list(lines.quote)}
                for lines in finding.evidence
            ],
        }
        for finding in findings
    ]


def _lines(finding: Finding) -> Iterator[str]:
    subject = f"{finding.pod}: " if finding.pod and len(finding.pods) < 2 else ""  # noqa: PLR2004 - several pods
    yield one_line(f"[{finding.severity}] {subject}{finding.title}")
    for text in (finding.detail, finding.advice):
        if text:
            yield from wrapped(one_line(text), WIDTH, _INDENT)
    for lines in finding.evidence:
        yield f"{_INDENT}{place(lines)}"
        yield from (f"{_INDENT}  | {one_line(line)}" for line in lines.quote)


def place(lines: EvidenceLines) -> str:
    """Return where the lines are: "threads.txt:74-80"."""
    return f"{lines.file}:{lines.first}" + (f"-{lines.last}" if lines.last > lines.first else "")
