"""errors.py: one line for a user, and an exit code for each kind."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debugcapture import errors
from debugcapture.errors import BadInput, CaptureError, NoteNotSent


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (BadInput("cannot read x", "it is empty", "Fill it."), "cannot read x: it is empty. Fill it."),
        (BadInput("cannot read x", "it is empty.", "Fill it."), "cannot read x: it is empty. Fill it."),
        (BadInput("cannot read x", "", "Fill it."), "cannot read x. Fill it."),
        (BadInput("cannot read x", "it is empty"), "cannot read x: it is empty"),
        (BadInput("cannot read x", ""), "cannot read x"),
    ],
    ids=["all", "full stop once", "no reason", "no advice", "only what"],
)
def test_an_error_consists_of_sentences(error: CaptureError, line: str) -> None:
    assert str(error) == line


def test_a_line_begins_with_its_subject_unless_it_names_it() -> None:
    message, untold = (
        BadInput("cannot read pod shop/a", "it is gone"),
        BadInput("cannot read x", "it is empty", "Fill."),
    )
    assert message.about("shop/a") is message
    assert str(untold.about("shop/a")) == "shop/a: cannot read x: it is empty. Fill."


@pytest.mark.parametrize("other", ["shop/a-2", "shop/a.b", "myshop/a", "x/shop/a", "shop/ab"])
def test_a_longer_name_is_not_the_subject(other: str) -> None:
    assert str(BadInput(f"cannot read pod {other}", "it is gone").about("shop/a")).startswith("shop/a: cannot")


@pytest.mark.parametrize(
    "line", ["cannot read pod shop/a", "pod shop/a (container app)", "no shop/a, shop/b", "shop/a"]
)
def test_the_subject_is_found_where_it_stands_alone(line: str) -> None:
    error = BadInput(line, "")
    assert error.about("shop/a") is error


def test_an_error_that_was_raised_is_not_changed() -> None:
    raised = NoteNotSent("no note", "busy", "Wait.", status=429, waits=True)
    changed = raised.about("shop/a").advising("Read it.").with_data(capture_id="1").with_data(link="l")
    assert str(raised) == "no note: busy. Wait."
    assert raised.data == {}
    assert type(changed) is NoteNotSent
    assert (changed.status, changed.waits, changed.data) == (429, True, {"capture_id": "1", "link": "l"})
    assert str(changed) == "shop/a: no note: busy. Read it."


def test_every_cause_is_in_the_tree_of_the_docstring() -> None:
    def below(kind: type[CaptureError]) -> set[str]:
        return {name for sub in kind.__subclasses__() for name in {sub.__name__, *below(sub)}}

    documented = set(re.findall(r"(?m)^[│├└─ ]+([A-Za-z]+) ", errors.__doc__ or ""))
    assert below(CaptureError) == documented


@given(st.text(), st.text(), st.text())
def test_error_is_always_one_printable_line(action: str, reason: str, remedy: str) -> None:
    assert str(CaptureError(action, reason, remedy)).isprintable()
