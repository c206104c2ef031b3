"""The page of a bundle, which the incident's link opens: what was captured, what was not and why. Pure.

It needs nothing but itself (no script, no picture, no font from elsewhere), and shows captured text only escaped.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from itertools import groupby

from ..model import Artifact, Manifest
from ..text import size
from .markup import escaped
from .summary import masking

_LEAST_SHOWN, _MOST_SHOWN, _SHOWN_IN_ALL = 4 << 10, 64 << 10, 4 << 20
_STYLE = """
:root{color-scheme:light dark;--line:#d0d7de;--soft:#59636e;--ok:#1a7f37;--bad:#b42318;--warn:#8a5a00;--back:#fff;
--text:#1f2328;--card:#f6f8fa;--link:#0550ae}
@media(prefers-color-scheme:dark){:root{--line:#3d444d;--soft:#9198a1;--ok:#3fb950;--bad:#ff7b72;--warn:#d29922;
--back:#0d1117;--text:#e6edf3;--card:#151b23;--link:#79c0ff}}
*{box-sizing:border-box}
body{font:16px/1.5 system-ui,sans-serif;color:var(--text);background:var(--back);max-width:76rem;margin:0 auto;
padding:1.5rem 1rem 4rem;overflow-wrap:anywhere}
h1{font-size:1.5rem;margin:0}h2{font-size:1.15rem;margin:2rem 0 .5rem}h3{font-size:1rem;margin:1.2rem 0 .3rem}
a{color:var(--link)}code{font-size:.8em}small{color:var(--soft)}
.status{margin:.6rem 0 1.2rem;padding:.6rem .9rem;border:1px solid var(--line);border-left:.4rem solid;
border-radius:.3rem;background:var(--card)}
.status strong{text-transform:capitalize}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1.2rem;margin:0}dt{color:var(--soft)}dd{margin:0}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.45rem .6rem;border-bottom:1px solid var(--line);vertical-align:top;font-weight:400}
thead th{color:var(--soft);font-size:.85rem}
.size{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.complete{color:var(--ok)}.failed{color:var(--bad)}.truncated,.partial{color:var(--warn)}.skipped{color:var(--soft)}
td.complete,td.failed,td.truncated,td.skipped{font-weight:600}
.missing li{margin:.3rem 0}
pre{overflow:auto;max-height:32rem;border:1px solid var(--line);border-radius:.3rem;background:var(--card);
padding:.8rem;font-size:.85rem;overflow-wrap:normal;margin:.3rem 0 1rem}
summary{cursor:pointer;font-weight:600;padding:.3rem 0}
:focus-visible{outline:2px solid var(--link);outline-offset:2px}
@media(max-width:40rem){dl{grid-template-columns:1fr}dt{margin-top:.4rem}thead{display:none}tr,th,td{display:block}
th,td{border:0;padding:.1rem 0;text-align:left}tr{border-bottom:1px solid var(--line);padding:.5rem 0}}
@media print{body{max-width:none;padding:0;font-size:12px}
pre{max-height:none;white-space:pre-wrap;overflow-wrap:anywhere}
tr,li,.status{break-inside:avoid}h2,h3,summary{break-after:avoid}}
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_HEAD = "<thead><tr>{}</tr></thead>".format(
    "".join(f'<th scope="col">{one}</th>' for one in ("What", "Outcome", "Size", "File or reason"))
)
_DECRYPT = (
    "<p>The files are encrypted with age. To decrypt a file with one of the matching private keys, "
    "run: <code>age --decrypt --identity KEY --output FILE FILE.age</code>. The checksums are those "
    "of the decrypted files.</p>"
)


def report_page(
    manifest: Manifest,
    links: Mapping[str, str],
    previews: Mapping[str, bytes],
    *,
    links_end: datetime | None = None,
    encrypted: bool = False,
) -> str:
    """Return the bundle's page.

    ``links`` and ``previews`` (the beginning of a text) are by file name; a file without a link is taken to lie beside
    the page. ``links_end`` is when the first of the links ends. Of ``encrypted`` files the page says how to open them.
    """
    title = escaped(f"Debug capture of {manifest.target}")
    parts = [
        f"<h1>{title}</h1>",
        _status(manifest),
        _facts(manifest, links_end),
        _missing([one for one in manifest.artifacts if one.outcome in ("failed", "truncated")]),
        f"<h2>Artifacts</h2>{_DECRYPT if encrypted else ''}",
        *_tables(manifest, links),
        _remarks(manifest.remarks),
        _previews(manifest.artifacts, previews),
    ]
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="robots" content="noindex"><meta name="referrer" content="no-referrer">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<style>{_STYLE}</style></head><body><main>{''.join(parts)}</main></body></html>\n"
    )


def preview_limit_bytes(texts: int) -> int:
    """Return how much of each of so many ``texts`` the page shows: all of them together stay below some megabytes."""
    return max(_LEAST_SHOWN, min(_MOST_SHOWN, _SHOWN_IN_ALL // max(texts, 1)))


def _status(manifest: Manifest) -> str:
    kept = [one for one in manifest.artifacts if one.file]
    lacks = sum(one.outcome in ("failed", "truncated") for one in manifest.artifacts)
    told = f"{len(kept)} files, {size(sum(one.bytes for one in kept))}"
    told += f"; {lacks} missing or incomplete" if lacks else ""
    return f'<p class="status {manifest.status}"><strong>{manifest.status}</strong>: {told}.</p>'


def _facts(manifest: Manifest, links_end: datetime | None) -> str:
    target = manifest.target
    facts = {
        "Capture": manifest.capture_id,
        "Pod": f"{target} on node {target.node or 'none'}, workload {target.workload}",
        "More pods": ", ".join(one.pod for one in manifest.more_targets),
        "Container": f"{target.container}: {target.state}",
        "Image": target.image,
        "Time": _period(manifest),
        **{key.replace("_", " ").capitalize(): value for key, value in manifest.trigger.items()},
        "Links open until": _time(links_end) if links_end else "",
    }
    shown = (f"<dt>{escaped(name)}</dt><dd>{escaped(value)}</dd>" for name, value in facts.items() if value)
    return f"<dl>{''.join(shown)}</dl>"


def _missing(artifacts: Sequence[Artifact]) -> str:
    if not artifacts:
        return ""
    lines = (f"<li><strong>{escaped(_named(one))}</strong>: {escaped(one.reason)}</li>" for one in artifacts)
    return f'<h2>What is missing, and why</h2><ul class="missing">{"".join(lines)}</ul>'


def _named(one: Artifact) -> str:
    return f"{one.pod}: {one.title}" if one.pod else one.title


def _tables(manifest: Manifest, links: Mapping[str, str]) -> Iterator[str]:
    """Yield a table a pod: what one came for first, what any pod has after it, what there was no need for last."""
    ordered = sorted(manifest.artifacts, key=lambda one: (one.pod, one.outcome == "skipped", one.is_from_api))
    for pod, artifacts in groupby(ordered, lambda one: one.pod):
        rows = "".join(_row(one, links.get(one.file, one.file)) for one in artifacts)
        heading = f"<h3>{escaped(pod)}</h3>" if pod else ""
        yield f"{heading}<table>{_HEAD}<tbody>{rows}</tbody></table>"


def _row(one: Artifact, link: str) -> str:
    name = f'<a href="{escaped(link)}">{escaped(one.file)}</a>' if one.file else ""
    checksum = f"<br><small>SHA-256 <code>{one.sha256}</code></small>" if one.file else ""
    reason = f"<br>{escaped(one.reason)}" if one.reason and name else escaped(one.reason)
    how = f"<br><small>{escaped(one.how)}, {one.took_s:.1f} s</small>" if one.how else ""
    masked = f"<br><small>{masking(one)}</small>" if masking(one) else ""
    return (
        f'<tr><th scope="row">{escaped(one.title)}{how}</th><td class="{one.outcome}">{one.outcome}</td>'
        f'<td class="size">{size(one.bytes) if one.bytes else ""}</td><td>{name}{masked}{checksum}{reason}</td></tr>'
    )


def _remarks(remarks: Sequence[str]) -> str:
    if not remarks:
        return ""
    return f"<h2>How the target was selected</h2><ul>{''.join(f'<li>{escaped(one)}</li>' for one in remarks)}</ul>"


def _previews(artifacts: Sequence[Artifact], previews: Mapping[str, bytes]) -> str:
    shown = "".join(_preview(one, previews[one.file]) for one in artifacts if one.file in previews)
    return f"<h2>Text</h2>{shown}" if shown else ""


def _preview(one: Artifact, text: bytes) -> str:
    cut = f"\n[the first {size(len(text))} of {size(one.bytes)}]" if len(text) < one.bytes else ""
    shown = escaped(text.decode(errors="replace") + cut)
    opened = "" if one.is_from_api else " open"  # the dump is what one came for
    name = escaped(_named(one))
    # What scrolls has to be reached by keyboard, and to have a name then.
    box = f'<pre tabindex="0" role="region" aria-label="{name}">{shown}</pre>'
    return f"<details{opened}><summary>{name}</summary>{box}</details>"


def _period(manifest: Manifest) -> str:
    if manifest.finished is None:
        return f"{_time(manifest.started)}, not finished"
    took = (manifest.finished - manifest.started).total_seconds()
    return f"{_time(manifest.started)}, {took:.0f} s"


def _time(moment: datetime) -> str:
    return moment.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
