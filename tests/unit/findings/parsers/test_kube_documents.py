"""JSON and YAML documents in a file: hostile ones end soon."""

from __future__ import annotations

import time

import pytest

from debugcapture.findings.parsers.kube_documents import documents


@pytest.mark.parametrize(
    "text",
    [
        "[" * 300_000,
        '{"a":' * 100_000,
        "a: &a [*a, *a]\n" * 1000,
        "- " * 100_000,
        "kind: Pod\nmetadata: " + "{a: " * 50_000,
        "? " * 50_000,
        "'" * 100_000,
    ],
)
def test_hostile_documents_are_parsed_in_limited_time(text: str) -> None:
    started = time.monotonic()
    documents(text)
    assert time.monotonic() - started < 10
