"""What happened to a pod before the capture: a lane for each kind of moment, and the moments as a list."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from typing import Final

from markupsafe import Markup

from ...picture import Moment, MomentKind
from .shapes import NO_MARKUP, Sources, percentage
from .time_scale import TimeScale, ago

_LANES: Final[Mapping[MomentKind, str]] = {
    "rollout": "Rollout",
    "run": "Starts",
    "restart": "Ended runs",
    "probe": "Readiness and probes",
    "problem": "Warnings",
    "alert": "Alert",
    "capture": "Capture",
}
# Shapes differ, so that a kind does not depend on its color.
_SHAPES: Final[Mapping[MomentKind, str]] = {
    "rollout": "M0-6 6 0 0 6-6 0Z",
    "run": "M-4-6 6 0-4 6Z",
    "restart": "M-6-4-4-6 0-2 4-6 6-4 2 0 6 4 4 6 0 2-4 6-6 4-2 0Z",
    "probe": "M-5 0a5 5 0 1 0 10 0a5 5 0 1 0-10 0Z",
    "problem": "M0-6 6 5-6 5Z",
    "alert": "M-5-5H5V5H-5Z",
    "capture": "M-1-8H1V8H-1Z",
}
_FEW: Final = 10  # moments of the list that are visible at first
_LANE: Final = Markup(
    '<div class="lane"><span>{}</span><svg width="100%" height="22" aria-hidden="true">{}{}</svg></div>'
)
_TICK: Final = Markup('<line class="tick" x1="{0}%" x2="{0}%" y1="0" y2="22"/>')
_LABEL: Final = Markup('<text class="axis {}" x="{}%" y="15" text-anchor="middle">{}</text>')
_MARK: Final = Markup(
    '<svg x="{}%" y="11" overflow="visible"><path class="mark {}" d="{}"><title>{}</title></path></svg>'
)
_SPAN: Final = Markup('<rect class="span {}" x="{}%" y="8" width="{}%" height="6" rx="3"><title>{}</title></rect>')
_LIST: Final = Markup(
    '<table class="moments"><thead><tr><th scope="col">Time (UTC)</th><th scope="col">Before the capture</th>'
    '<th scope="col">What happened</th><th scope="col">Evidence</th></tr></thead><tbody>{}</tbody></table>'
)
_ITEM: Final = Markup('<tr><td class="time">{}</td><td class="time">{}</td><td class="what {}">{}</td><td>{}</td></tr>')
_MORE: Final = Markup("<details><summary>{} earlier</summary>{}</details>")


def draw_timeline(moments: Sequence[Moment], capture: Moment, sources: Sources) -> Markup:
    """Return the timeline until ``capture``; nothing if nothing happened."""
    if not moments:
        return NO_MARKUP
    scale = TimeScale(min(moment.first or moment.when for moment in moments), capture.when)
    rows = [*moments, capture]
    ticks = scale.ticks()
    lines = Markup("").join(_TICK.format(percentage(position)) for position, _label in ticks)
    lanes = Markup("").join(
        _LANE.format(name, lines, Markup("").join(_marks(moment, scale) for moment in rows if moment.kind == kind))
        for kind, name in _LANES.items()
        if any(moment.kind == kind for moment in rows)
    )
    labels = Markup("").join(
        _LABEL.format("even" if place % 2 else "odd", percentage(position), f"{label} before")
        for place, (position, label) in enumerate(ticks)
    )
    axis = _LANE.format("", labels, "")
    lane_box = Markup('<div class="lanes" role="img" aria-label="{}">{}{}</div>')
    alternative = f"Timeline with {len(moments)} moments, which the table below lists."
    return lane_box.format(alternative, lanes, axis) + _list(moments, capture.when, sources)


def draw_strip(moments: Sequence[Moment], scale: TimeScale) -> Markup:
    """Return all moments in one lane, for an overview of many pods."""
    marks = Markup("").join(_marks(moment, scale) for moment in moments)
    return Markup('<svg width="100%" height="22" role="img" aria-label="{}">{}</svg>').format(
        f"{len(moments)} moments", marks
    )


def _marks(moment: Moment, scale: TimeScale) -> Markup:
    position, title = scale.position(moment.when), _words(moment)
    mark = _MARK.format(percentage(position), moment.tone or moment.kind, _SHAPES[moment.kind], title)
    if moment.first is None:
        return mark
    first = scale.position(moment.first)
    return _SPAN.format(moment.tone or moment.kind, percentage(first), percentage(position - first), title) + mark


def _words(moment: Moment) -> str:
    times = f" ({moment.count} times)" if moment.count > 1 else ""
    since = f", since {_clock(moment.first)}" if moment.first else ""
    return f"{moment.text}{times}{since}"


def _list(moments: Sequence[Moment], end: datetime, sources: Sources) -> Markup:
    """Return the moments as a table, the newest first. Most of a long list is closed."""
    newest = sorted(_without_repetitions(moments), key=lambda moment: moment.when, reverse=True)
    items = [
        _ITEM.format(
            _clock(moment.when),
            ago(end - moment.when),
            moment.tone,
            _words(moment),
            sources.place(moment.file, moment.line),
        )
        for moment in newest
    ]
    visible, rest = items[:_FEW], items[_FEW:]
    table = _LIST.format(Markup("").join(visible))
    return table + _MORE.format(len(rest), _LIST.format(Markup("").join(rest))) if rest else table


def _without_repetitions(moments: Sequence[Moment]) -> Iterator[Moment]:
    """Yield each text once: at the time when it happened last, with how often and since when."""
    texts: dict[tuple[str, str], list[Moment]] = {}
    for moment in moments:
        texts.setdefault((moment.kind, moment.text), []).append(moment)
    for same in texts.values():
        last = max(same, key=lambda moment: moment.when)
        first = min(moment.first or moment.when for moment in same)
        count = sum(moment.count for moment in same)
        yield replace(last, count=count, first=first if first < last.when else None)


def _clock(time: datetime) -> str:
    return time.astimezone(timezone.utc).strftime("%b %-d %H:%M:%S")
