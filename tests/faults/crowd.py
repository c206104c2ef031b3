"""An API server that is overloaded for one account: its API Priority and Fairness responds with 429."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from lab.process import wait_until
from tests.faults.world import Account, World

_GROUP = "flowcontrol.apiserver.k8s.io/v1"
_EVERYTHING = {"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"], "namespaces": ["*"], "clusterScope": True}


@contextmanager
def crowded(world: World, account: Account) -> Iterator[None]:
    """Let the API server refuse the requests of ``account``.

    It has room for one request at a time. A request of this test takes it, and waits for a webhook that never answers.
    """
    with socket.create_server(("127.0.0.1", 0)) as silent:
        things = _things(account, silent.getsockname()[1])
        for item in things:
            world.applied_for_all(item)
        over = threading.Event()
        waiter = threading.Thread(target=_take_the_room, args=(world, account, over))
        waiter.start()
        try:
            wait_until("the first 429", lambda: _request_status(world, account) == HTTPStatus.TOO_MANY_REQUESTS, 60)
            yield
        finally:
            over.set()
            silent.close()  # which ends the request that waits
            waiter.join()
            for item in things:
                world.kubectl("delete", item["kind"].lower(), item["metadata"]["name"])


def _things(account: Account, port: int) -> list[dict[str, Any]]:
    name = f"crowded-{account.namespace}"
    whom = {"kind": "ServiceAccount", "serviceAccount": {"name": account.name, "namespace": account.namespace}}
    limits = {"nominalConcurrencyShares": 0, "lendablePercent": 0, "borrowingLimitPercent": 0}
    hook = {
        "name": "crowded.faults.example", "clientConfig": {"url": f"https://127.0.0.1:{port}/"},
        "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["UPDATE"],
                   "resources": ["pods/ephemeralcontainers"]}],
        "failurePolicy": "Ignore", "sideEffects": "None", "admissionReviewVersions": ["v1"], "timeoutSeconds": 30,
        "namespaceSelector": {"matchLabels": {"debug-capture-faults": account.namespace}},
    }  # fmt: skip
    return [
        {"apiVersion": _GROUP, "kind": "PriorityLevelConfiguration", "metadata": {"name": name},
         "spec": {"type": "Limited", "limited": {**limits, "limitResponse": {"type": "Reject"}}}},
        {"apiVersion": _GROUP, "kind": "FlowSchema", "metadata": {"name": name},
         "spec": {"priorityLevelConfiguration": {"name": name}, "matchingPrecedence": 2,
                  "rules": [{"subjects": [whom], "resourceRules": [_EVERYTHING]}]}},
        {"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
         "metadata": {"name": name}, "webhooks": [hook]},
    ]  # fmt: skip


def _take_the_room(world: World, account: Account, over: threading.Event) -> None:
    probe = {"spec": {"ephemeralContainers": [{"name": "probe", "image": "lab.local/pause:1"}]}}
    while not over.wait(0.1):
        _request_status(world, account, f"/{world.settings['pod']}/ephemeralcontainers?dryRun=All", probe)


def _request_status(world: World, account: Account, below: str = "", patch: dict[str, Any] | None = None) -> int:
    """The status of an answer to ``account``, about its namespace's pods."""
    url = f"{world.settings['server']}/api/v1/namespaces/{account.namespace}/pods{below}"
    headers = {"Authorization": f"Bearer {world.settings['token']}"}
    if patch:
        headers["Content-Type"] = "application/strategic-merge-patch+json"
    body = json.dumps(patch).encode() if patch else None
    request = urllib.request.Request(url, body, headers, method="PATCH" if patch else "GET")
    context = ssl.create_default_context(cadata=world.settings["ca_certificate"])
    try:
        with urllib.request.urlopen(request, context=context) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code
