"""Every way to the cluster, on the real API server: each reads the pods and runs a command."""

from __future__ import annotations

import json
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml

import lab.kubernetes
from debugcapture.kube import auth as connect_module
from debugcapture.kube.auth import connect
from debugcapture.kube.client import Api
from debugcapture.kube.exec_stream import run_short
from debugcapture.model import ContainerRef
from debugcapture.settings.cluster import ConnectionSettings
from lab.demo import NAMESPACE, running_pod
from lab.kubernetes.kubectl import Kubectl
from tests.cluster.captures import captured
from tests.cluster.login_proxy import PASSWORD, USER, login_proxy


def admin_kubeconfig(_: Path) -> ConnectionSettings:
    return ConnectionSettings(kubeconfig=str(lab.kubernetes.endpoint().kubeconfig))


def kubeconfig_content(_: Path) -> ConnectionSettings:
    return ConnectionSettings(kubeconfig_content=_kubeconfig({"token": _token()}))


def token_file(folder: Path) -> ConnectionSettings:
    (folder / "token").write_text(f"{_token()}\n")
    (folder / "config").write_text(_kubeconfig({"tokenFile": "token"}))
    return ConnectionSettings(kubeconfig=str(folder / "config"))


def url_and_token(_: Path) -> ConnectionSettings:
    cluster = lab.kubernetes.endpoint()
    return ConnectionSettings(server=cluster.server, token=_token(), ca_certificate=cluster.ca_file.read_text())


def credential_plugin(folder: Path) -> ConnectionSettings:
    """A program that prints the credential, as `aws eks get-token` does; the `kubernetes` package runs it."""
    version = "client.authentication.k8s.io/v1"
    answer = {"apiVersion": version, "kind": "ExecCredential", "status": {"token": _token()}}
    program = folder / "plugin"
    program.write_text(f"#!{sys.executable}\nprint({json.dumps(answer)!r})\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    plugin = {"apiVersion": version, "command": str(program), "interactiveMode": "Never"}
    return ConnectionSettings(kubeconfig_content=_kubeconfig({"exec": plugin}))


@pytest.mark.parametrize("way", [admin_kubeconfig, kubeconfig_content, token_file, url_and_token, credential_plugin])
def test_the_connection_reaches_the_cluster(way: Callable[[Path], ConnectionSettings], tmp_path: Path) -> None:
    reads_pods_and_runs_a_command(Api(connect(way(tmp_path), {})))


def test_a_proxy_that_wants_a_login_gets_it_for_requests_and_for_streams() -> None:
    with login_proxy() as proxy:
        url = f"http://{USER}:{quote(PASSWORD)}@127.0.0.1:{proxy.port}"
        content = _kubeconfig({"token": _token()}, {"proxy-url": url})
        reads_pods_and_runs_a_command(Api(connect(ConnectionSettings(kubeconfig_content=content), {})))
        assert proxy.tunnels >= 2


def test_without_a_metrics_server_only_its_file_is_missing(kubectl: Kubectl, tmp_path: Path) -> None:
    name = "v1beta1.metrics.k8s.io"
    service = {
        "apiVersion": "apiregistration.k8s.io/v1",
        "kind": "APIService",
        "metadata": {"name": name},
        "spec": {
            "group": "metrics.k8s.io",
            "version": "v1beta1",
            "insecureSkipTLSVerify": True,
            "groupPriorityMinimum": 100,
            "versionPriority": 100,
            "service": {"name": "metrics-server", "namespace": NAMESPACE},
        },
    }
    kubectl("apply", "--filename=-", stdin=json.dumps(service))
    try:
        run = captured(spool=tmp_path, namespace=NAMESPACE, workload="orders", collectors="quick")
    finally:
        kubectl("delete", "apiservice", name)
    (metrics,) = [artifact for artifact in run.manifest.artifacts if artifact.collector == "metrics"]
    assert metrics.outcome == "skipped", metrics
    assert "cannot read the metrics" in metrics.reason
    assert run.manifest.status == "complete"


def test_a_pod_uses_its_own_service_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = lab.kubernetes.endpoint()
    (tmp_path / "token").write_text(_token())
    (tmp_path / "ca.crt").write_text(cluster.ca_file.read_text())
    monkeypatch.setattr(connect_module, "SERVICE_ACCOUNT", tmp_path)
    host, port = cluster.server.removeprefix("https://").split(":")
    environment = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
    reads_pods_and_runs_a_command(Api(connect(ConnectionSettings(), environment)))


def reads_pods_and_runs_a_command(api: Api) -> None:
    assert any(pod["metadata"]["name"].startswith("orders-") for pod in api.pods(NAMESPACE))
    status, output, _ = run_short(api, ContainerRef(NAMESPACE, running_pod("orders"), "orders"), ["echo", "ünï"])
    assert (status.code, output) == (0, "ünï\n")


def _token() -> str:
    return lab.kubernetes.endpoint().capture_token_file.read_text().strip()


def _kubeconfig(user: dict[str, object], more: dict[str, str] | None = None) -> str:
    """A kubeconfig of ``user``; ``more`` are fields of the cluster."""
    cluster = lab.kubernetes.endpoint()
    fields = {"server": cluster.server, "certificate-authority": str(cluster.ca_file), **(more or {})}
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "lab",
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "capture"}}],
        "clusters": [{"name": "lab", "cluster": fields}],
        "users": [{"name": "capture", "user": user}],
    }
    return str(yaml.safe_dump(content))
