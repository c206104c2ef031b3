"""references.py: the pods of an autoscaler, a disruption budget or a claim."""

from __future__ import annotations

from typing import Any, cast

import pytest

from debugcapture.errors import NotAllowed, TargetNotFound
from debugcapture.kube.client import Api
from debugcapture.targets.references import budget_selector, label_selector, mounts_claim, scaled_workload

AUTOSCALER = {"metadata": {"name": "web"}, "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "shop-web"}}}


class Lists:
    """An API that returns one list, or rejects the request."""

    def __init__(self, *items: dict[str, Any], refuses: bool = False) -> None:
        self._items, self._refuses = list(items), refuses

    def items(self, _path: str, action: str) -> list[dict[str, Any]]:
        if self._refuses:
            raise NotAllowed(action, "forbidden", "Ask.")
        return self._items


def api(*items: dict[str, Any], refuses: bool = False) -> Api:
    return cast("Api", Lists(*items, refuses=refuses))


def test_an_autoscaler_names_the_workload_that_it_scales() -> None:
    assert scaled_workload(api(AUTOSCALER), "shop", "web") == "Deployment/shop-web"


def test_without_permission_the_workload_has_the_name_of_its_autoscaler() -> None:
    assert scaled_workload(api(refuses=True), "shop", "web") == "web"


def test_a_missing_autoscaler_is_reported() -> None:
    with pytest.raises(TargetNotFound, match="no horizontalpodautoscaler shop/web: it does not exist"):
        scaled_workload(api(), "shop", "web")


def test_a_budget_without_a_selector_is_reported() -> None:
    budget = {"metadata": {"name": "web"}, "spec": {"selector": {}}}
    with pytest.raises(TargetNotFound, match="it selects no pods"):
        budget_selector(api(budget), "shop", "web")


def test_a_selector_becomes_a_query() -> None:
    expressions = [
        {"key": "tier", "operator": "NotIn", "values": ["db", "cache"]},
        {"key": "canary", "operator": "DoesNotExist"},
        {"key": "team", "operator": "Exists"},
    ]
    selector = {"matchLabels": {"app": "web"}, "matchExpressions": expressions}
    assert label_selector({"spec": {"selector": selector}}) == "app=web,tier notin (db,cache),!canary,team"


@pytest.mark.parametrize(("volumes", "mounts"), [(None, False), ([{"emptyDir": {}}], False), ([{"name": "d"}], False)])
def test_other_volumes_are_not_the_claim(volumes: Any, mounts: bool) -> None:
    assert mounts_claim({"spec": {"volumes": volumes}}, "data") is mounts


def test_a_pod_mounts_its_claim() -> None:
    pod = {"spec": {"volumes": [{"persistentVolumeClaim": {"claimName": "data"}}]}}
    assert mounts_claim(pod, "data")
    assert not mounts_claim(pod, "other")
