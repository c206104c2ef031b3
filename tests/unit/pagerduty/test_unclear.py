"""unclear.py: words that can mean several targets are named with the reason."""

from __future__ import annotations

from typing import Any

import pytest

from debugcapture.pagerduty.unclear import find_unclear


def alert(details: Any) -> dict[str, Any]:
    return {"summary": "Something is wrong", "body": {"details": details}}


@pytest.mark.parametrize(
    ("details", "reason"),
    [
        (
            {"firing": "Labels:\n - service = shop-web-cart-80@kubernetes\n"},
            "shop-web-cart-80@kubernetes of Traefik does not show which namespace and workload it means",
        ),
        (
            {"service": "shop-cart-6b204d94623b3df4370c@kubernetescrd"},
            "shop-cart-6b204d94623b3df4370c@kubernetescrd "
            "of Traefik does not show which namespace and workload it means",
        ),
        ("pod web-0.web does not answer", "“web” after pod web-0 may be its namespace or its service"),
    ],
)
def test_words_that_may_mean_several_targets(details: Any, reason: str) -> None:
    assert find_unclear([alert(details)] * 2) == [reason]


@pytest.mark.parametrize(
    "details", [None, "web-0.web", "pod web-0.web.shop.svc", "a@kubernetesx", {"service": "x@file"}]
)
def test_other_words_are_no_reason(details: Any) -> None:
    assert find_unclear([alert(details)]) == []


def test_hostile_alerts_have_few_reasons() -> None:
    assert len(find_unclear([alert(" ".join(f"a-b-{number}-c@kubernetes" for number in range(1000)))])) == 3
