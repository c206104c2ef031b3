"""The lab's cluster as its administrator, a namespace for each test, and the number of inputs for each property."""

from __future__ import annotations

import gc
import re
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

import lab.kubernetes
from lab.kubernetes.kubectl import Kubectl
from lab.paths import part_dir
from tests import side_by_side
from tests.secrecy import left_by_steps, watched

# No deadline: a test may be slow on a busy machine.
_PHASES = (Phase.explicit, Phase.generate, Phase.shrink)
_OBJECTS_BEFORE_COLLECTION = 50_000
_SLOW = (HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large)
settings.register_profile("unit", max_examples=100, deadline=None, database=None, phases=_PHASES)
settings.register_profile(
    "thorough", max_examples=10_000, deadline=None, database=None, phases=_PHASES, suppress_health_check=_SLOW
)


def pytest_configure(config: pytest.Config) -> None:
    """Try few examples, as the suite runs after every change; `./build.sh fuzz` asks for the profile "thorough"."""
    if not config.getoption("--hypothesis-profile"):
        settings.load_profile("unit")
    config.pluginmanager.register(side_by_side)
    if not hasattr(config, "workerinput"):  # the workers of pytest-xdist send their measurements to the controller
        config.pluginmanager.register(side_by_side.Times())
        folder = tempfile.TemporaryDirectory(prefix="tests-")
        config.add_cleanup(folder.cleanup)
        config.pluginmanager.register(side_by_side.Groups(Path(folder.name)))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Collect without garbage collection: it would visit the thousands of tests again and again, and free nothing.

    Later it is rare, because most objects end with their last reference.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()
        gc.set_threshold(_OBJECTS_BEFORE_COLLECTION)


@pytest.fixture(scope="session", autouse=True)
def no_secret_is_left_behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Check after the run that no file of a step contains a canary or a key of the lab."""
    yield
    for file in (part_dir("s3") / "secret-key", part_dir("pagerduty") / "keys.json"):
        for word in re.findall(r"[^\s\"{}:,]{12,}", file.read_text()) if file.is_file() else ():
            watched(word, f"the lab's {file.parent.name}")
    assert not left_by_steps(tmp_path_factory.getbasetemp())


@pytest.fixture(scope="session")
def once(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> side_by_side.Once:
    return side_by_side.Once(tmp_path_factory, worker=hasattr(request.config, "workerinput"))


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
