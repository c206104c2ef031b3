"""The pods of a cluster as Rundeck nodes, in Rundeck's JSON. The list is cached in case the API server is unreachable.

Source: Rundeck documentation, "resource-json", "Node icons and badges".
"""

import json
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

from ..kube.client import Api
from ..kube.objects import controller_of
from ..kube.resources import path_of
from ..model import Json, Report
from ..settings.listings import NodesSettings
from ..targets.pods import container_names, find_container, find_target
from .cache import Cache, FileStorage, cache_key

FOLDER = "nodes"
_HEALTHY_ICON = {"ui:icon:name": "glyphicon-ok-sign", "ui:icon:color": "#1a7f37"}
_UNHEALTHY_ICON = {"ui:icon:name": "glyphicon-exclamation-sign", "ui:icon:color": "#b42318"}
# Programs, environment variables and images that indicate a runtime. Earlier entries take precedence.
_RUNTIMES = {
    "jvm": r"java|JAVA_(TOOL_OPTIONS|OPTS|HOME)|JDK_JAVA_OPTIONS|eclipse-temurin|openjdk|amazoncorretto|tomcat|jetty",
    "node": r"node(js)?|npm|yarn|NODE_(ENV|OPTIONS|VERSION)",
    "python": r"python[\d.]*|gunicorn|uvicorn|celery|PYTHON[A-Z]+|DJANGO_SETTINGS_MODULE",
    "dotnet": r"dotnet|ASPNETCORE_\w+|DOTNET_\w+|aspnet",
    "go": r"GOMAXPROCS|GOMEMLIMIT|GOGC|GODEBUG|golang",
    "ruby": r"ruby[\d.]*|puma|rails|RAILS_ENV|RUBYOPT",
    "php": r"php(-fpm)?[\d.]*|PHP_\w+",
}
_RUNTIME_WORD = re.compile("|".join(f"(?P<{name}>{words})" for name, words in _RUNTIMES.items()), re.ASCII)
# Values that the author of a pod chooses and the API server hardly checks. Jobs use attributes in commands and filters.
_KIND = re.compile(r"[A-Za-z][A-Za-z0-9]{0,62}")
_IMAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:@+-]{0,511}")
Node = dict[str, str]


def iterate_nodes(api: Api, namespaces: Sequence[str], settings: NodesSettings, now: datetime) -> Iterator[Node]:
    """Yield a node for each pod in ``namespaces`` (empty: all) that ``settings`` select.

    Pods are read page by page, and only their nodes are kept.
    """
    paths = [path_of("Pod", namespace) for namespace in namespaces or [""]]
    query = {"labelSelector": settings.pod_selector} if settings.pod_selector else {}
    for path in paths:
        for page in api.pages(path, f"cannot list the pods at {path}", query):
            for pod in page:
                yield to_node(pod, settings.cluster_name, now)


def to_node(pod: Json, cluster: str, now: datetime) -> Node:
    """Return ``pod`` as a node. Its name starts with the namespace, which never contains a dot."""
    target = find_target(pod, "", now)
    name = ".".join(filter(None, (cluster, target.namespace, target.pod)))
    problems = ", ".join(target.unhealthy)
    tags = [target.namespace, target.workload, "unhealthy" if problems else "healthy", *filter(None, [cluster])]
    return {
        "nodename": name,
        "hostname": name,
        "osFamily": "unix",
        "description": f"{target.namespace}/{target.pod}: {problems or target.state}",
        "tags": ",".join(tags),
        "cluster": cluster,
        "namespace": target.namespace,
        "pod": target.pod,
        "container": target.container,
        "containers": ",".join(container_names(pod)),
        "workload": target.workload,
        "workloadKind": _only_if_matching(_KIND, controller_of(pod).get("kind", "")),
        "kubernetesNode": target.node,
        "image": _only_if_matching(_IMAGE, target.image),
        "runtime": guess_runtime(find_container(pod, target.container)),
        "state": target.state.phase,
        "restarts": str(target.state.restarts),
        "unhealthy": problems,
        **(_UNHEALTHY_ICON if problems else _HEALTHY_ICON),
    }


def _only_if_matching(pattern: re.Pattern[str], text: str) -> str:
    return text if pattern.fullmatch(text) else ""


def guess_runtime(container: Json) -> str:
    """Return the runtime that the spec of the container suggests, or "". It is a guess."""
    argv = [*(container.get("command") or []), *(container.get("args") or [])]
    program = argv[0].rpartition("/")[2] if argv else ""
    variables = [variable["name"] for variable in container.get("env") or []]
    image = container.get("image", "").partition("@")[0].rpartition("/")[2].partition(":")[0]
    matches = filter(None, map(_RUNTIME_WORD.fullmatch, (program, *variables, image)))
    return next((name for match in matches for name in _RUNTIMES if match[name]), "")


def read_nodes(api: Api, namespaces: Sequence[str], settings: NodesSettings, spool: Path, report: Report) -> str:
    """Return the nodes in Rundeck's format, or the previous ones if the API server is unreachable.

    Raises Unreachable if there are no previous nodes. Raises the API server's refusals.
    """

    def read() -> str:
        by_name = {
            item["nodename"]: item for item in iterate_nodes(api, namespaces, settings, datetime.now(timezone.utc))
        }
        return json.dumps(by_name, ensure_ascii=False, separators=(",", ":"))

    name = cache_key(api.connection.server, settings.cluster_name, ",".join(namespaces), settings.pod_selector)
    cached = Cache(FileStorage(spool / FOLDER, report), ttl_s=0, max_age=timedelta.max).get(name, read)
    if cached.stale_reason:
        report(f"{cached.stale_reason} Using the list of pods from {cached.entry.time:%Y-%m-%d %H:%M:%S} UTC.")
    return cached.entry.text
