"""shared.py: errors name their subject, and lists of namespaces are read."""

from __future__ import annotations

import pytest

from debugcapture.errors import BadInput, CaptureError
from debugcapture.settings.cluster import NamespacesSettings
from debugcapture.steps.shared import about, names_of


@pytest.mark.parametrize(
    ("text", "names"), [("", []), (" , ", []), ("shop", ["shop"]), (" shop ,bank,", ["shop", "bank"])]
)
def test_names_of_namespaces(text: str, names: list[str]) -> None:
    assert names_of(NamespacesSettings(namespaces=text)) == names


def test_an_error_gets_its_subject_once() -> None:
    with pytest.raises(CaptureError) as caught, about("pod shop/web"), about("pod shop/web"):
        raise BadInput("cannot read the file", "it is empty")
    assert str(caught.value).count("pod shop/web") == 1
    assert isinstance(caught.value, BadInput)


def test_other_errors_are_not_changed() -> None:
    with pytest.raises(KeyError), about("pod shop/web"):
        raise KeyError("x")
