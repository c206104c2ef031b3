"""stack_groups.py: identical stacks with their states."""

from __future__ import annotations

from debugcapture.picture import Row, StackGroup, Stacks
from debugcapture.report.pictures.shapes import Sources
from debugcapture.report.pictures.stack_groups import draw_groups, draw_states


def stacks(*groups: StackGroup, **fields: object) -> Stacks:
    total = sum(group.count for group in groups)
    return Stacks("Java threads", "threads.txt", "threads", total, groups=groups, **fields)  # type: ignore[arg-type]


def test_a_group_shows_its_state_its_place_and_its_names() -> None:
    frames = ("Object.wait", "Shop.<pay>", "Thread.run")
    group = StackGroup(7, "WAITING", frames, 3, ("pool-1", "pool-2"), own=1, line=40)
    markup = draw_groups(stacks(group, hidden_groups=1200), Sources({}))
    assert '<span class="where">Shop.&lt;pay&gt;</span>' in markup
    assert "<strong>Shop.&lt;pay&gt;</strong>" in markup
    assert "7 threads" in markup
    assert "pool-1, pool-2 and 5 more" in markup
    assert "… 3 more frames" in markup
    assert ">threads.txt:40</a>" in markup
    assert "1,200 more groups" in markup


def test_of_the_same_size_those_that_wait_for_a_lock_come_first_and_are_open() -> None:
    groups = (StackGroup(1, "RUNNABLE", ("a",)), StackGroup(1, "BLOCKED", ("b",)), StackGroup(2, "WAITING", ("c",)))
    markup = draw_groups(stacks(*groups), Sources({}))
    assert markup.index(">c<") < markup.index(">b<") < markup.index(">a<")
    assert markup.count("<details") == 3
    assert markup.startswith('<details class="group" open>')
    assert markup.count(" open>") == 1


def test_a_thread_without_a_stack_says_so() -> None:
    assert "no stack" in draw_groups(stacks(StackGroup(1, "", ())), Sources({}))


def test_the_bar_of_states_is_divided_by_their_number() -> None:
    group = StackGroup(4, "BLOCKED", ("a",))
    rows = (Row("BLOCKED", 2), Row("WAITING", 1), Row("TIMED_WAITING", 1))
    markup = draw_states(stacks(group, states=rows))
    assert '<rect class="bad" x="0%" width="50%"' in markup
    assert '<rect class="other-0" x="50%" width="25%"' in markup
    assert '<rect class="other-1" x="75%" width="25%"' in markup
    assert "2 BLOCKED" in markup
    assert draw_states(stacks(group)) == ""
