"""Fixtures of the tests that connect to a cluster."""

from __future__ import annotations

import pytest

from tests.unit.kube.access import Pair, self_signed


@pytest.fixture(autouse=True)
def _no_system_cas(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading the system's CAs takes longer than all else here."""
    monkeypatch.setenv("SSL_CERT_FILE", "/dev/null")


@pytest.fixture(scope="module")
def pair() -> Pair:
    return self_signed("test")
