"""The report page of a bundle, which the link in the note opens: what was captured, what was not, and why. Pure.

The page is one file without references to other files. The template escapes all text. Import this module only to write
a page, because it loads Jinja2.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from ..finding import Finding
from ..manifest import Artifact, Manifest
from ..picture import Pictures
from ..text import size
from .findings import place
from .pictures.pods import draw_pictures
from .summary import is_missing, masking

# All previews of a page together have at most 4 MiB, unless there are more than a thousand.
_MIN_PREVIEW_BYTES: Final = 4 << 10
_MAX_PREVIEW_BYTES: Final = 64 << 10
_MAX_TOTAL_BYTES: Final = 4 << 20
_MOST_VISIBLE: Final = 8  # findings; the others open with a click
_VISIBLE_FACTS: Final = 3
_MOST_PODS: Final = 6  # that a finding names
_MOST_PASSAGES: Final = 3  # that a finding quotes; the others are links
_NO_PICTURES: Final = Pictures()
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


@dataclass(frozen=True, slots=True)
class _Preview:
    """The beginning of a text artifact, as the page shows it."""

    title: str
    text: str
    is_open: bool


def report_page(
    manifest: Manifest,
    links: Mapping[str, str],
    previews: Mapping[str, bytes],
    *,
    pictures: Pictures = _NO_PICTURES,
    links_end: datetime | None = None,
    encrypted: bool = False,
) -> str:
    """Return the HTML of the report page.

    The keys of ``links`` and ``previews`` (the beginnings of texts) are file names. A file without a link is expected
    beside the page. ``links_end`` is the time when the first link expires. If the files are ``encrypted``, the page
    explains how to decrypt them, and contains neither findings nor ``pictures``.
    """
    findings = () if encrypted else manifest.findings
    page = _template().render(
        title=f"Debug capture of {manifest.target}",
        policy=_POLICY,
        manifest=manifest,
        totals=_totals(manifest),
        facts=_facts(manifest, links_end),
        findings=findings,
        differences=() if encrypted else manifest.differences,
        visible=_visible(findings),
        most_passages=_MOST_PASSAGES,
        most_pods=_MOST_PODS,
        pictures="" if encrypted else draw_pictures(pictures, manifest, links),
        missing=[artifact for artifact in manifest.artifacts if is_missing(artifact)],
        pods=_group_by_pod(manifest.artifacts),
        links=links,
        previews=list(_previews(manifest.artifacts, previews)),
        encrypted=encrypted,
    )
    return _without_surrogates(page)


def preview_limit_bytes(count: int) -> int:
    """Return the size of each preview on a page with ``count`` previews."""
    return max(_MIN_PREVIEW_BYTES, min(_MAX_PREVIEW_BYTES, _MAX_TOTAL_BYTES // max(count, 1)))


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(size=size, masking=masking, full_title=_full_title, place=place)
    return environment.get_template("page.html.j2")


def _visible(findings: Sequence[Finding]) -> int:
    """Return how many of ``findings`` are visible at first: the alarms, or a few facts if there is no alarm."""
    alarms = sum(finding.severity != "info" for finding in findings)
    return min(alarms, _MOST_VISIBLE) or _VISIBLE_FACTS


def _without_surrogates(text: str) -> str:
    """Return ``text`` with each lone surrogate, which has no encoding, replaced by a question mark."""
    return text.encode(errors="replace").decode()


def _totals(manifest: Manifest) -> str:
    captured = [artifact for artifact in manifest.artifacts if artifact.file]
    missing = sum(is_missing(artifact) for artifact in manifest.artifacts)
    totals = f"{len(captured)} files, {size(sum(artifact.bytes for artifact in captured))}"
    return f"{totals}; {missing} missing or incomplete" if missing else totals


def _facts(manifest: Manifest, links_end: datetime | None) -> list[tuple[str, str]]:
    """Return the names and values of what is known about the capture."""
    target = manifest.target
    facts = {
        "Capture": manifest.capture_id,
        "Pod": f"{target} on node {target.node or 'none'}, workload {target.workload}",
        "More pods": ", ".join(other.pod for other in manifest.more_targets),
        "Container": f"{target.container}: {target.state}",
        "Image": target.image,
        "Time": _period(manifest),
        **{key.replace("_", " ").capitalize(): value for key, value in manifest.trigger.items()},
        "Links open until": format_time(links_end) if links_end else "",
    }
    return [(name, value) for name, value in facts.items() if value]


def _group_by_pod(artifacts: Sequence[Artifact]) -> list[tuple[str, list[Artifact]]]:
    """Return the artifacts of each pod: first those from the container, then those from the API, then the skipped."""
    ordered = sorted(
        artifacts, key=lambda artifact: (artifact.pod, artifact.outcome == "skipped", artifact.is_from_api)
    )
    return [(pod, list(group)) for pod, group in groupby(ordered, lambda artifact: artifact.pod)]


def _previews(artifacts: Sequence[Artifact], texts: Mapping[str, bytes]) -> Iterator[_Preview]:
    for artifact in artifacts:
        # What was not masked must not be in a page that more people see than open the file.
        if artifact.file in texts and not artifact.sensitive:
            beginning = texts[artifact.file]
            text = beginning.decode(errors="replace")
            if len(beginning) < artifact.bytes:
                text += f"\n[the first {size(len(beginning))} of {size(artifact.bytes)}]"
            yield _Preview(_full_title(artifact), text, is_open=not artifact.is_from_api)


def _full_title(artifact: Artifact) -> str:
    return f"{artifact.pod}: {artifact.title}" if artifact.pod else artifact.title


def _period(manifest: Manifest) -> str:
    if manifest.finished is None:
        return f"{format_time(manifest.started)}, not finished"
    duration_s = (manifest.finished - manifest.started).total_seconds()
    return f"{format_time(manifest.started)}, {duration_s:.0f} s"


def format_time(time: datetime) -> str:
    """Return ``time`` as the report page shows it."""
    return time.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
