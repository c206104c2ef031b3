"""Fixtures of the tests that connect to a cluster."""

from __future__ import annotations

import pytest

from tests.unit.kube.access import Pair, self_signed


@pytest.fixture(scope="module")
def pair() -> Pair:
    return self_signed("test")
