"""Give the options of a job dropdowns: from the plugin, or from the options server if one depends on another.

Both only suggest values. No option becomes enforced, so a name can be typed without a list, and its pattern is still
checked. Sources: Rundeck documentation, "Job options: remote option values"; `Option` of its source.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

PLUGIN = "plugin"
_PROVIDERS = {
    "namespace": "k8s-debug-options-namespaces",
    "workload": "k8s-debug-options-workloads",
    "pod": "k8s-debug-options-unhealthy-pods",
}
# The options that each dropdown depends on: Rundeck reloads it when the value of such an option changes.
_PATHS = {
    "namespace": ((), "/namespaces"),
    "workload": (("namespace",), "/workloads?namespace=${option.namespace.value}"),
    "pod": (("namespace",), "/pods?namespace=${option.namespace.value}"),
    "container": (("namespace", "pod"), "/containers?namespace=${option.namespace.value}&pod=${option.pod.value}"),
}
_PATIENCE = "#timeout=8;retry=1"  # Rundeck's default is five attempts of ten seconds
TOKEN = "keys/project/PROJECT/debug-capture/options-token"  # noqa: S105 - its path in Key Storage


def is_source(text: str) -> bool:
    """Return whether ``text`` is a source of values: `PLUGIN`, or the URL of an options server."""
    parts = urlsplit(text)
    plain = parts.scheme in ("http", "https") and bool(parts.netloc) and not (parts.query or parts.fragment)
    return text == PLUGIN or (plain and "@" not in parts.netloc)


def with_dropdowns(job: Mapping[str, Any], source: str, token: str = TOKEN) -> dict[str, Any]:
    """Return ``job`` with a dropdown for each option that ``source`` has values for.

    ``token`` is the path in Key Storage of an options server's token.
    """
    named = {option["name"] for option in job.get("options", [])}
    options = [{**option, **_dropdown(option, source, token, named)} for option in job.get("options", [])]
    return {**job, **({"options": options} if options else {})}


def _dropdown(option: Mapping[str, Any], source: str, token: str, named: set[str]) -> dict[str, Any]:
    name = option["name"]
    if option.get("hidden") or "values" in option:
        return {}
    if source == PLUGIN:
        return {"optionValuesPluginType": _PROVIDERS[name]} if name in _PROVIDERS else {}
    depends, path = _PATHS.get(name, ((), ""))
    if not path or not named.issuperset(depends):
        return {}
    return {
        "valuesUrl": f"{source.rstrip('/')}{path}{_PATIENCE}",
        "configRemoteUrl": {"authenticationType": "BEARER_TOKEN", "tokenStoragePath": token},
    }
