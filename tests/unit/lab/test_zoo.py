"""The workloads of the zoo, as the lab would apply them."""

from __future__ import annotations

from collections import defaultdict

import pytest

from lab.kubernetes import zoo, zoo_images

KEYS: dict[str, str] = defaultdict(lambda: "key")
EVERY = [*zoo.manifests(KEYS), *zoo.owned_manifests(KEYS, 29455860, defaultdict(lambda: "uid"))]
WITH_PODS = [item for item in EVERY if item["kind"] not in ("Rollout", "DeploymentConfig")]


@pytest.mark.parametrize("item", WITH_PODS, ids=lambda item: f"{item['kind']}-{item['metadata']['name']}")
def test_each_is_cheap_and_in_the_namespace(item: zoo.Json) -> None:
    assert item["metadata"]["namespace"] == "zoo"
    spec = item["spec"]
    template = spec if item["kind"] == "Pod" else zoo._template(item)["spec"]
    for container in (*template["containers"], *template.get("initContainers", [])):
        assert container["resources"]["requests"] == {"cpu": "5m", "memory": "8Mi"}
        assert container["resources"]["limits"]["memory"] in ("16Mi", "64Mi", "192Mi")
        assert container["image"].startswith("lab.local/")


def test_a_new_image_replaces_the_pod() -> None:
    older, newer = (zoo.manifests(defaultdict(lambda key=key: key))[0]["spec"]["template"] for key in ("1", "2"))  # type: ignore[misc]
    assert older["metadata"] != newer["metadata"]
    assert older["spec"] == newer["spec"]


def test_what_another_object_owns_names_its_controller() -> None:
    owners = {
        item["metadata"]["name"]: (owner["apiVersion"], owner["kind"], owner["name"], owner["controller"])
        for item in EVERY
        for owner in item["metadata"].get("ownerReferences", [])
    }
    assert owners == {
        "rollout-6b8f9d7c5d": ("argoproj.io/v1alpha1", "Rollout", "rollout", True),
        "deployment-config-3": ("apps.openshift.io/v1", "DeploymentConfig", "deployment-config", True),
        "report-29455860": ("batch/v1", "CronJob", "report", True),
    }


@pytest.mark.parametrize(
    ("state", "status", "deleted"),
    [
        ("ready", {"conditions": [{"type": "Ready", "status": "True"}]}, False),
        ("initializing", {"initContainerStatuses": [{"state": {"running": {}}}]}, False),
        ("crashed", {"containerStatuses": [{"restartCount": 1}]}, False),
        ("ended", {"containerStatuses": [{"state": {"terminated": {}}}]}, False),
        (
            "unready",
            {"containerStatuses": [{"state": {"running": {}}}], "conditions": [{"type": "Ready", "status": "False"}]},
            False,
        ),
        ("terminating", {}, True),
    ],
)
def test_a_pod_is_in_its_state(state: str, status: zoo.Json, deleted: bool) -> None:
    metadata = {"labels": {"app": "x"}} | ({"deletionTimestamp": "T"} if deleted else {})
    assert zoo._is_in(state, {"metadata": metadata, "status": status})
    assert not zoo._is_in(state, {"metadata": {} if deleted else {"deletionTimestamp": "T"}, "status": status})
    assert set(zoo.states().values()) == {"ready", "initializing", "crashed", "ended", "unready", "terminating"}


def test_images_that_the_zoo_runs_are_built() -> None:
    named = {container["image"] for item in WITH_PODS for container in _containers(item)}
    built = {recipe.reference() for recipe in zoo_images.recipes()}
    assert named - built == {"lab.local/pause:1", "lab.local/orders:1"}  # the sample workloads have these


def _containers(item: zoo.Json) -> list[zoo.Json]:
    spec = item["spec"] if item["kind"] == "Pod" else zoo._template(item)["spec"]
    return [*spec["containers"], *spec.get("initContainers", [])]
