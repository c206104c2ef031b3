"""The lab's cluster as its administrator, and a namespace for each test; how many inputs a property is tried with."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings

import lab.kubernetes
from lab.kubernetes.kubectl import Kubectl

# No deadline: a busy machine is no defect.
_PHASES = (Phase.explicit, Phase.generate, Phase.shrink)
_SLOW = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large)
settings.register_profile("unit", max_examples=25, deadline=None, database=None, phases=_PHASES)
settings.register_profile(
    "thorough", max_examples=10_000, deadline=None, database=None, phases=_PHASES, suppress_health_check=_SLOW
)


def pytest_configure(config: pytest.Config) -> None:
    """Try few examples, as the suite runs after every change; `./build.sh test` asks for the profile "thorough"."""
    if not config.getoption("--hypothesis-profile"):
        settings.load_profile("unit")


@pytest.fixture(scope="session")
def kubectl() -> Kubectl:
    cluster = lab.kubernetes.endpoint()
    return Kubectl(cluster.kubectl, cluster.kubeconfig)


@pytest.fixture
def namespace(kubectl: Kubectl) -> Iterator[str]:
    name = f"test-{secrets.token_hex(4)}"
    kubectl("create", "namespace", name)
    yield name
    kubectl("delete", "namespace", name, "--wait=false")
