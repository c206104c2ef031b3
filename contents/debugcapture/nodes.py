"""Pods as Rundeck's nodes: a list of them in Rundeck's JSON, kept for when the API server is away.

Source: Rundeck documentation, "resource-json", "Node icons and badges".
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from urllib.parse import quote

from .cluster.api import Api
from .errors import Unreachable
from .model import Json
from .settings import NodesSettings
from .targets import container_names, controller, find_target

FOLDER = "nodes"
_WELL = {"ui:icon:name": "glyphicon-ok-sign", "ui:icon:color": "#1a7f37"}
_UNWELL = {"ui:icon:name": "glyphicon-exclamation-sign", "ui:icon:color": "#b42318"}
Node = dict[str, str]
Say = Callable[[str], None]


def nodes(api: Api, namespaces: Sequence[str], settings: NodesSettings, now: datetime) -> Iterator[Node]:
    """Yield a node for each pod of ``namespaces`` (none: of all) that ``settings`` mean.

    The list comes page by page, and of a pod no more is kept than becomes of it.
    """
    paths = [f"/api/v1/namespaces/{quote(one)}/pods" for one in namespaces] or ["/api/v1/pods"]
    query = {"labelSelector": settings.pod_selector} if settings.pod_selector else {}
    for path in paths:
        for page in api.pages(path, f"cannot list the pods at {path}", query):
            for pod in page:
                yield node(pod, settings.cluster_name, now)


def node(pod: Json, cluster: str, now: datetime) -> Node:
    """Return ``pod`` as a node. Its name has the namespace before the first dot, which no namespace has."""
    target = find_target(pod, "", now)
    name = ".".join(filter(None, (cluster, target.namespace, target.pod)))
    wrong = ", ".join(target.unhealthy)
    tags = [target.namespace, target.workload, "unhealthy" if wrong else "healthy", *filter(None, [cluster])]
    return {
        "nodename": name,
        "hostname": name,
        "osFamily": "unix",
        "description": f"{target.namespace}/{target.pod}: {wrong or target.state}",
        "tags": ",".join(tags),
        "cluster": cluster,
        "namespace": target.namespace,
        "pod": target.pod,
        "container": target.container,
        "containers": ",".join(container_names(pod)),
        "workload": target.workload,
        "workloadKind": str(controller(pod).get("kind", "")),
        "kubernetesNode": target.node,
        "image": target.image,
        "state": target.state.phase,
        "restarts": str(target.state.restarts),
        "unhealthy": wrong,
        **(_UNWELL if wrong else _WELL),
    }


def listed(api: Api, namespaces: Sequence[str], settings: NodesSettings, spool: Path, say: Say) -> str:
    """Return the nodes as Rundeck reads them; those of the last time where the API server does not answer.

    Raises Unreachable when there is no last time, and what the API server refuses.
    """
    kept = spool / FOLDER / f"{_key(api, namespaces, settings)}.json"
    try:
        found = {one["nodename"]: one for one in nodes(api, namespaces, settings, datetime.now(timezone.utc))}
    except Unreachable as error:
        with suppress(FileNotFoundError):
            text = kept.read_text(encoding="utf-8")
            then = datetime.fromtimestamp(kept.stat().st_mtime, timezone.utc)
            say(f"{error} These are the pods of {then:%Y-%m-%d %H:%M:%S} UTC.")
            return text
        raise
    text = json.dumps(found, ensure_ascii=False, separators=(",", ":"))
    _keep(kept, text, say)
    return text


def _key(api: Api, namespaces: Sequence[str], settings: NodesSettings) -> str:
    """Return what tells one list of nodes from another; never the credentials."""
    of = (api.connection.server, settings.cluster_name, ",".join(namespaces), settings.pod_selector)
    return hashlib.sha256("\0".join(of).encode()).hexdigest()[:32]


def _keep(file: Path, text: str, say: Say) -> None:
    part = file.with_suffix(".part")
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
        part.replace(file)
    except OSError as error:
        say(f"the list of pods cannot be kept in {file}: {error.strerror or error}")
