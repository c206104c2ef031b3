"""Finds the pods of an object that refers to pods without owning them: an autoscaler, a disruption budget, a claim."""

from typing import Final

from ..errors import NotAllowed, TargetNotFound
from ..kube.client import Api
from ..kube.objects import match_labels_of
from ..kube.resources import path_of
from ..model import Json

REFERRING_KINDS: Final = ("horizontalpodautoscaler", "poddisruptionbudget", "persistentvolumeclaim")
_OPERATORS: Final = {"In": "in", "NotIn": "notin"}


def scaled_workload(api: Api, namespace: str, name: str) -> str:
    """Return the workload (KIND/NAME) that the HorizontalPodAutoscaler ``name`` scales. Raises TargetNotFound.

    If RBAC does not allow listing autoscalers, this is the workload with the same name, which is the usual convention.
    """
    try:
        autoscaler = _find(api, "horizontalpodautoscaler", namespace, name)
    except NotAllowed:
        return name
    target = autoscaler["spec"]["scaleTargetRef"]
    return f"{target['kind']}/{target['name']}"


def budget_selector(api: Api, namespace: str, name: str) -> str:
    """Return the label selector of the PodDisruptionBudget ``name``. Raises TargetNotFound if it selects nothing."""
    selector = label_selector(_find(api, "poddisruptionbudget", namespace, name))
    if not selector:
        action = f"no pod of poddisruptionbudget {namespace}/{name}"
        raise TargetNotFound(action, "it selects no pods", "Set workload or selector.")
    return selector


def mounts_claim(pod: Json, claim: str) -> bool:
    """Return whether a volume of ``pod`` is the PersistentVolumeClaim ``claim``."""
    volumes = pod["spec"].get("volumes") or []
    return any((volume.get("persistentVolumeClaim") or {}).get("claimName") == claim for volume in volumes)


def label_selector(resource: Json) -> str:
    """Return the selector of a workload or disruption budget as a query; "" if it has none, like a CronJob."""
    expressions = (resource["spec"].get("selector") or {}).get("matchExpressions") or []
    equal = [f"{key}={value}" for key, value in match_labels_of(resource).items()]
    return ",".join([*equal, *(_expression(expression) for expression in expressions)])


def _find(api: Api, kind: str, namespace: str, name: str) -> Json:
    """Return the object. It comes from a list, because the permission level “read” grants no get for these kinds."""
    for item in api.items(path_of(kind, namespace), f"cannot list {kind}s of {namespace}"):
        if item["metadata"]["name"] == name:
            return item
    raise TargetNotFound(f"no {kind} {namespace}/{name}", "it does not exist", "Check the name.")


def _expression(expression: Json) -> str:
    key, operator = expression["key"], expression["operator"]
    if operator in _OPERATORS:
        return f"{key} {_OPERATORS[operator]} ({','.join(expression['values'])})"
    return str(key) if operator == "Exists" else f"!{key}"
