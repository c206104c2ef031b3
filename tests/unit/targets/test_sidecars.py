"""sidecars.py: native sidecars are found by their restart policy, injected ones by their name."""

from __future__ import annotations

import pytest

from debugcapture.targets.sidecars import is_sidecar, native_sidecars
from tests.unit.builders import container, pod

POD = pod(
    spec={
        "containers": [container("app"), container("istio-proxy")],
        "initContainers": [container("migrate"), container("own-proxy", restartPolicy="Always")],
    }
)


def test_native_sidecars_are_init_containers_that_keep_running() -> None:
    assert native_sidecars(POD) == {"own-proxy"}
    assert native_sidecars(pod(spec={"initContainers": None})) == frozenset()


@pytest.mark.parametrize(
    ("name", "expected"), [("app", False), ("istio-proxy", True), ("own-proxy", True), ("migrate", False)]
)
def test_a_container_is_a_sidecar_by_policy_or_name(name: str, expected: bool) -> None:
    assert is_sidecar(POD, name) is expected
