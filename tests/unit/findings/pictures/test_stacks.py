"""stacks.py: identical stacks are counted, and a flame graph keeps what is wide enough to see."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from debugcapture.findings.pictures.stacks import Sample, StackFrame, counted, stacks_of
from debugcapture.picture import Stacks

RUN, SERVE, WAIT = StackFrame("Thread.run"), StackFrame("Shop.serve", is_own=True), StackFrame("Object.wait")


def drawn(*samples: Sample) -> Stacks:
    return stacks_of("Java threads", "threads.txt", "threads", samples)


def test_identical_stacks_in_the_same_state_are_one_group() -> None:
    stacks = drawn(
        Sample((SERVE, RUN), state="RUNNABLE", name="idle"),
        Sample((WAIT, SERVE, RUN), state="BLOCKED", name="a", line=7),
        Sample((WAIT, SERVE, RUN), state="BLOCKED", name="b", line=20),
        Sample((WAIT, SERVE, RUN), state="WAITING", name="c"),
    )
    first = stacks.groups[0]
    assert (first.count, first.state, first.names, first.line) == (2, "BLOCKED", ("a", "b"), 7)
    assert (first.frames, first.own) == (("Object.wait", "Shop.serve", "Thread.run"), 1)
    assert [group.count for group in stacks.groups] == [2, 1, 1]
    assert [(row.label, row.value) for row in stacks.states] == [("BLOCKED", 2), ("RUNNABLE", 1), ("WAITING", 1)]


def test_stacks_of_the_application_come_before_others_of_the_same_count() -> None:
    assert [group.own for group in drawn(Sample((WAIT, RUN)), Sample((SERVE, RUN))).groups] == [0, -1]


def test_minutes_do_not_make_another_state() -> None:
    stacks = drawn(Sample((SERVE,), 3, "select, up to 4 min"), Sample((WAIT,), 2, "select"))
    assert [(row.label, row.value) for row in stacks.states] == [("select", 5)]


def test_a_file_without_states_shows_none() -> None:
    assert drawn(Sample((SERVE,))).states == ()


def test_a_flame_graph_has_the_outermost_function_at_depth_0() -> None:
    stacks = drawn(Sample((SERVE, RUN), 3), Sample((WAIT, RUN), 1))
    assert [(bar.depth, bar.start, bar.width, bar.text) for bar in stacks.bars] == [
        (0, 0, 4, "Thread.run"),
        (1, 0, 3, "Shop.serve"),
        (1, 3, 1, "Object.wait"),
    ]
    assert [bar.is_own for bar in stacks.bars] == [False, True, False]
    assert stacks.hidden_bars == 0


def test_narrow_bars_are_left_out_and_counted() -> None:
    stacks = drawn(Sample((SERVE, RUN), 10_000), Sample((WAIT, RUN), 1))
    assert [bar.text for bar in stacks.bars] == ["Thread.run", "Shop.serve"]
    assert stacks.hidden_bars == 1


def test_a_very_deep_and_wide_dump_stays_small() -> None:
    samples = [Sample(tuple(StackFrame(f"f{number}-{depth}") for depth in range(300))) for number in range(1000)]
    stacks = drawn(*samples)
    assert stacks.total == 1000
    assert (len(stacks.groups), stacks.hidden_groups) == (12, 988)
    assert (len(stacks.groups[0].frames), stacks.groups[0].hidden_frames) == (30, 270)
    assert len(stacks.bars) <= 400


@given(st.lists(st.tuples(st.lists(st.sampled_from("abc"), max_size=5), st.integers(1, 9)), max_size=12))
def test_bars_lie_inside_the_bar_above_them(stacks: list[tuple[list[str], int]]) -> None:
    drawing = drawn(*(Sample(tuple(map(StackFrame, frames)), count) for frames, count in stacks))
    assert drawing.total == sum(count for _, count in stacks)
    for bar in drawing.bars:
        above = [other for other in drawing.bars if other.depth == bar.depth - 1]
        assert bar.start + bar.width <= drawing.total
        assert not above or any(
            other.start <= bar.start and bar.start + bar.width <= other.start + other.width for other in above
        )


def test_equal_stacks_of_a_profile_are_added_up() -> None:
    assert list(counted([((RUN,), 2), ((WAIT,), 1), ((RUN,), 3)])) == [Sample((RUN,), 5), Sample((WAIT,), 1)]
