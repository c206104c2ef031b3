"""Times, durations and names as Kubernetes writes them."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from debugcapture.findings.parsers.kube_model import duration_s, moment, stem


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-30T10:00:05Z", datetime(2026, 11, 30, 10, 0, 5, tzinfo=timezone.utc)),
        ("2026-11-30T10:00:05.123456789Z", datetime(2026, 11, 30, 10, 0, 5, 123456, tzinfo=timezone.utc)),
        ("Mon, 30 Nov 2026 10:00:05 +0000", datetime(2026, 11, 30, 10, 0, 5, tzinfo=timezone.utc)),
        ("yesterday", None),
        ("2026-99-30T10:00:05Z", None),
        ("", None),
    ],
)
def test_times(text: str, expected: datetime | None) -> None:
    assert moment(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("6m9s", 369), ("3d2h", 266_400), ("87s", 87), ("1y2d", 31_708_800), ("<unknown>", None), ("", None), ("m", None)],
)
def test_durations(text: str, expected: int | None) -> None:
    assert duration_s(text) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("shop-6d4f5b9c7d-x2x4k", "shop"),
        ("web-0", "web"),
        ("agent-x2x4k", "agent"),
        ("shop", "shop"),
        ("import-28187618-54d9v", "import"),
    ],
)
def test_the_stem_of_a_pod_name(name: str, expected: str) -> None:
    assert stem(name) == expected
