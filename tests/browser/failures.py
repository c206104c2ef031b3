"""Workloads that fail in different ways, for the pictures in the documentation."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import lab.kubernetes
from debugcapture.bundle.bundle import Bundle
from debugcapture.stores.registry import open_store
from debugcapture.upload.publish import publish_bundle
from lab.kubernetes.kubectl import Kubectl
from lab.process import wait_until
from tests.cluster.captures import captured
from tests.unit.builders import store_settings

NAMESPACE = "pictures"
_GROWS = """
import time
print("cart 2.4.0 starts", flush=True)
blocks = []
while True:
    blocks.append(bytearray(4 << 20))
    print(f"WARN the cache of prices has {len(blocks) * 4} MiB", flush=True)
    time.sleep(0.3)
"""


@dataclass(frozen=True)
class Failure:
    """A capture to show.

    ``wait`` is the text in the status of its pods when it can be captured. ``top`` selects the beginning of the
    picture.
    """

    name: str
    options: dict[str, str]
    wait: str = ""
    top: str = "h1"


FAILURES = (
    Failure("crash-loop", {"namespace": "shop", "workload": "gateway"}),
    Failure("oom", {"namespace": NAMESPACE, "workload": "cart"}, "OOMKilled"),
    Failure("image-pull", {"namespace": NAMESPACE, "workload": "search"}, "ImagePullBackOff"),
    Failure(
        "30-pods",
        {"namespace": NAMESPACE, "selector": "app=stock", "max_pods": "30", "collectors": "pod-snapshot,workload"},
        "Pulled",
        "section:has(.pods) h2",
    ),
)


@contextmanager
def failing_workloads() -> Iterator[None]:
    """Deploy the workloads into a new namespace, and delete it at the end."""
    kubectl = Kubectl(lab.kubernetes.endpoint().kubectl, lab.kubernetes.endpoint().kubeconfig)
    kubectl("create", "namespace", NAMESPACE)
    try:
        kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": list(_workloads())}))
        for failure in FAILURES:
            if failure.wait:
                wait_until(failure.name, partial(_is_seen, kubectl, failure.wait), 180)
        yield
    finally:
        kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def report_of(failure: Failure, folder: Path) -> Path:
    """Capture ``failure`` into ``folder``, and return the report page."""
    store = folder / "store"
    store.mkdir(parents=True)
    run = captured(folder / "spool", **failure.options)
    where = store_settings(store=store.as_uri())
    publish_bundle(Bundle(run.folder), open_store(where), where.store, print)
    return store / run.manifest.key / "index.html"


def _is_seen(kubectl: Kubectl, word: str) -> bool:
    return word in kubectl("get", "pods,events", f"--namespace={NAMESPACE}", "--output=json")


def _workloads() -> Iterator[dict[str, Any]]:
    grows = {"command": ["/usr/bin/python3", "-c", _GROWS], "resources": {"limits": {"memory": "64Mi"}}}
    yield _deployment("cart", 1, {"image": "lab.local/python-bare:1", **grows})
    yield _deployment("search", 1, {"image": "127.0.0.1:9/shop/search:2.4.1"})
    yield _deployment("stock", 20, {"image": "lab.local/pause:1"}, app="stock")
    yield _deployment("stock-canary", 10, {"image": "127.0.0.1:9/shop/stock:2.5.0"}, app="stock")


def _deployment(name: str, replicas: int, container: dict[str, Any], app: str = "") -> dict[str, Any]:
    labels = {"app": app or name, "name": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": app or name, **container}]}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template},
    }
