"""Tell people about a bundle: a table for the log, a page for the browser, a text for the note. Pure."""

import html
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Final

from .describe import table
from .errors import one_line
from .model import Action, Artifact, Manifest, ReadApi, RunInDebugContainer, RunInTarget, Skip, Target

INDEX = "index.html"
PREVIEW_BYTES = 64 << 10
_STYLE = """
:root{color-scheme:light dark;--line:#d0d7de;--soft:#59636e;--ok:#1a7f37;--bad:#b42318;--warn:#9a6700}
@media(prefers-color-scheme:dark){:root{--line:#3d444d;--soft:#9198a1;--ok:#3fb950;--bad:#ff7b72;--warn:#d29922}}
body{font:16px/1.5 system-ui,sans-serif;max-width:72rem;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin:0}dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem}dt{color:var(--soft)}
dd{margin:0;overflow-wrap:anywhere}table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.4rem .6rem;border-bottom:1px solid var(--line);vertical-align:top}
td.size{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.complete{color:var(--ok)}.failed{color:var(--bad)}.truncated,.partial{color:var(--warn)}.skipped,small{color:var(--soft)}
.complete,.failed,.truncated,.partial,.skipped{font-weight:600}code{font-size:.8em;overflow-wrap:anywhere}
pre{overflow:auto;max-height:32rem;border:1px solid var(--line);padding:.8rem;font-size:.85rem}
summary{cursor:pointer;font-weight:600;padding:.3rem 0}
"""
_DECRYPT = (
    "<p>The files are encrypted with age. With one of the keys that they are encrypted for: "
    "<code>age --decrypt --identity KEY --output FILE FILE.age</code>; the checksum is that of FILE.</p>"
)


def summary(manifest: Manifest) -> str:
    """Return one line: the status, the pod, its state, and how much of it was captured."""
    kept = [one for one in manifest.artifacts if one.file]
    missing = [one for one in manifest.artifacts if one.outcome in ("failed", "truncated")]
    target, others = manifest.target, len(manifest.targets) - 1
    more = f" and {others} more pods" if others else ""
    line = f"{manifest.status}: {len(kept)} artifacts of {target} (container {target.container}, {target.state}){more}"
    told = [f"; {one.pod + ': ' if one.pod else ''}{one.title} {one.outcome}: {one.reason}" for one in missing]
    return one_line(line + "".join(told))


def size(count: int) -> str:
    """Return ``count`` bytes as a person reads it."""
    if count < 1024:
        return f"{count} B"
    return f"{count / 1024:.1f} KiB" if count < 1 << 20 else f"{count / (1 << 20):.1f} MiB"


def masking(one: Artifact) -> str:
    """Return what was masked in an artifact, or that nothing was; "" where there was nothing to mask."""
    if one.sensitive:
        return "sensitive: nothing is masked in it"
    return f"{one.redactions} credentials masked" if one.redactions else ""


def artifact_table(manifest: Manifest) -> str:
    """Return a table with a line an artifact: what, outcome, size, file or reason."""
    rows = [
        (
            f"{one.pod}: {one.title}" if one.pod else one.title,
            one.outcome,
            size(one.bytes) if one.bytes else "",
            one_line("; ".join(filter(None, [one.reason or one.file, masking(one)]))),
        )
        for one in manifest.artifacts
    ]
    return table(("WHAT", "OUTCOME", "SIZE", "FILE OR REASON"), rows).rstrip()


def plan_table(target: Target, actions: Sequence[Action], ceiling: str) -> str:
    """Return a table of what would be done to ``target``, with which privileges, and what it would cost it."""
    rows = [
        (one.collector.title, _PLANNED[type(one)], _privileges(one, ceiling), one.collector.invasive, one_line(one.why))
        for one in actions
    ]
    header = ("WHAT", "HOW", "PRIVILEGES", "TARGET", "WHY")
    return f"dry run for {target} (container {target.container}, {target.state})\n{table(header, rows)}".rstrip()


def _privileges(action: Action, ceiling: str) -> str:
    if isinstance(action, RunInDebugContainer):
        return f"{', '.join(action.collector.needs)} ({ceiling})" if action.collector.needs else "restricted"
    return "get, list" if isinstance(action, ReadApi) else "exec" if isinstance(action, RunInTarget) else ""


_PLANNED: Final = {ReadApi: "API", RunInTarget: "exec", RunInDebugContainer: "debug container", Skip: "skip"}


def index_page(
    manifest: Manifest, links: Mapping[str, str], previews: Mapping[str, bytes], *, encrypted: bool = False
) -> str:
    """Return the bundle's page; it needs nothing but itself, and shows captured text only escaped.

    ``links`` and ``previews`` (the beginning of a text) are by file name. Of ``encrypted`` files the page says how to
    open them.
    """
    rows = "".join(_row(one, links.get(one.file, one.file)) for one in manifest.artifacts)
    opened = "".join(_preview(one, previews[one.file]) for one in manifest.artifacts if one.file in previews)
    text = f"<h2>Text</h2>{opened}" if opened else ""
    title = f"Debug capture of {manifest.target}"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{_escaped(title)}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<style>{_STYLE}</style></head><body><main><h1>{_escaped(title)}</h1>{_facts(manifest)}"
        "<h2>Artifacts</h2><table><thead><tr><th>What</th><th>Outcome</th><th>Size</th><th>File or reason</th></tr>"
        f"</thead><tbody>{rows}</tbody></table>{_DECRYPT if encrypted else ''}{text}</main></body></html>\n"
    )


def _facts(manifest: Manifest) -> str:
    target = manifest.target
    facts = {
        "Status": manifest.status,
        "Capture": manifest.capture_id,
        "Pod": f"{target} on node {target.node or 'none'}, workload {target.workload}",
        "Container": f"{target.container}: {target.state}",
        "Image": target.image,
        "Time": f"{_time(manifest.started)} to {_time(manifest.finished) if manifest.finished else 'not finished'}",
        **{key.replace("_", " ").capitalize(): value for key, value in manifest.trigger.items() if value},
    }
    return "<dl>" + "".join(f"<dt>{_escaped(k)}</dt><dd>{_escaped(v)}</dd>" for k, v in facts.items()) + "</dl>"


def _row(one: Artifact, link: str) -> str:
    name = f'<a href="{_escaped(link)}">{_escaped(one.file)}</a>' if one.file else ""
    checksum = f"<br><small>SHA-256 <code>{one.sha256}</code></small>" if one.file else ""
    reason = f"<br>{_escaped(one.reason)}" if one.reason and name else _escaped(one.reason)
    how = f"<br><small>{_escaped(one.how)}, {one.took_s:.1f} s</small>" if one.how else ""
    masked = f"<br><small>{masking(one)}</small>" if masking(one) else ""
    return (
        f'<tr><td>{_escaped(one.title)}{how}</td><td class="{one.outcome}">{one.outcome}</td>'
        f'<td class="size">{size(one.bytes) if one.bytes else ""}</td><td>{name}{masked}{checksum}{reason}</td></tr>'
    )


def _preview(one: Artifact, text: bytes) -> str:
    cut = f"\n[the first {size(len(text))} of {size(one.bytes)}]" if len(text) < one.bytes else ""
    shown = _escaped(text.decode(errors="replace") + cut)
    opened = "" if one.collector == "pod-snapshot" else " open"  # the dump is what one came for
    return f"<details{opened}><summary>{_escaped(one.title)}</summary><pre>{shown}</pre></details>"


def _time(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")


def _escaped(text: str) -> str:
    return html.escape(text, quote=True)
