"""Dropdowns of the real API server, as a script and over HTTP, and from the cache while it is unreachable."""

from __future__ import annotations

import http.client
import io
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

import lab.kubernetes
from debugcapture.errors import NotAllowed, Unreachable
from debugcapture.listings.options import Kind
from debugcapture.runtime.context import RunContext
from debugcapture.settings.declare import read
from debugcapture.steps.options import OptionsStep, list_values
from lab.kubernetes.kubectl import Kubectl
from lab.process import wait_until
from tests.cluster.objects import Apply, Ready, container, deployment, pod, pod_spec, waits

CONTENTS = Path(__file__).parents[2] / "contents"
TOKEN = "0123456789abcdef0123456789abcdef"
SERVER = (
    "import sys; sys.path.insert(0, sys.argv[1]); from debugcapture.rundeck import main; sys.exit(main(sys.argv[2]))"
)


def options(kind: Kind, spool: Path, **overrides: str) -> tuple[dict[str, str], list[str]]:
    """The values of a dropdown with their labels, and the log lines."""
    log: list[str] = []
    output = io.BytesIO()
    settings = {"kubeconfig": str(lab.kubernetes.endpoint().kubeconfig), **overrides}
    step = read(OptionsStep, {name: value for name, value in settings.items() if value})
    list_values(kind, step, RunContext(log.append, output, io.BytesIO(), spool, "1", {}))
    first, *lines, last = output.getvalue().decode("ascii").splitlines()
    assert (first, last) == ("==START_OPTIONS==", "==END_OPTIONS==")
    return {value: label for label, _, value in (line.partition(":") for line in lines)}, log


def test_names_of_the_cluster_are_listed_with_the_unhealthy_ones_first(
    namespace: str, apply: Apply, ready: Ready, kubectl: Kubectl, tmp_path: Path
) -> None:
    apply(deployment("web", pod_spec(container())))
    apply(pod("crashing", pod_spec(container(["sh", "-c", "exit 7"]))))
    ready("pod -l app=web")
    wait_until("a crash loop", lambda: waits(kubectl, namespace, "crashing"), 60)
    assert namespace in options("namespaces", tmp_path)[0]
    assert options("workloads", tmp_path, namespaces=namespace)[0] == {
        "deployment/web": "web (Deployment, 1 of 1 ready)"
    }
    pods, _ = options("pods", tmp_path, namespaces=namespace)
    first, second = pods
    assert first == "crashing"
    assert "exit code 7" in pods[first]
    assert pods[second] == f"{second} - running"


def test_last_list_is_served_with_its_time_while_the_api_server_is_unreachable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from debugcapture.kube.client import Api

    remote, _ = options("workloads", tmp_path, namespaces="shop", cache_ttl_s="0")
    assert "deployment/checkout" in remote

    def away(*_: object) -> None:
        raise Unreachable("cannot list", "the API server did not respond")

    monkeypatch.setattr(Api, "get", away)
    then, log = options("workloads", tmp_path, namespaces="shop", cache_ttl_s="0")
    assert then.keys() == remote.keys()
    assert all(" (list of 2" in label for label in then.values())
    assert "did not respond" in log[0]
    with pytest.raises(Unreachable):
        options("workloads", tmp_path, namespaces="default")


def test_a_hanging_api_server_is_reported_after_the_time_limit(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts connections, and never responds
        server = f"https://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(Unreachable, match="did not respond within 1 s"):
            options("namespaces", tmp_path, kubeconfig="", server=server, token="t", api_timeout_s="1")


def test_forbidden_list_is_reported(tmp_path: Path) -> None:
    cluster = lab.kubernetes.endpoint()
    limited = {"server": cluster.server, "token": cluster.capture_token_file.read_text().strip(), "kubeconfig": ""}
    limited |= {"ca_certificate": cluster.ca_file.read_text()}
    assert "deployment/checkout" in options("workloads", tmp_path, namespaces="shop", **limited)[0]
    with pytest.raises(NotAllowed, match="cannot list the namespaces"):
        options("namespaces", tmp_path, **limited)


@contextmanager
def options_server(**overrides: str) -> Iterator[int]:
    """Run the options server in a new process, and yield its port."""
    settings = {
        "KUBECONFIG": str(lab.kubernetes.endpoint().kubeconfig),
        "LISTEN": "127.0.0.1:0",
        "OPTIONS_TOKEN": TOKEN,
    }
    environment = {**os.environ, **{f"RD_CONFIG_{name}": value for name, value in {**settings, **overrides}.items()}}
    command = [sys.executable, "-c", SERVER, str(CONTENTS), "k8s-debug-options-server"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield int(process.stdout.readline().rpartition(":")[2])
        finally:
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0


def fetched(port: int, path: str, **query: str) -> Any:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    target = f"{path}?{urlencode(query)}" if query else path
    connection.request("GET", target, headers={"Authorization": f"Bearer {TOKEN}", "Accept": "application/json"})
    answer = connection.getresponse()
    body = json.loads(answer.read())
    connection.close()
    return body if answer.status == 200 else answer.status


def test_server_leads_from_namespace_to_container() -> None:
    with options_server() as port:
        assert "shop" in [row["value"] for row in fetched(port, "/namespaces")]
        workloads = [row["value"] for row in fetched(port, "/workloads", namespace="shop")]
        assert {"deployment/checkout", "deployment/gateway", "deployment/orders"} <= set(workloads)
        gateway, *_ = fetched(port, "/pods", namespace="shop")
        assert gateway["value"].startswith("gateway-")
        assert "exit code 3" in gateway["name"]
        (checkout,) = fetched(port, "/pods", namespace="shop", workload="deployment/checkout")
        (only,) = fetched(port, "/containers", namespace="shop", pod=checkout["value"])
        assert only["name"].startswith(f"{only['value']} - running")
        assert fetched(port, "/pods", namespace="no-such-namespace") == []
        assert fetched(port, "/containers", namespace="shop", pod="no-such-pod") == 404


def test_server_lists_only_namespaces_that_it_may_read() -> None:
    with options_server(NAMESPACES="shop") as port:
        assert fetched(port, "/namespaces") == [{"name": "shop", "value": "shop"}]
        assert fetched(port, "/pods", namespace="kube-system") == 403
