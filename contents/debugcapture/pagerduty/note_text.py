"""The text of the note in the incident. Pure.

Plain text with bare links: PagerDuty documents neither Markdown nor a length limit for notes, so it stays under 2 KB.
"""

from dataclasses import dataclass

from ..finding import Finding
from ..model import Artifact, Manifest, Receipt, Target
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
Line = tuple[int, str]


def marker(capture_id: str) -> str:
    """Return the text that identifies the note of a capture, so that a retry finds the note."""
    return f"[debug-capture {capture_id}]"


def start_note(target: Target, capture_id: str, by: str, execution: str) -> str:
    """Return the note about the start of a capture of ``target``. ``by`` is the person who started it, or ""."""
    return _fit(
        [
            (_ALWAYS, f"Debug state of {target} (container {target.container}): capturing …"),
            (_ALWAYS, _state(target)),
        ],
        [*_started_by(by), *_execution(execution), marker(capture_id)],
    )


def attached_note(target: Target, capture_id: str, execution: str) -> str:
    """Return the note for an incident that attaches to the capture of ``target`` of another incident."""
    return _fit(
        [
            (_ALWAYS, f"Debug state of {target} (container {target.container}): capturing …"),
            (
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
            (_ALWAYS, f"Debug state of {target} (container {target.container}): {manifest.status}"),
            (_ALWAYS, _state(target)),
            *(_links(receipt, addresses.open_job) if receipt else _not_stored(location, failure)),
            *((_MISSING, _artifact_line(artifact)) for artifact in artifacts if artifact.outcome in _MISSING_OUTCOMES),
            *_captured(manifest),
            *((_SKIPPED, _artifact_line(artifact)) for artifact in artifacts if _is_skipped_for_a_reason(artifact)),
        ],
        [
            *_started_by(manifest.trigger.get("started_by", "")),
            *_execution(addresses.execution),
            marker(manifest.capture_id),
        ],
    )


def failure_note(failure: str, execution: str, mark: str) -> str:
    """Return the note for a capture that left no bundle. ``mark`` identifies the attempt."""
    head = [(_ALWAYS, "Debug capture failed"), (_ALWAYS, _cut(failure, 1000))]
    return _fit(head, [*_execution(execution), mark])


def restart_note(action: str, result: str, by: str, execution: str, mark: str) -> str:
    """Return the note about a restart: the ``action`` and its ``result``. ``mark`` identifies the note."""
    head = [(_ALWAYS, _cut(action, 300)), (_ALWAYS, _cut(result, 1000))]
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
    lines[position : position + 1] = [line for _, line in _links(receipt, "")]
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
    return [(_FINDING, _finding_line(finding)) for finding in notable]


def _finding_line(finding: Finding) -> str:
    title = _cut(finding.title, _FINDING_BYTES)
    return f"{title} ({finding.recurrence})" if finding.recurrence else title


def _links(receipt: Receipt, open_job: str) -> list[Line]:
    lines = [(_ALWAYS, f"{_EVIDENCE}{receipt.page}")]
    if open_job:
        lines.append((_REOPEN, f"Fresh links, with a login to Rundeck: {open_job}"))
    if receipt.links_end:
        lines.append((_MISSING, f"{_LINKS_END}{receipt.links_end:%Y-%m-%d %H:%M} UTC; stored in {receipt.store}"))
    return lines


def _not_stored(location: str, failure: str) -> list[Line]:
    reason = f": {_cut(failure, 400)}" if failure else ""
    return [(_ALWAYS, f"Not in the store{reason}"), (_ALWAYS, f"Saved on the Rundeck server in {location}")]


def _captured(manifest: Manifest) -> list[Line]:
    """Return one line with the titles of all artifacts, the dumps first."""
    captured = [artifact for artifact in manifest.artifacts if artifact.file]
    if any(artifact.is_capture for artifact in manifest.artifacts):
        line = f"- {len(captured)} of {len(manifest.artifacts)} pods, each with its own report page"
        return [(_MISSING, f"{line}; {sum(artifact.bytes for artifact in captured):,} bytes in total")]
    if not captured:
        return []
    titles = [artifact.title for artifact in sorted(captured, key=lambda artifact: artifact.is_from_api)]
    total = size(sum(artifact.bytes for artifact in captured))
    return [(_CAPTURED, _cut(f"Captured ({total}): {', '.join(dict.fromkeys(titles))}", _CAPTURED_BYTES))]


def _is_skipped_for_a_reason(artifact: Artifact) -> bool:
    """Return whether the reason is worth a line. An empty log is not."""
    return artifact.outcome == "skipped" and artifact.reason_code != "empty"


def _artifact_line(artifact: Artifact) -> str:
    return _cut(f"- {artifact.title}: {artifact.outcome}, {artifact.reason}", 300)


def _started_by(name: str) -> list[str]:
    return [f"Started by {_cut(name, 100)}"] if name else []


def _execution(url: str) -> list[str]:
    return [f"Rundeck: {url}"] if url else []


def _fit(lines: list[Line], tail: list[str]) -> str:
    """Return the lines that fit, in their order, then ``tail``. Lines with a low priority number are selected first."""
    lines = [(priority, one_line(text)) for priority, text in lines]
    remaining = LIMIT_BYTES - sum(len(line.encode()) + 1 for line in (*tail, "- 99 more in the evidence"))
    selected = set()
    for index, (priority, text) in sorted(enumerate(lines), key=lambda line: line[1][0]):
        size = len(text.encode()) + 1
        if priority == _ALWAYS or size <= remaining:
            selected.add(index)
            remaining -= size
    dropped = len(lines) - len(selected)
    rest = [f"- {dropped} more in the evidence"] if dropped else []
    return "\n".join([*(text for index, (_, text) in enumerate(lines) if index in selected), *rest, *tail])


def _cut(text: str, limit_bytes: int) -> str:
    """Return the beginning of ``text``, as one line."""
    return one_line(text).encode()[:limit_bytes].decode(errors="ignore")
