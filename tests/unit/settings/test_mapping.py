"""mapping.py: the text of a setting becomes a mapping, or one error that names the setting."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debugcapture.capture import debug_session
from debugcapture.errors import BadInput
from debugcapture.fleet import manifests
from debugcapture.settings.debug_container import DebugContainerSettings
from debugcapture.settings.fleet import InClusterSettings
from debugcapture.settings.mapping import read_mapping

WRONG = [
    "2001-13-45",
    "a: 2001-13-45",
    "[" * 5000,
    "{" * 5000,
    "[1]",
    "text",
    "1: x",
    "? [a]\n: b",
    "!!python/object:x {}",
    "a: &b [*b",
    "\x00",
]


def job_pod_spec(text: str) -> None:
    manifests.check(InClusterSettings(job_image="x:1", job_pod_spec=text))


def debug_container_spec(text: str) -> None:
    debug_session.debug_options(DebugContainerSettings(image="x:1", debug_container_spec=text), 60)


@pytest.mark.parametrize("text", WRONG, ids=lambda text: text[:20])
@pytest.mark.parametrize("read", [job_pod_spec, debug_container_spec], ids=["job_pod_spec", "debug_container_spec"])
def test_a_value_that_is_not_a_mapping_is_reported_with_the_setting_and_an_example(read: Any, text: str) -> None:
    with pytest.raises(BadInput, match=f"cannot read {read.__name__}: .* Use a mapping in JSON or YAML, for example"):
        read(text)


@pytest.mark.parametrize("text", ["", "  ", "{}", '{"a": {"b": [1]}}', "a: {b: [1]}\n"])
def test_json_and_yaml_are_read(text: str) -> None:
    assert read_mapping("x", text, "{}") in ({}, {"a": {"b": [1]}})


@given(st.text())
def test_any_text_is_a_mapping_or_bad_input(text: str) -> None:
    with suppress(BadInput):
        assert isinstance(read_mapping("x", text, "{}"), dict)
