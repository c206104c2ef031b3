"""Stacks as a flame graph, the outermost function on top: the wider a bar, the more stacks contain the function."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from ...picture import FlameBar, Stacks
from .shapes import NO_MARKUP, bar, percent, percentage, weight

_ROW_HEIGHT: Final = 20
_MOST_FUNCTIONS: Final = 12
_NARROW: Final = 0.02  # a bar of less than this share has no text
_GRAPH: Final = Markup(
    '<div class="flame" tabindex="0" role="group" aria-label="{}">'
    '<svg width="100%" height="{}" role="img" aria-label="{}">{}</svg></div>'
)
_BAR: Final = Markup(
    '<svg x="{}%" y="{}" width="{}%" height="19"><title>{}</title><rect class="{}" width="100%" height="19"/>{}</svg>'
)
_TEXT: Final = Markup('<text x="4" y="14">{}</text>')
_TABLE: Final = Markup(
    '<details><summary>{}</summary><table class="bars"><thead><tr><th scope="col">Function</th>'
    '<th scope="col">Itself</th><th scope="col">Share</th></tr></thead><tbody>{}</tbody></table></details>'
)
_ROW: Final = Markup('<tr><th scope="row">{}</th><td class="size">{}</td><td class="gauge">{}<span>{}</span></td></tr>')
_NOTE: Final = Markup("<p><small>{}</small></p>")


def draw_flame(stacks: Stacks) -> Markup:
    """Return the flame graph of ``stacks``, and the functions with the most own weight as a table."""
    if not stacks.bars or not stacks.total:
        return NO_MARKUP
    height = (max(piece.depth for piece in stacks.bars) + 1) * _ROW_HEIGHT
    total = weight(stacks.total, stacks.unit)
    alternative = f"Flame graph of {total}. The table below contains the functions at the end of the stacks."
    bars = Markup("").join(_bar(piece, stacks) for piece in stacks.bars)
    title = f"{stacks.title}: flame graph"
    hidden = f" {stacks.hidden_bars:,} narrow bars are left out." if stacks.hidden_bars else ""
    legend = f"Outermost function on top. Highlighted: functions of the application.{hidden}"
    return _GRAPH.format(title, height, alternative, bars) + _NOTE.format(legend) + _functions(stacks)


def _bar(piece: FlameBar, stacks: Stacks) -> Markup:
    share = piece.width / stacks.total
    title = f"{piece.text}: {weight(piece.width, stacks.unit)}, {share * 100:.1f} %"
    text = _TEXT.format(piece.text) if share >= _NARROW else NO_MARKUP
    kind = "own" if piece.is_own else "library"
    y = piece.depth * _ROW_HEIGHT
    return _BAR.format(percentage(piece.start / stacks.total), y, percentage(share), title, kind, text)


def _functions(stacks: Stacks) -> Markup:
    """Return the functions in which most stacks end."""
    weights = own_weights(stacks.bars)
    rows = Markup("").join(
        _ROW.format(text, weight(value, stacks.unit), bar(value / stacks.total, ""), percent(value / stacks.total))
        for text, value in weights.most_common(_MOST_FUNCTIONS)
        if value > 0
    )
    return _TABLE.format(f"{stacks.title}: functions in which most stacks end", rows)


def own_weights(bars: Sequence[FlameBar]) -> Counter[str]:
    """Return the weight of each function without the functions that it calls."""
    rows: dict[int, list[FlameBar]] = {}
    for piece in bars:
        rows.setdefault(piece.depth, []).append(piece)
    starts = {depth: [piece.start for piece in row] for depth, row in rows.items()}
    weights: Counter[str] = Counter()
    for piece in bars:
        weights[piece.text] += piece.width
        above = bisect_right(starts.get(piece.depth - 1, []), piece.start) - 1
        if above >= 0:
            weights[rows[piece.depth - 1][above].text] -= piece.width
    return weights
