"""errors.py: one line for a user, and an exit code for each kind."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debugcapture import errors
from debugcapture.errors import BadInput, CaptureError, one_line

EXIT_CODES = {
    "BadInput": 2,
    "TargetNotFound": 3,
    "NotAllowed": 4,
    "NothingCaptured": 5,
    "NeverEnds": 5,
    "Unreachable": 5,
    "NotStored": 6,
    "NoteNotSent": 7,
    "NotRestarted": 8,
}


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
def test_error_reads_as_sentences(error: CaptureError, line: str) -> None:
    assert str(error) == line


def test_a_line_begins_with_its_subject_unless_it_names_it() -> None:
    told, untold = BadInput("cannot read pod shop/a", "it is gone"), BadInput("cannot read x", "it is empty", "Fill.")
    told.about("shop/a")
    untold.about("shop/a")
    assert str(told) == "cannot read pod shop/a: it is gone"
    assert str(untold) == "shop/a: cannot read x: it is empty. Fill."


@pytest.mark.parametrize(("name", "code"), EXIT_CODES.items())
def test_exit_codes_are_those_documented(name: str, code: int) -> None:
    assert getattr(errors, name).exit_code == code
    assert f"{name}" in (errors.__doc__ or "")


def test_every_error_has_an_exit_code_in_this_table() -> None:
    def below(kind: type[CaptureError]) -> set[str]:
        return {one for sub in kind.__subclasses__() for one in {sub.__name__, *below(sub)}}

    assert below(CaptureError) == EXIT_CODES.keys()


@given(st.text(), st.text(), st.text())
def test_error_is_always_one_printable_line(what: str, why: str, do: str) -> None:
    assert str(CaptureError(what, why, do)).isprintable()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a\nb", "a b"),
        ("a\r\nRUNDECK:DATA:x=1", "a RUNDECK:DATA:x=1"),
        ("a\u2028b\x85c", "a b c"),
        ("red \x1b[31mtext", "red [31mtext"),
        ("\u202eevil", "evil"),
        ("  much   room ", "much room"),
        (ValueError("bad\nvalue"), "bad value"),
    ],
    ids=["break", "forged line", "unicode breaks", "terminal control", "right to left", "spaces", "exception"],
)
def test_one_line_takes_out_what_could_forge_a_line(text: object, line: str) -> None:
    assert one_line(text) == line
