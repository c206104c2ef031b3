"""All pictures of a report: of one pod, or an overview of many pods with the pictures of each."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from markupsafe import Markup

from ...finding import Finding, Severity
from ...manifest import Manifest
from ...model import Target
from ...picture import Meter, Moment, Pictures, PodPictures, Stacks, Tone
from ...text import duration, shortened
from .flame import draw_flame
from .meters import draw_meters, meter_tone
from .rankings import draw_ranking, ranking_title
from .shapes import NO_MARKUP, Sources, bar, weight
from .stack_groups import draw_groups, draw_states
from .time_scale import TimeScale
from .timeline import draw_strip, draw_timeline

_MEMORY: Final = "Memory of the container"
_SECTION: Final = Markup('<section class="picture"><h{0}>{1}</h{0}>{2}</section>')
_POD: Final = Markup('<details class="pod"><summary id="pod-{}">{}</summary>{}</details>')
_OVERVIEW: Final = Markup(
    '<section class="picture"><h2>Pods</h2><table class="bars pods"><thead><tr><th scope="col">Pod</th>'
    '<th scope="col">Most important finding</th><th scope="col">Memory</th><th scope="col">{}</th></tr></thead>'
    "<tbody>{}</tbody></table>{}</section>"
)
_POD_ROW: Final = Markup(
    '<tr><th scope="row"><a href="#pod-{}">{}</a><br><small>{}</small></th><td class="what {}">{}</td>'
    '<td class="gauge">{}<span>{}</span></td><td class="strip">{}</td></tr>'
)
_HIDDEN: Final = Markup("<p><small>{} more pods are not drawn; their files are below.</small></p>")
_OPENED_BY: Final = {
    ".speedscope.json": " Speedscope opens this file, also offline (speedscope.app).",
    ".cpuprofile": " The developer tools of Chrome open this file.",
    ".pprof": " `go tool pprof -http=: FILE` opens this file.",
}
_DOWNLOAD: Final = Markup("<p>{} in {}.{}</p>")
_TONES: Final[dict[Severity, Tone]] = {"critical": "bad", "warning": "warning", "info": ""}


def draw_pictures(pictures: Pictures, manifest: Manifest, links: Mapping[str, str]) -> Markup:
    """Return all pictures; nothing if there are none. With several pods, an overview of them comes first."""
    end = manifest.finished or manifest.started
    capture = Moment(end, "capture", "Capture", first=manifest.started)
    pictures = _with_alert(pictures, manifest)
    if len(manifest.targets) == 1:
        return Markup("").join(_sections(pod, capture, Sources(links), 2) for pod in pictures.pods)
    if not pictures.pods:
        return NO_MARKUP
    details = Markup("").join(
        _POD.format(number, pod.pod, _sections(pod, capture, Sources(links, pod.pod), 3))
        for number, pod in enumerate(pictures.pods)
    )
    return _overview(pictures, manifest, capture) + details


def _with_alert(pictures: Pictures, manifest: Manifest) -> Pictures:
    """Return ``pictures`` with the alert in the timeline of each pod, if an alert selected the pods."""
    if manifest.alerted is None:
        return pictures
    alert = Moment(manifest.alerted, "alert", "Alert in PagerDuty")
    return replace(pictures, pods=tuple(replace(pod, moments=(*pod.moments, alert)) for pod in pictures.pods))


def _sections(pod: PodPictures, capture: Moment, sources: Sources, level: int) -> Markup:
    """Return the pictures of a pod, with headings of ``level``."""
    parts = [
        ("Timeline", draw_timeline(pod.moments, capture, sources)),
        ("Use and limits", draw_meters(pod.meters, sources)),
        *((stacks.title, _stacks(stacks, sources)) for stacks in pod.stacks),
        *((ranking_title(ranking, sources), draw_ranking(ranking, sources)) for ranking in pod.rankings),
    ]
    return Markup("").join(_SECTION.format(level, title, part) for title, part in parts if part)


def _stacks(stacks: Stacks, sources: Sources) -> Markup:
    file = sources.place(stacks.file)
    hint = next((text for suffix, text in _OPENED_BY.items() if stacks.file.endswith(suffix)), "")
    head = _DOWNLOAD.format(weight(stacks.total, stacks.unit), file, hint)
    return head + draw_states(stacks) + draw_groups(stacks, sources) + draw_flame(stacks)


def _overview(pictures: Pictures, manifest: Manifest, capture: Moment) -> Markup:
    times = [moment.first or moment.when for pod in pictures.pods for moment in pod.moments]
    scale = TimeScale(min(times, default=capture.when), capture.when)
    targets = {target.pod: target for target in manifest.targets}
    rows = Markup("").join(
        _pod_row(number, pod, targets.get(pod.pod), manifest.findings, scale)
        for number, pod in enumerate(pictures.pods)
    )
    hidden = _HIDDEN.format(pictures.hidden_pods) if pictures.hidden_pods else NO_MARKUP
    return _OVERVIEW.format(f"The last {duration(scale.end - scale.begin)}", rows, hidden)


def _pod_row(
    number: int, pod: PodPictures, target: Target | None, findings: Sequence[Finding], scale: TimeScale
) -> Markup:
    alarms = (finding for finding in findings if finding.severity != "info")
    finding = next((finding for finding in alarms if pod.pod in (finding.pod, *finding.pods)), None)
    memory = next((meter for meter in pod.meters if meter.name == _MEMORY and meter.limit), None)
    return _POD_ROW.format(
        number,
        pod.pod,
        target.state if target else "",
        _TONES[finding.severity] if finding else "",
        shortened(finding.title, 120) if finding else "none",
        bar(memory.used / memory.limit, meter_tone(memory)) if memory else NO_MARKUP,
        _percent(memory),
        draw_strip(pod.moments, scale),
    )


def _percent(memory: Meter | None) -> str:
    return f"{memory.used * 100 / memory.limit:.0f} %" if memory else ""
