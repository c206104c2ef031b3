"""Results as HTML for Rundeck's log, if the step has the log filter `render-datatype`. Pure.

Rundeck renders the lines between two marks, and removes elements and classes that it does not allow.
Source: Rundeck documentation, "Render Formatted Data" log filter; Rundeck's source, SanitizedHTMLCodec.groovy.
"""

from collections.abc import Iterable, Sequence

from ..doctor.result import MARKS, CheckResult, fix_of, ordered_by_verdict, verdict_of
from ..finding import Difference, Finding
from ..manifest import Artifact, Manifest, Receipt
from ..report.markup import escaped
from ..report.summary import masking
from ..runtime.log_lines import BEGIN, END
from ..text import one_line, size

_DIFFERENCES_HEADING = "Differences between unhealthy and healthy pods"
_FINDINGS_HEADING = "What the evidence shows"
# The classes that Rundeck uses for JSON and CSV.
_CLASSES = "table table-condensed table-bordered"


def capture_result(manifest: Manifest, receipt: Receipt) -> str:
    """Return the findings, the differences of the pods, then the outcome of each artifact with its link."""
    heading = f"{escaped(manifest.status)}: {_anchor(receipt.page, str(manifest.target))}"
    rows = (_artifact_row(artifact, receipt) for artifact in manifest.artifacts)
    artifacts = block(heading, ("What", "Outcome", "Size", "File or reason"), rows)
    # Encrypted evidence has no plain text beside it.
    if receipt.is_encrypted or not manifest.findings:
        return artifacts
    blocks = [block(_FINDINGS_HEADING, ("", "Finding", "Details"), map(_finding_row, manifest.findings))]
    if manifest.differences:
        header = ("What", "Unhealthy", "Healthy", "Pods")
        blocks.append(block(_DIFFERENCES_HEADING, header, map(_difference_row, manifest.differences)))
    return "\n".join([*blocks, artifacts])


def encrypted_result(name: str, receipt: Receipt) -> str:
    """Return the links of the capture ``name``, whose manifest is encrypted: the report page, then each file."""
    rows = ([_anchor(stored.link, stored.key.removeprefix(f"{name}/"))] for stored in receipt.stored)
    return block(f"encrypted: {_anchor(receipt.page, name)}", ("File",), rows)


def check_results_html(results: Sequence[CheckResult]) -> str:
    """Return the results of the doctor as HTML. The script of a fix is in the cell of its check."""
    rows = map(_check_row, ordered_by_verdict(results))
    return block(escaped(verdict_of(results)), ("", "Check", "Found", "Fix"), rows)


def block(heading: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a heading and a table. Heading and cells are HTML.

    Each row is one line with spaces between its cells, so that the log is readable without the filter.
    """
    head = _row("th", [escaped(name) for name in header])
    table = (f'<table class="{_CLASSES}">', head, *(_row("td", cells) for cells in rows), "</table>")
    return "\n".join((BEGIN, f"<p><b>{heading}</b></p>", *table, END))


def _row(tag: str, cells: Sequence[str]) -> str:
    return f"<tr>{' '.join(f'<{tag}>{cell}</{tag}>' for cell in cells)}</tr>"


def _check_row(result: CheckResult) -> list[str]:
    script = f"<pre>{escaped(result.script.rstrip())}</pre>" if result.script else ""
    fix = escaped(fix_of(result, "here")) + script
    return [MARKS[result.verdict], escaped(one_line(result.check)), escaped(one_line(result.result)), fix]


def _finding_row(finding: Finding) -> list[str]:
    subject = ", ".join(finding.pods) if len(finding.pods) > 1 else finding.pod
    details = " ".join(filter(None, [subject and f"{subject}:", finding.detail, finding.advice]))
    return [finding.severity, escaped(one_line(finding.title)), escaped(one_line(details))]


def _difference_row(difference: Difference) -> list[str]:
    cells = (difference.subject, difference.unhealthy, difference.healthy, ", ".join(difference.pods))
    return [escaped(one_line(cell)) for cell in cells]


def _artifact_row(artifact: Artifact, receipt: Receipt) -> list[str]:
    file = _anchor(receipt.link(artifact.file), artifact.file) if artifact.file else ""
    detail = "; ".join(filter(None, [file, escaped(one_line(artifact.reason)), masking(artifact)]))
    title = f"{artifact.pod}: {artifact.title}" if artifact.pod else artifact.title
    return [escaped(one_line(title)), artifact.outcome, size(artifact.bytes) if artifact.bytes else "", detail]


def _anchor(link: str, text: str) -> str:
    label = escaped(one_line(text))
    return f'<a href="{escaped(link)}">{label}</a>' if link.startswith(("https://", "http://")) else label
