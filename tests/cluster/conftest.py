"""Fixtures of the tests on the cluster: create objects, and wait for pods."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from lab.kubernetes.kubectl import Kubectl
from lab.process import wait_until
from tests.cluster.deep import Deep, captured_deeply
from tests.cluster.objects import Apply


@pytest.fixture(scope="session")
def deep(tmp_path_factory: pytest.TempPathFactory, kubectl: Kubectl) -> Deep:
    return captured_deeply(tmp_path_factory.mktemp("spool"), kubectl)


@pytest.fixture
def apply(namespace: str, kubectl: Kubectl) -> Apply:
    def use(thing: dict[str, Any]) -> None:
        kubectl("apply", f"--namespace={namespace}", "-f", "-", stdin=json.dumps(thing))

    return use


@pytest.fixture
def ready(namespace: str, kubectl: Kubectl) -> Callable[[str], None]:
    def wait(condition: str) -> None:
        wait_until(
            "its pods",
            lambda: bool(kubectl("get", f"--namespace={namespace}", *condition.split(), "--output=name")),
            30,
        )
        kubectl("wait", f"--namespace={namespace}", "--for=condition=Ready", *condition.split(), "--timeout=90s")

    return wait
