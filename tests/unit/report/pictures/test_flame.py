"""flame.py: stacks as a flame graph."""

from __future__ import annotations

from debugcapture.picture import FlameBar, Stacks
from debugcapture.report.pictures.flame import draw_flame, own_weights

BARS = (
    FlameBar(0, 0, 8, "Thread.run"),
    FlameBar(0, 8, 2, "Shop.<main>"),
    FlameBar(1, 0, 6, "Shop.pay", is_own=True),
    FlameBar(2, 0, 6, "Object.wait"),
)
STACKS = Stacks("Java threads", "threads.txt", "threads", 10, bars=BARS, hidden_bars=3)


def test_bars_have_their_share_of_the_width_and_their_depth() -> None:
    markup = draw_flame(STACKS)
    assert '<svg x="80%" y="0" width="20%" height="19"><title>Shop.&lt;main&gt;: 2 threads, 20.0 %</title>' in markup
    assert '<svg x="0%" y="20" width="60%"' in markup
    assert markup.count('<rect class="own"') == 1
    assert 'width="100%" height="60" role="img"' in markup
    assert "3 narrow bars are left out" in markup


def test_a_bar_that_is_too_narrow_has_no_text_but_a_title() -> None:
    bars = (FlameBar(0, 0, 10_000, "wide"), FlameBar(1, 0, 1, "narrow"))
    markup = draw_flame(Stacks("x", "", "samples", 10_000, bars=bars))
    assert markup.count("<text") == 1
    assert "<title>narrow: 1 sample, 0.0 %</title>" in markup


def test_the_weight_of_a_function_itself_is_without_what_it_calls() -> None:
    assert own_weights(BARS) == {"Thread.run": 2, "Shop.<main>": 2, "Shop.pay": 0, "Object.wait": 6}
    table = draw_flame(STACKS).partition("<table")[2]
    assert table.index("Object.wait") < table.index("Thread.run")
    assert "Shop.pay" not in table


def test_without_bars_there_is_no_picture() -> None:
    assert draw_flame(Stacks("x", "", "samples", 0)) == ""
