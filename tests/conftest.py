"""The lab's cluster as its administrator, and a namespace for each test."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

import lab.kubernetes
from lab.kubernetes.kubectl import Kubectl


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
