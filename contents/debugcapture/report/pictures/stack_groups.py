"""Threads grouped by identical stack, with their states."""

from itertools import count
from typing import Final

from markupsafe import Markup

from ...picture import StackGroup, Stacks
from .shapes import NO_MARKUP, Sources, percentage, weight

_OTHER_TONES: Final = 3
_OPEN: Final = 1  # groups that are open at first
_GROUP: Final = Markup(
    '<details class="group"{}><summary><span class="count">{}</span>{} <span class="where">{}</span></summary>'
    "<ol>{}{}</ol><p><small>{}{}</small></p></details>"
)
_STATE: Final = Markup(' <span class="state {}">{}</span>')
_FRAME: Final = Markup("<li>{}</li>")
_OWN_FRAME: Final = Markup('<li class="own"><strong>{}</strong></li>')
_MORE_FRAMES: Final = Markup("<li>… {} more frames</li>")
_REST: Final = Markup("<p><small>{:,} more groups with fewer {} are in the file.</small></p>")
_STATES: Final = Markup(
    '<svg width="100%" height="14" class="states" aria-hidden="true">{}</svg><p class="legend">{}</p>'
)
_PART: Final = Markup('<rect class="{}" x="{}%" width="{}%" height="14"/>')
_KEY: Final = Markup(
    '<span><svg width="10" height="10" aria-hidden="true"><rect class="{}" width="10" height="10"/></svg> {} {}</span> '
)
_BLOCKED: Final = ("BLOCKED", "sync.Mutex.Lock", "sync.RWMutex.Lock", "sync.RWMutex.RLock", "semacquire")
_RUNNING: Final = ("RUNNABLE", "active", "active+gil", "running", "runnable", "syscall")


def draw_states(stacks: Stacks) -> Markup:
    """Return one bar that is divided by state, with its legend; nothing if the file contains no states."""
    if not stacks.states:
        return NO_MARKUP
    start, parts, keys = 0.0, [], []
    tones = (f"other-{place % _OTHER_TONES}" for place in count())
    for row in stacks.states:
        kind = _tone(row.label) or next(tones)
        share = row.value / stacks.total
        parts.append(_PART.format(kind, percentage(start), percentage(share)))
        keys.append(_KEY.format(kind, row.value, row.label))
        start += share
    return _STATES.format(Markup("").join(parts), Markup("").join(keys))


def _tone(state: str) -> str:
    """Return whether a thread in ``state`` runs or waits for a lock; "" if it waits for something else."""
    word = state.partition(",")[0].removesuffix(" (virtual)")
    return "bad" if word in _BLOCKED else "good" if word in _RUNNING else ""


def draw_groups(stacks: Stacks, sources: Sources) -> Markup:
    """Return one block for each group: the largest first, and of the same size, those that wait for a lock first."""
    ordered = sorted(stacks.groups, key=lambda group: (-group.count, _tone(group.state) != "bad"))
    groups = [_group(stacks, group, sources, is_open=place < _OPEN) for place, group in enumerate(ordered)]
    rest = _REST.format(stacks.hidden_groups, stacks.unit) if stacks.hidden_groups else NO_MARKUP
    return Markup("").join([*groups, rest])


def _group(stacks: Stacks, group: StackGroup, sources: Sources, *, is_open: bool) -> Markup:
    place = group.frames[max(group.own, 0)] if group.frames else "no stack"
    state = _STATE.format(_tone(group.state), group.state) if group.state else ""
    frames = (
        (_OWN_FRAME if position == group.own else _FRAME).format(frame) for position, frame in enumerate(group.frames)
    )
    more = _MORE_FRAMES.format(group.hidden_frames) if group.hidden_frames else ""
    return _GROUP.format(
        Markup(" open") if is_open else "",
        weight(group.count, stacks.unit),
        state,
        place,
        Markup("").join(frames),
        more,
        _name_of(group),
        sources.place(stacks.file, group.line),
    )


def _name_of(group: StackGroup) -> str:
    if not group.names:
        return ""
    rest = group.count - len(group.names)
    return f"{', '.join(group.names)}{f' and {rest} more' if rest > 0 else ''} · "
