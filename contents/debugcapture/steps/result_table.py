"""Results as HTML in Rundeck's log, for a step with the filter `render-datatype`. Pure.

Rundeck takes the lines between two marks and keeps the elements and classes that it knows to be harmless.
Source: Rundeck documentation, "Render Formatted Data" log filter; Rundeck's source, SanitizedHTMLCodec.groovy.
"""

from collections.abc import Iterable, Sequence

from ..doctor.result import MARKS, Finding, fix_of, ordered_by_verdict, verdict_of
from ..model import Artifact, Manifest, Receipt
from ..model import Finding as EvidenceFinding
from ..report.markup import escaped
from ..report.summary import masking
from ..runtime.log_lines import BEGIN, END
from ..text import one_line, size

_FINDINGS_HEADING = "What the evidence shows"
_CLASSES = "table table-condensed table-bordered"  # Rundeck's own for JSON and CSV


def capture_result(manifest: Manifest, receipt: Receipt) -> str:
    """Return the findings, then the outcome of each artifact with its link."""
    heading = f"{escaped(manifest.status)}: {_anchor(receipt.page, str(manifest.target))}"
    rows = (_artifact_row(one, receipt.link(one.file) if one.file else "") for one in manifest.artifacts)
    artifacts = block(heading, ("What", "Outcome", "Size", "File or reason"), rows)
    shown = () if receipt.is_encrypted else manifest.findings
    if not shown:
        return artifacts
    findings = block(_FINDINGS_HEADING, ("", "Finding", "Details"), (_finding_row(finding) for finding in shown))
    return f"{findings}\n{artifacts}"


def findings_html(findings: Sequence[Finding]) -> str:
    """Return what a check of the installation found; each script is in the cell of its finding."""
    rows = (
        (
            MARKS[one.verdict],
            escaped(one_line(one.what)),
            escaped(one_line(one.found)),
            escaped(fix_of(one, "here")) + (f"<pre>{escaped(one.script.rstrip())}</pre>" if one.script else ""),
        )
        for one in ordered_by_verdict(findings)
    )
    return block(escaped(verdict_of(findings)), ("", "Check", "Found", "Fix"), rows)


def block(heading: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a heading and a table; heading and cells are HTML.

    Each row is a line, with space between its cells, so that it can be read where nothing renders it.
    """
    head = _row("th", [escaped(name) for name in header])
    table = (f'<table class="{_CLASSES}">', head, *(_row("td", cells) for cells in rows), "</table>")
    return "\n".join((BEGIN, f"<p><b>{heading}</b></p>", *table, END))


def _row(cell: str, cells: Sequence[str]) -> str:
    return f"<tr>{' '.join(f'<{cell}>{one}</{cell}>' for one in cells)}</tr>"


def _finding_row(finding: EvidenceFinding) -> list[str]:
    subject = ", ".join(finding.pods) if len(finding.pods) > 1 else finding.pod
    details = " ".join(filter(None, [subject and f"{subject}:", finding.detail, finding.advice]))
    return [finding.severity, escaped(one_line(finding.title)), escaped(one_line(details))]


def _artifact_row(one: Artifact, link: str) -> list[str]:
    file = _anchor(link, one.file) if one.file else ""
    detail = "; ".join(filter(None, [file, escaped(one_line(one.reason)), masking(one)]))
    named = f"{one.pod}: {one.title}" if one.pod else one.title
    return [escaped(one_line(named)), one.outcome, size(one.bytes) if one.bytes else "", detail]


def _anchor(link: str, text: str) -> str:
    shown = escaped(one_line(text))
    return f'<a href="{escaped(link)}">{shown}</a>' if link.startswith(("https://", "http://")) else shown
