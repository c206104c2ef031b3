"""One pod and one PagerDuty account for all rows that do not damage them."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.kubernetes.kubectl import Kubectl
from tests.cluster.objects import container, pod, pod_spec
from tests.faults.world import POD, World, bind, usual, wait_ready
from tests.simulator import Simulator, simulator


@pytest.fixture(scope="session")
def shared_namespace(kubectl: Kubectl) -> Iterator[str]:
    name = f"faults-{secrets.token_hex(4)}"
    kubectl("create", "namespace", name)
    bind(kubectl, name)
    thing = pod(POD, pod_spec(container()))
    kubectl("apply", f"--namespace={name}", "--filename=-", stdin=json.dumps(thing))
    wait_ready(kubectl, name, POD)
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture(scope="session")
def pagerduty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Simulator]:
    with simulator(tmp_path_factory.mktemp("pagerduty") / "state") as pagerduty:
        yield pagerduty


@pytest.fixture
def world(kubectl: Kubectl, shared_namespace: str, pagerduty: Simulator, tmp_path: Path) -> Iterator[World]:
    world = World(kubectl, shared_namespace, tmp_path, pagerduty, usual(shared_namespace, tmp_path, pagerduty))
    world.collect("pod-snapshot", "words", "look")
    with world.left, world.broken:
        yield world
