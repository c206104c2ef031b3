"""The text of the note in the incident. Pure.

Plain text with bare links: PagerDuty documents neither Markdown nor a length limit for notes, so it stays under 2 KB.
"""

from ..errors import one_line
from ..model import Artifact, Manifest, Receipt

LIMIT_BYTES = 2000
_INDEX = "index.html"


def marker(capture_id: str) -> str:
    """Return what marks the note of a capture, so that a retry finds it."""
    return f"[debug-capture {capture_id}]"


def capture_note(manifest: Manifest, receipt: Receipt | None, place: str, execution: str, failure: str) -> str:
    """Return the note for a capture.

    ``receipt`` is None when the bundle is not stored, for the reason ``failure``: it is in ``place`` then.
    ``execution`` is the URL of the Rundeck execution, or "". Links come first; what does not fit is left out line by
    line, and said.
    """
    target = manifest.target
    head = [
        f"Debug state of {target} (container {target.container}): {manifest.status}",
        f"State at capture: {target.state}",
        *_links(manifest, receipt, place, failure),
    ]
    missing = [_missing(one) for one in manifest.artifacts if one.outcome in ("failed", "truncated")]
    skipped = [_missing(one) for one in manifest.artifacts if one.outcome == "skipped" and one.reason != "it is empty"]
    tail = [f"Rundeck: {execution}"] if execution else []
    return _fit(head, [*missing, *_checksums(manifest), *skipped], [*tail, marker(manifest.capture_id)])


def failure_note(failure: str, execution: str, mark: str) -> str:
    """Return the note for a capture that left no bundle; ``mark`` identifies the try."""
    tail = [f"Rundeck: {execution}"] if execution else []
    return _fit(["Debug capture failed", one_line(failure)[:1000]], [], [*tail, mark])


def _links(manifest: Manifest, receipt: Receipt | None, place: str, failure: str) -> list[str]:
    if receipt is None:
        reason = f": {one_line(failure)[:400]}" if failure else ""
        return [f"Not in the store{reason}", f"Kept on the Rundeck host in {place}"]
    lines = [f"Evidence: {receipt.link(_INDEX)}"]
    dump = next((one for one in manifest.artifacts if one.file and one.collector != "pod-snapshot"), None)
    if dump:
        lines.append(f"{dump.title}: {receipt.link(dump.file)}")
    expiry = next((one.expires for one in receipt.stored if one.expires), None)
    return [*lines, f"Links open until {expiry:%Y-%m-%d %H:%M} UTC; kept in {receipt.store}"] if expiry else lines


def _missing(one: Artifact) -> str:
    return f"- {one.title}: {one.outcome}, {one_line(one.reason)}"[:300]


def _checksums(manifest: Manifest) -> list[str]:
    return [f"- {one.title}: {one.bytes:,} bytes, SHA-256 {one.sha256}" for one in manifest.artifacts if one.file]


def _fit(head: list[str], body: list[str], tail: list[str]) -> str:
    lines = [*head, *body, *tail]
    dropped = 0
    while body and len("\n".join(lines).encode()) > LIMIT_BYTES - 40:
        body, dropped = body[:-1], dropped + 1
        lines = [*head, *body, f"- {dropped} more in the evidence", *tail]
    return "\n".join(lines)
