"""The text of the note in the incident. Pure.

Plain text with bare links: PagerDuty documents neither Markdown nor a length limit for notes, so it stays under 2 KB.
"""

from dataclasses import dataclass
from typing import NamedTuple

from ..finding import Finding
from ..manifest import Artifact, Manifest, Receipt
from ..model import Target
from ..text import one_line, size

LIMIT_BYTES = 2000
MAX_FINDINGS = 3
_FINDING_BYTES = 300
_CAPTURED_BYTES = 400
# The priority of a line. If the note is too long, lines with a higher number are dropped first.
_ALWAYS, _REOPEN, _FINDING, _MISSING, _CAPTURED, _SKIPPED = range(6)
# How lines begin that a renewal of the links finds again.
_EVIDENCE, _LINKS_END, _DETAILS = "Evidence: ", "Links open until ", ("- ", "Captured (")
_MISSING_OUTCOMES = ("failed", "truncated")
_MAX_EXECUTION_BYTES = 300


class Line(NamedTuple):
    """A line of a note."""

    priority: int
    text: str
    short: str = ""
    """Replaces ``text`` if that does not fit."""


def marker(capture_id: str) -> str:
    """Return the text that identifies the note of a capture, so that a retry finds the note."""
    return f"[debug-capture {capture_id}]"


def start_note(target: Target, capture_id: str, by: str, execution: str) -> str:
    """Return the note about the start of a capture of ``target``. ``by`` is the person who started it, or ""."""
    return _fit(
        [
            Line(_ALWAYS, f"Debug state of {target} (container {target.container}): capturing …"),
            Line(_ALWAYS, _state(target)),
        ],
        [*_started_by(by), *_execution(execution), marker(capture_id)],
    )


def attached_note(target: Target, capture_id: str, execution: str) -> str:
    """Return the note for an incident that attaches to the capture of ``target`` of another incident."""
    return _fit(
        [
            Line(_ALWAYS, f"Debug state of {target} (container {target.container}): capturing …"),
            Line(
                _ALWAYS,
                (
                    "This capture was started for another incident about the same workload. Its links will appear "
                    "here too."
                ),
            ),
        ],
        [*_execution(execution), marker(capture_id)],
    )


@dataclass(frozen=True, slots=True)
class Addresses:
    """Addresses in Rundeck, each "" if it is not known."""

    execution: str = ""
    """The execution that captured."""
    open_job: str = ""
    """The job that signs fresh links for this capture."""


def capture_note(manifest: Manifest, receipt: Receipt | None, location: str, addresses: Addresses, failure: str) -> str:
    """Return the note about the end of a capture.

    ``receipt`` is None if the bundle is not stored: then ``failure`` is the reason, and the bundle is in ``location``.
    Findings come first, then the link. Lines that do not fit are counted.
    """
    target, artifacts = manifest.target, manifest.artifacts
    return _fit(
        [
            *_findings(manifest, receipt),
            Line(_ALWAYS, f"Debug state of {target} (container {target.container}): {manifest.status}"),
            Line(_ALWAYS, _state(target)),
            *(_links(receipt, addresses.open_job) if receipt else _not_stored(location, failure)),
            *(
                Line(_MISSING, _artifact_line(artifact))
                for artifact in artifacts
                if artifact.outcome in _MISSING_OUTCOMES
            ),
            *_captured_lines(manifest),
            *(Line(_SKIPPED, _artifact_line(artifact)) for artifact in artifacts if _is_skipped_for_a_reason(artifact)),
        ],
        [
            *_started_by(manifest.trigger.get("started_by", "")),
            *_execution(addresses.execution),
            marker(manifest.capture_id),
        ],
    )


def failure_note(failure: str, execution: str, mark: str) -> str:
    """Return the note for a capture that left no bundle. ``mark`` identifies the attempt."""
    head = [Line(_ALWAYS, "Debug capture failed"), Line(_ALWAYS, _cut(failure, 1000))]
    return _fit(head, [*_execution(execution), mark])


def restart_note(action: str, result: str, by: str, execution: str, mark: str) -> str:
    """Return the note about a restart: the ``action`` and its ``result``. ``mark`` identifies the note."""
    head = [Line(_ALWAYS, _cut(action, 300)), Line(_ALWAYS, _cut(result, 1000))]
    return _fit(head, [*_started_by(by), *_execution(execution), mark])


def renewed_note(text: str, receipt: Receipt) -> str:
    """Return the note ``text`` with the links of ``receipt`` and their end. Its other lines stay as they are.

    If the note becomes too long, its last lines about artifacts are left out. A note without a link stays as it is.
    """
    lines = [line for line in text.splitlines() if not line.startswith(_LINKS_END)]
    # Titles of findings come before the link, and can have any text.
    position = max((index for index, line in enumerate(lines) if line.startswith(_EVIDENCE)), default=None)
    if position is None:
        return text
    link, *ends = _links(receipt, "")
    for form in (link.text, link.short):
        changed = [*lines[:position], form, *(line.text for line in ends), *lines[position + 1 :]]
        note = _without_details(changed)
        if len(note.encode()) <= LIMIT_BYTES:
            break
    return note


