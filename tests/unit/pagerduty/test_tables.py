"""tables.py: tables of Markdown in an alert name a target for each row; what can be read in two ways names none."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from debugcapture.pagerduty.alerts import find_candidates
from debugcapture.pagerduty.senders import load_senders
from debugcapture.pagerduty.tables import Table, split_tables
from tests.unit.linear import assert_linear

SENDERS = load_senders()
CART, PAY = "cart-6f8d9c7b54-q2w4x", "pay-0"


def targets_in(text: str) -> list[tuple[str, str]]:
    body: dict[str, Any] = {"summary": "Something is wrong", "body": {"details": {"description": text}}}
    return [
        (candidate.namespace, candidate.pod or f"{candidate.kind}/{candidate.workload}")
        for candidate in find_candidates([body], SENDERS)
    ]


TABLES = {
    "pods": (f"| namespace | pod |\n|---|---|\n| shop | {CART} |\n| bank | {PAY} |\n", [("shop", CART), ("bank", PAY)]),
    "one pod": (f"Alert\n\n| Cluster | Namespace | Pod |\n|:--|:-:|--:|\n| eu | shop | {CART} |\n", [("shop", CART)]),
    "marks": (f"|**Namespace**|`Pod name`|\n|-|-|\n|`shop`|[{CART}](https://x/y)|\n", [("shop", CART)]),
    "no outer bars": (f"namespace | pod\n--- | ---\nshop | {CART}\n\nSee the runbook.", [("shop", CART)]),
    "workloads": (
        "| namespace | deployment | ready |\n|---|---|---|\n| shop | cart | 0/3 |\n| bank | pay | 1/2 |\n",
        [("shop", "deployment/cart"), ("bank", "deployment/pay")],
    ),
    "objects": (
        "| Kind | Namespace | Name |\n|---|---|---|\n| StatefulSet | shop | db |\n",
        [("shop", "statefulset/db")],
    ),
    "labels": (
        f"| Label | Value |\n|---|---|\n| namespace | shop |\n| pod | {CART} |\n| app | cart |\n",
        [("shop", CART)],
    ),
    "labels without a header": (
        f"| | |\n|---|---|\n| **Namespace** | shop |\n| **Pod** | {CART} |\n",
        [("shop", CART)],
    ),
    "labels in the header": (f"| namespace | shop |\n|---|---|\n| pod | {CART} |\n", [("shop", CART)]),
    "a namespace like a label": (f"| namespace | pod |\n|---|---|\n| app | {PAY} |\n", []),
    "lines of Windows": (f"| namespace | pod |\r\n|---|---|\r\n| shop | {CART} |\r\n", [("shop", CART)]),
    "other columns": ("| name | value |\n|---|---|\n| cpu | 80 |\n| memory | 90 |\n", []),
    "no line of dashes": ("| namespace | pod |\n| shop | web-0 |\n", []),
}


@pytest.mark.parametrize(("text", "targets"), TABLES.values(), ids=TABLES)
def test_targets_in_tables(text: str, targets: list[tuple[str, str]]) -> None:
    assert targets_in(text) == targets


def test_the_text_around_a_table_stays_and_its_cells_are_plain_text() -> None:
    text = "before\n| a | b\\|c |\n|---|---|\n| 1 |\nafter"
    assert split_tables(text) == ("before\n\nafter", [Table(("a", "b|c"), [("1",)])])


def test_a_text_without_a_table_is_unchanged() -> None:
    for text in ("a | b\nc | d", "|---|", "a\n|---|---|", "", "|"):
        assert split_tables(text) == (text, [])


@pytest.mark.parametrize(
    "piece", ["|", "|-", "| a |\n|---|\n", "a|b\n", "-|\n", "[a](", "|[a](b)", "\\|", " " * 4000 + "|\n"]
)
def test_hostile_tables_are_read_in_time_that_grows_with_their_length(piece: str) -> None:
    heading = "| namespace | pod |\n|---|---|\n"
    assert_linear(lambda text: targets_in(heading + text.decode()), piece.encode())


@given(st.text(alphabet="|-: \nab\\`[](", max_size=200))
def test_any_text_is_split(text: str) -> None:
    rest, tables = split_tables(text)
    assert len(rest) <= len(text)
    assert all(len(table.header) <= 50 for table in tables)
