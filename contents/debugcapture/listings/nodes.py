"""Pods as Rundeck's nodes: a list of them in Rundeck's JSON, kept for when the API server is away.

Source: Rundeck documentation, "resource-json", "Node icons and badges".
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

from ..kube.client import Api
from ..kube.objects import controller_of
from ..kube.resources import path_of
from ..model import Json
from ..settings.listings import NodesSettings
from ..targets.pods import container_names, find_container, find_target
from .cache import Answers, FileShelf, name_of

FOLDER = "nodes"
_WELL = {"ui:icon:name": "glyphicon-ok-sign", "ui:icon:color": "#1a7f37"}
_UNWELL = {"ui:icon:name": "glyphicon-exclamation-sign", "ui:icon:color": "#b42318"}
# The runtime that the name of a program, an environment variable or an image stands for, in this order of weight.
_RUNTIMES = {
    "jvm": r"java|JAVA_(TOOL_OPTIONS|OPTS|HOME)|JDK_JAVA_OPTIONS|eclipse-temurin|openjdk|amazoncorretto|tomcat|jetty",
    "node": r"node(js)?|npm|yarn|NODE_(ENV|OPTIONS|VERSION)",
    "python": r"python[\d.]*|gunicorn|uvicorn|celery|PYTHON[A-Z]+|DJANGO_SETTINGS_MODULE",
    "dotnet": r"dotnet|ASPNETCORE_\w+|DOTNET_\w+|aspnet",
    "go": r"GOMAXPROCS|GOMEMLIMIT|GOGC|GODEBUG|golang",
    "ruby": r"ruby[\d.]*|puma|rails|RAILS_ENV|RUBYOPT",
    "php": r"php(-fpm)?[\d.]*|PHP_\w+",
}
_WORD = re.compile("|".join(f"(?P<{name}>{words})" for name, words in _RUNTIMES.items()), re.ASCII)
Node = dict[str, str]
Say = Callable[[str], None]


def nodes(api: Api, namespaces: Sequence[str], settings: NodesSettings, now: datetime) -> Iterator[Node]:
    """Yield a node for each pod of ``namespaces`` (none: of all) that ``settings`` mean.

    The list comes page by page, and of a pod no more is kept than becomes of it.
    """
    paths = [path_of("Pod", one) for one in namespaces or [""]]
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
        "workloadKind": str(controller_of(pod).get("kind", "")),
        "kubernetesNode": target.node,
        "image": target.image,
        "runtime": runtime(find_container(pod, target.container)),
        "state": target.state.phase,
        "restarts": str(target.state.restarts),
        "unhealthy": wrong,
        **(_UNWELL if wrong else _WELL),
    }


def runtime(container: Json) -> str:
    """Return what the container's spec says of the runtime in it, or "": a hint, as nobody looks into the container."""
    argv = [*(container.get("command") or []), *(container.get("args") or [])]
    program = argv[0].rpartition("/")[2] if argv else ""
    variables = [one["name"] for one in container.get("env") or []]
    image = container.get("image", "").partition("@")[0].rpartition("/")[2].partition(":")[0]
    found = filter(None, map(_WORD.fullmatch, (program, *variables, image)))
    return next((name for match in found for name in _RUNTIMES if match[name]), "")


def listed(api: Api, namespaces: Sequence[str], settings: NodesSettings, spool: Path, say: Say) -> str:
    """Return the nodes as Rundeck reads them; those of the last time where the API server does not answer.

    Raises Unreachable when there is no last time, and what the API server refuses.
    """

    def ask() -> str:
        found = {one["nodename"]: one for one in nodes(api, namespaces, settings, datetime.now(timezone.utc))}
        return json.dumps(found, ensure_ascii=False, separators=(",", ":"))

    name = name_of(api.connection.server, settings.cluster_name, ",".join(namespaces), settings.pod_selector)
    answer = Answers(FileShelf(spool / FOLDER, say), fresh_s=0, oldest=timedelta.max).get(name, ask)
    if answer.late:
        say(f"{answer.late} Using the list of pods from {answer.kept.at:%Y-%m-%d %H:%M:%S} UTC.")
    return answer.kept.text