def _without_details(lines: list[str]) -> str:
    """Return ``lines`` as one text. If it is too long, the last lines about artifacts are left out."""
    lines = list(lines)
    while len("\n".join(lines).encode()) > LIMIT_BYTES:
        details = [index for index, line in enumerate(lines) if line.startswith(_DETAILS)]
        if not details:
            break
        del lines[details[-1]]
    return "\n".join(lines)


def _state(target: Target) -> str:
    # The reason comes from the container runtime and can have any length.
    return _cut(f"State at capture: {target.state}", 300)


def _findings(manifest: Manifest, receipt: Receipt | None) -> list[Line]:
    """Return a line for each of the first findings; none if the evidence is encrypted, because the note is not."""
    if manifest.encrypted or (receipt and receipt.is_encrypted):
        return []
    notable = [finding for finding in manifest.findings if finding.severity != "info"][:MAX_FINDINGS]
    return [Line(_FINDING, _finding_line(finding)) for finding in notable]


def _finding_line(finding: Finding) -> str:
    title = _cut(finding.title, _FINDING_BYTES)
    return f"{title} ({finding.recurrence})" if finding.recurrence else title


def _links(receipt: Receipt, open_job: str) -> list[Line]:
    # With temporary credentials, a signed link can have thousands of characters.
    location = next((file.url for file in receipt.stored if file.link == receipt.page), receipt.store)
    short = f"{_EVIDENCE}{location} (its link is too long for a note: use the job “Open a capture”)"
    lines = [Line(_ALWAYS, f"{_EVIDENCE}{receipt.page}", short)]
    if open_job:
        lines.append(Line(_REOPEN, f"Fresh links, with a login to Rundeck: {open_job}"))
    if receipt.links_end:
        links_end = f"{_LINKS_END}{receipt.links_end:%Y-%m-%d %H:%M} UTC; stored in {receipt.store}"
        lines.append(Line(_MISSING, links_end))
    return lines


def _not_stored(location: str, failure: str) -> list[Line]:
    reason = f": {_cut(failure, 400)}" if failure else ""
    return [Line(_ALWAYS, f"Not in the store{reason}"), Line(_ALWAYS, f"Saved on the Rundeck server in {location}")]


def _captured_lines(manifest: Manifest) -> list[Line]:
    """Return one line with the titles of all artifacts, the dumps first."""
    captured = [artifact for artifact in manifest.artifacts if artifact.file]
    if any(artifact.is_capture for artifact in manifest.artifacts):
        line = f"- {len(captured)} of {len(manifest.artifacts)} pods, each with its own report page"
        return [Line(_MISSING, f"{line}; {sum(artifact.bytes for artifact in captured):,} bytes in total")]
    if not captured:
        return []
    titles = [artifact.title for artifact in sorted(captured, key=lambda artifact: artifact.is_from_api)]
    total = size(sum(artifact.bytes for artifact in captured))
    return [Line(_CAPTURED, _cut(f"Captured ({total}): {', '.join(dict.fromkeys(titles))}", _CAPTURED_BYTES))]


def _is_skipped_for_a_reason(artifact: Artifact) -> bool:
    """Return whether the reason is worth a line. An empty log is not."""
    return artifact.outcome == "skipped" and artifact.reason_code != "empty"


def _artifact_line(artifact: Artifact) -> str:
    return _cut(f"- {artifact.title}: {artifact.outcome}, {artifact.reason}", 300)


def _started_by(name: str) -> list[str]:
    return [f"Started by {_cut(name, 100)}"] if name else []


def _execution(url: str) -> list[str]:
    return [f"Rundeck: {url}"] if url and len(url.encode()) <= _MAX_EXECUTION_BYTES else []


def _fit(lines: list[Line], tail: list[str]) -> str:
    """Return the lines that fit, in their order, then ``tail``. Lines with a low priority number are selected first.

    A line that is always there is shortened if it does not fit.
    """
    remaining = LIMIT_BYTES - sum(len(line.encode()) + 1 for line in (*tail, "- 99 more in the evidence"))
    selected: dict[int, str] = {}
    for index, line in sorted(enumerate(lines), key=lambda entry: entry[1].priority):
        text = _fitting(line, remaining - 1)
        if text:
            selected[index] = text
            remaining -= len(text.encode()) + 1
    dropped = len(lines) - len(selected)
    rest = [f"- {dropped} more in the evidence"] if dropped else []
    return "\n".join([*(selected[index] for index in sorted(selected)), *rest, *tail])


def _fitting(line: Line, limit_bytes: int) -> str:
    """Return the text of ``line`` in a form that fits, or ""."""
    for text in (one_line(line.text), one_line(line.short)):
        if text and len(text.encode()) <= limit_bytes:
            return text
    return _cut(line.short or line.text, max(limit_bytes, 0)) if line.priority == _ALWAYS else ""


def _cut(text: str, limit_bytes: int) -> str:
    """Return the beginning of ``text``, as one line. A URL is never cut: the text ends before it."""
    line = one_line(text)
    beginning = line.encode()[:limit_bytes].decode(errors="ignore")
    if len(beginning) == len(line):
        return line
    word_start = beginning.rfind(" ") + 1
    is_in_url = "://" in line[word_start:].partition(" ")[0]
    return beginning[:word_start].rstrip() if is_in_url else beginning
