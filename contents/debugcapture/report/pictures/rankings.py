"""Rankings as tables with bars: classes of a heap, connections, messages of a log."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from ...picture import Ranking, RankingKind, Row
from .shapes import Sources, amount, bar, percent


@dataclass(frozen=True, slots=True)
class _Words:
    """The texts of a kind of ranking."""

    title: str
    label: str
    value: str
    note: str
    rest: str
    """What the rows are, for the line about those that are left out."""


_WORDS: Final[Mapping[RankingKind, _Words]] = {
    "heap": _Words("Largest classes of the heap", "Class", "Size", "Instances", "classes"),
    "connections": _Words("Connections by peer and state", "Peer", "Connections", "State", "groups of connections"),
    "log": _Words("Messages of", "Message", "Count", "Level and time", "messages"),
}
_TABLE: Final = Markup(
    '<table class="bars"><thead><tr><th scope="col">{}</th><th scope="col">{}</th><th scope="col">Share</th>'
    '<th scope="col">{}</th></tr></thead><tbody>{}</tbody></table><p><small>{}{}.</small></p>'
)
_ROW: Final = Markup(
    '<tr><th scope="row">{}</th><td class="size">{}</td><td class="gauge">{}<span>{}</span></td><td>{}{}</td></tr>'
)
_LINE: Final = Markup(" <small>line {}</small>")


def ranking_title(ranking: Ranking, sources: Sources) -> str:
    """Return the heading of ``ranking``. A pod has several logs, but one heap and one table of connections."""
    title = _WORDS[ranking.kind].title
    return f"{title} {sources.name(ranking.file)}" if ranking.kind == "log" else title


def draw_ranking(ranking: Ranking, sources: Sources) -> Markup:
    """Return ``ranking`` as a table. The longest bar is that of the largest row."""
    words = _WORDS[ranking.kind]
    largest = max((row.value for row in ranking.rows), default=0) or 1
    rows = Markup("").join(_row(row, ranking, largest) for row in ranking.rows)
    hidden = f", {ranking.hidden:,} more {words.rest} are not shown" if ranking.hidden else ""
    source = Markup("From {}").format(sources.place(ranking.file))
    return _TABLE.format(words.label, words.value, words.note, rows, source, hidden)


def _row(row: Row, ranking: Ranking, largest: int) -> Markup:
    share = percent(row.value / ranking.total) if ranking.total else ""
    line = _LINE.format(row.line) if row.line else ""
    gauge = bar(row.value / largest, row.tone)
    return _ROW.format(row.label, amount(row.value, ranking.unit), gauge, share, row.note, line)
