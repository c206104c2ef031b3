"""values.py: quantities as Kubernetes writes them."""

from __future__ import annotations

import pytest

from debugcapture.errors import UnexpectedAnswer
from debugcapture.kube.values import parse_quantity


@pytest.mark.parametrize(
    ("text", "number"), [("1Gi", 1 << 30), ("512Mi", 512 << 20), ("1.5Ki", 1536), ("2G", 2 * 10**9), ("100", 100)]
)
def test_quantities_are_read_as_kubernetes_does(text: str, number: int) -> None:
    assert parse_quantity(text) == number


@pytest.mark.parametrize("text", ["", "-1", "1.2.3", "1 Gi", "1Xi", "1e999", "Gi"])
def test_an_invalid_quantity_of_bytes_is_reported(text: str) -> None:
    with pytest.raises(UnexpectedAnswer, match="not a quantity of bytes"):
        parse_quantity(text)
