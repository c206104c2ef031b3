"""Remembers which findings captures had, so that a note can say that a problem is not new.

The spool has one file per finding and workload, named by a hash of both: its lines are the captures that had it. A
line is a few bytes, and one that is cut by a crash is skipped when the file is read.
"""

import hashlib
import re
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from ..files import locked
from ..finding import Finding, Recurrence
from ..manifest import Manifest
from ..model import Target

FOLDER: Final = ".findings"
KEPT: Final = timedelta(days=90)
_VARIABLE: Final = re.compile(r"0x[0-9a-fA-F]+|[0-9]+")


def fingerprint(finding: Finding, target: Target) -> str:
    """Return what identifies ``finding`` in each capture of the workload: numbers and addresses do not count. Pure."""
    subject = _VARIABLE.sub("#", finding.key or finding.title)
    parts = (finding.rule, subject, target.namespace, target.workload)
    return hashlib.sha256("\0".join(parts).encode(errors="replace")).hexdigest()[:32]


def with_recurrences(manifest: Manifest, spool: Path) -> Manifest:
    """Return ``manifest`` with the earlier captures of each finding, and remember this one in ``spool``.

    Raises OSError if the spool cannot be written.
    """
    targets = {target.pod: target for target in manifest.targets}
    findings = []
    for finding in manifest.findings:
        target = targets.get(finding.pod, manifest.target)
        file = spool / FOLDER / fingerprint(finding, target)
        findings.append(replace(finding, recurrence=_remember(file, manifest.capture_id, manifest.started)))
    return replace(manifest, findings=tuple(findings))


def prune_recurrences(spool: Path, now: datetime) -> None:
    """Remove findings from ``spool`` that no capture of the last KEPT days had."""
    for file in (spool / FOLDER).glob("*"):
        if now.timestamp() - file.stat().st_mtime > KEPT.total_seconds():
            file.unlink(missing_ok=True)


def _remember(file: Path, capture_id: str, now: datetime) -> Recurrence | None:
    """Add the capture to ``file`` and return what was there before; None if this is the first capture."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with locked(file.parent):
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        earlier = [
            (time, name)
            for time, name in map(_entry, text.splitlines())
            if time and time > now - KEPT and name != capture_id
        ]
        lines = [*earlier, (now, capture_id)]
        file.write_text("".join(f"{time.isoformat()} {name}\n" for time, name in lines), encoding="utf-8")
    if not earlier:
        return None
    return Recurrence(len(earlier), earlier[0][0], earlier[-1][1])


def _entry(line: str) -> tuple[datetime | None, str]:
    time, _, name = line.partition(" ")
    try:
        parsed = datetime.fromisoformat(time)
    except ValueError:
        return None, ""
    return (parsed if parsed.tzinfo else None), name
