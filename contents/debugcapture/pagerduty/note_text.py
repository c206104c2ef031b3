"""The text of the note in the incident. Pure.

Plain text with bare links: PagerDuty documents neither Markdown nor a length limit for notes, so it stays under 2 KB.
"""

from ..model import Artifact, Manifest, Receipt, Target
from ..text import one_line

LIMIT_BYTES = 2000
# What stays in a note that gets too long: the smaller the number, the longer.
_ALWAYS, _MISSING, _LINK, _CAPTURED, _SKIPPED = range(5)
Line = tuple[int, str]


def marker(capture_id: str) -> str:
    """Return what marks the note of a capture, so that a retry finds it."""
    return f"[debug-capture {capture_id}]"


def start_note(target: Target, capture_id: str, by: str, execution: str) -> str:
    """Return the note that says that a capture of ``target`` has begun, on behalf of ``by`` (may be "")."""
    return _fit(
        [
            (_ALWAYS, f"Debug state of {target} (container {target.container}): capturing …"),
            (_ALWAYS, _state(target)),
        ],
        [*_started_by(by), *_execution(execution), marker(capture_id)],
    )


def joined_note(target: Target, capture_id: str, execution: str) -> str:
    """Return the note that says that a capture of ``target`` for another incident is this one's as well."""
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


def capture_note(manifest: Manifest, receipt: Receipt | None, place: str, execution: str, failure: str) -> str:
    """Return the note for a capture.

    ``receipt`` is None when the bundle is not stored, for the reason ``failure``: it is in ``place`` then.
    ``execution`` is the URL of the Rundeck execution, or "". Links come first; what does not fit is left out line by
    line, and said.
    """
    target, artifacts = manifest.target, manifest.artifacts
    return _fit(
        [
            (_ALWAYS, f"Debug state of {target} (container {target.container}): {manifest.status}"),
            (_ALWAYS, _state(target)),
            *(_links(manifest, receipt) if receipt else _not_stored(place, failure)),
            *((_MISSING, _told(one)) for one in artifacts if one.outcome in ("failed", "truncated")),
            *_captured(manifest),
            *((_SKIPPED, _told(one)) for one in artifacts if one.outcome == "skipped" and one.reason_code != "empty"),
        ],
        [*_started_by(manifest.trigger.get("started_by", "")), *_execution(execution), marker(manifest.capture_id)],
    )


def failure_note(failure: str, execution: str, mark: str) -> str:
    """Return the note for a capture that left no bundle; ``mark`` identifies the try."""
    head = [(_ALWAYS, "Debug capture failed"), (_ALWAYS, _cut(failure, 1000))]
    return _fit(head, [*_execution(execution), mark])


def restart_note(what: str, how: str, by: str, execution: str, mark: str) -> str:
    """Return the note about a restart: ``what`` was to be done, and ``how`` it went; ``mark`` identifies it."""
    head = [(_ALWAYS, _cut(what, 300)), (_ALWAYS, _cut(how, 1000))]
    return _fit(head, [*_started_by(by), *_execution(execution), mark])


def _state(target: Target) -> str:
    # A container runtime words the reason, at any length.
    return _cut(f"State at capture: {target.state}", 300)


def _links(manifest: Manifest, receipt: Receipt) -> list[Line]:
    lines = [(_ALWAYS, f"Evidence: {receipt.page}")]
    dump = next((one for one in manifest.artifacts if one.file and not one.is_from_api), None)
    if dump:
        lines.append((_LINK, f"{dump.title}: {receipt.link(dump.file)}"))
    if receipt.links_end:
        lines.append((_MISSING, f"Links open until {receipt.links_end:%Y-%m-%d %H:%M} UTC; stored in {receipt.store}"))
    return lines


def _not_stored(place: str, failure: str) -> list[Line]:
    reason = f": {_cut(failure, 400)}" if failure else ""
    return [(_ALWAYS, f"Not in the store{reason}"), (_ALWAYS, f"Saved on the Rundeck server in {place}")]


def _captured(manifest: Manifest) -> list[Line]:
    """Return a line for each dump, with what proves that it is whole, and one for all files of the snapshot."""
    kept = [one for one in manifest.artifacts if one.file]
    if any(one.is_capture for one in manifest.artifacts):
        captured = f"- {len(kept)} of {len(manifest.artifacts)} pods, each with its own report page"
        return [(_MISSING, f"{captured}; {sum(one.bytes for one in kept):,} bytes in total")]
    dumps = [one for one in kept if not one.is_from_api]
    lines = [(_CAPTURED, f"- {one.title}: {one.bytes:,} bytes, SHA-256 {one.sha256}") for one in dumps]
    snapshot = [one for one in kept if one.is_from_api]
    if snapshot:
        names = ", ".join(one.title for one in snapshot)
        lines.append((_CAPTURED, _cut(f"- {sum(one.bytes for one in snapshot):,} bytes more: {names}", 300)))
    return lines


def _told(one: Artifact) -> str:
    return _cut(f"- {one.title}: {one.outcome}, {one.reason}", 300)


def _started_by(name: str) -> list[str]:
    return [f"Started by {_cut(name, 100)}"] if name else []


def _execution(url: str) -> list[str]:
    return [f"Rundeck: {url}"] if url else []


def _fit(lines: list[Line], tail: list[str]) -> str:
    """Return the lines that fit, in their order, then ``tail``; what stays when there is too much has priority."""
    lines = [(priority, one_line(text)) for priority, text in lines]
    left = LIMIT_BYTES - sum(len(line.encode()) + 1 for line in (*tail, "- 99 more in the evidence"))
    kept = set()
    for index, (priority, text) in sorted(enumerate(lines), key=lambda line: line[1][0]):
        size = len(text.encode()) + 1
        if priority == _ALWAYS or size <= left:
            kept.add(index)
            left -= size
    dropped = len(lines) - len(kept)
    more = [f"- {dropped} more in the evidence"] if dropped else []
    return "\n".join([*(text for index, (_, text) in enumerate(lines) if index in kept), *more, *tail])


def _cut(text: str, limit_bytes: int) -> str:
    """Return the beginning of ``text``, as one line."""
    return one_line(text).encode()[:limit_bytes].decode(errors="ignore")
