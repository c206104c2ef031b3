"""JSON and YAML documents in a file: hostile ones end soon."""

from __future__ import annotations

import pytest

from debugcapture.findings.parsers.kube_documents import documents
from tests.unit.linear import assert_linear


@pytest.mark.parametrize("start", ["", "kind: Pod\nmetadata: "])
@pytest.mark.parametrize("unit", ["[", '{"a":', "a: &a [*a, *a]\n", "- ", "{a: ", "? ", "'"])
def test_hostile_documents_are_parsed_in_linear_time(start: str, unit: str) -> None:
    assert_linear(lambda text: documents(start + text.decode()), unit.encode())
