"""The most frequent commands of kubectl as requests of this process: a kubectl process takes 0.07 s of processor time.

kubectl executes everything else, and everything that fails here, so that its message is the one that is reported.
"""

from __future__ import annotations

import base64
import json
import re
import ssl
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import urllib3
import yaml

_LIMIT_S = 20
_NAMESPACES = "/api/v1/namespaces"
_PODS, _DEPLOYMENTS, _JOBS = "api/v1:pods", "apis/apps/v1:deployments", "apis/batch/v1:jobs"
# Group and resource by the names of a kind on the command line, and by that in a manifest.
_RESOURCES = {
    **dict.fromkeys(("pod", "pods", "Pod"), _PODS),
    **dict.fromkeys(("deployment", "deployments", "Deployment"), _DEPLOYMENTS),
    **dict.fromkeys(("job", "jobs", "Job"), _JOBS),
}
_FLAG = re.compile(r"--(namespace|selector)=(.+)")
_WORD = re.compile(r"[a-z0-9][a-z0-9.-]*")


def read(kubeconfig: Path, arguments: tuple[str, ...]) -> Any:
    """The content of `kubectl ARGUMENTS --output=json`; None if kubectl must execute it."""
    if arguments[:1] != ("get",) or arguments[1:2] not in [(name,) for name in _RESOURCES]:
        return None
    words = [argument for argument in arguments[2:] if _WORD.fullmatch(argument)]
    flags = {match[1]: match[2] for match in map(_FLAG.fullmatch, arguments[2:]) if match}
    understood = len(words) + len(flags) == len(arguments) - 2 and "namespace" in flags
    if not understood or len(words) > 1 or (words and "selector" in flags):
        return None
    query = {"labelSelector": flags["selector"]} if "selector" in flags else {}
    path = "/".join([_path(arguments[1], flags["namespace"]), *words])
    response = _request(kubeconfig, "GET", path, query)
    return response and _as_kubectl(json.loads(response))


def change(kubeconfig: Path, arguments: tuple[str, ...], stdin: str | None) -> bool:
    """Execute `kubectl ARGUMENTS`; false if kubectl must execute it."""
    match arguments:
        case ("create", "namespace", name) if _WORD.fullmatch(name):
            namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            return _request(kubeconfig, "POST", _NAMESPACES, {}, json.dumps(namespace)) is not None
        case ("delete", "namespace", name, "--wait=false") if _WORD.fullmatch(name):
            return _request(kubeconfig, "DELETE", f"{_NAMESPACES}/{name}", {}) is not None
        case ("apply", flag, "-f", "-") | ("apply", flag, "--filename=-") if stdin and flag.startswith("--namespace="):
            return _create(kubeconfig, flag.partition("=")[2], stdin)
    return False


def _create(kubeconfig: Path, namespace: str, text: str) -> bool:
    """Create the object; false if it exists, or if ``text`` is something else than one object as JSON."""
    if not text.startswith("{"):
        return False
    kind = json.loads(text)["kind"]
    if kind not in _RESOURCES:
        return False
    # As kubectl does: an unknown field is an error.
    return _request(kubeconfig, "POST", _path(kind, namespace), {"fieldValidation": "Strict"}, text) is not None


def _path(kind: str, namespace: str) -> str:
    group, _, resource = _RESOURCES[kind].partition(":")
    return f"/{group}/namespaces/{quote(namespace, safe='')}/{resource}"


def _as_kubectl(response: dict[str, Any]) -> dict[str, Any]:
    """A ``response`` of the API as kubectl shows it: each item has its kind, and nothing its managed fields."""
    items = response.get("items")
    for item in [response] if items is None else items:
        item["metadata"].pop("managedFields", None)
        if items is not None:
            item |= {"apiVersion": response["apiVersion"], "kind": response["kind"].removesuffix("List")}
    return response


def _request(
    kubeconfig: Path, method: str, path: str, query: Mapping[str, str], body: str | None = None
) -> bytes | None:
    """The response; None if it is an error, or if there is none."""
    server, pool = _connection(kubeconfig, kubeconfig.stat().st_mtime_ns)
    try:
        response = pool.request(
            method,
            f"{server}{path}?{urlencode(query)}",
            body=body,
            headers={"Content-Type": "application/json", "Accept": "application/json"},
            timeout=_LIMIT_S,
            retries=False,
        )
    except urllib3.exceptions.HTTPError:
        return None
    return response.data if response.status < 300 else None


@cache
def _connection(kubeconfig: Path, changed_ns: int) -> tuple[str, urllib3.PoolManager]:
    """The URL of the API server, and the connections as the user of ``kubeconfig``, which changed at ``changed_ns``."""
    config = yaml.safe_load(kubeconfig.read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    context = ssl.create_default_context(cadata=_decoded(cluster["certificate-authority-data"]))
    with tempfile.NamedTemporaryFile("w") as file:  # only this user can read it
        file.write(_decoded(user["client-certificate-data"]) + _decoded(user["client-key-data"]))
        file.flush()
        context.load_cert_chain(file.name)
    return cluster["server"], urllib3.PoolManager(ssl_context=context, maxsize=4)


def _decoded(text: str) -> str:
    return base64.b64decode(text).decode()
