"""A canary in each place that contains a secret appears in no log, note, file or command line, at any log level."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

import lab.kubernetes
import lab.pagerduty
from lab.demo import notes
from lab.kubernetes.kubectl import Kubectl
from lab.project import Project
from lab.stores import azure_endpoint, s3_endpoint, sftp_endpoint
from tests.cluster.hostile import Ran, run_step
from tests.cluster.objects import container, pod, pod_spec
from tests.secrecy import canary, files, leaks

LEVELS = ("INFO", "DEBUG")


def clean(ran: Ran, spool: Path, *host_keys: str) -> None:
    texts = [("the log", ran.output.encode()), ("standard error", ran.errors.encode())]
    texts += [("a command line", line.encode()) for line in ran.commands]
    assert not leaks([*texts, *files(spool)], host_keys)


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    folder = tmp_path / "spool"
    folder.mkdir()
    return folder


@pytest.fixture
def web(namespace: str, kubectl: Kubectl) -> tuple[str, tuple[str, ...]]:
    """A pod with secrets of each kind, some of them in its log, with its namespace and the secrets."""
    secrets = tuple(canary(f"the pod's {place}") for place in ("Secret", "variable", "argument", "log"))
    secret, variable, argument, log = secrets
    objects = [
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db"}, "stringData": {"password": secret}},
        pod(
            "web",
            pod_spec(
                container(
                    ["sh", "-c", f"echo db.password={log}; while :; do sleep 1; done", "web", "--password", argument],
                    env=[
                        {"name": "DB_PASSWORD", "value": variable},
                        {"name": "FROM", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}},
                    ],
                    volumeMounts=[{"name": "db", "mountPath": "/secrets"}],
                ),
                volumes=[{"name": "db", "secret": {"secretName": "db"}}],
            ),
        ),
    ]
    for path in objects:
        kubectl("apply", f"--namespace={namespace}", "-f", "-", stdin=json.dumps(path))
    kubectl("wait", f"--namespace={namespace}", "--for=condition=Ready", "pod/web", "--timeout=90s")
    return namespace, secrets


@pytest.mark.parametrize("level", LEVELS)
def test_secrets_of_a_pod_are_in_no_text(web: tuple[str, tuple[str, ...]], level: str, spool: Path) -> None:
    namespace, secrets = web
    ran = run_step(
        "k8s-debug-capture",
        spool,
        {"RD_JOB_LOGLEVEL": level},
        namespace=namespace,
        pod="web",
        collectors="pod-snapshot,workload,processes,network-state,disk",
    )
    assert ran.code in (0, 10), ran.errors
    (folder,) = spool.glob("2*")
    assert "[masked:" in (folder / "logs" / "app.log").read_text()
    clean(ran, spool, *secrets)


def _kubeconfig(user: Mapping[str, object]) -> str:
    config = json.loads(json.dumps({"kind": "Config", "current-context": "a"}))
    cluster = {
        "server": lab.kubernetes.endpoint().server,
        "certificate-authority": str(lab.kubernetes.endpoint().ca_file),
    }
    return json.dumps(
        config
        | {
            "contexts": [{"name": "a", "context": {"cluster": "c", "user": "u"}}],
            "clusters": [{"name": "c", "cluster": cluster}],
            "users": [{"name": "u", "user": user}],
        }
    )


def _failing(place: str) -> tuple[str, dict[str, str], dict[str, str]]:
    """Return a canary for ``place``, and the settings and variables that put it there and make the step fail."""
    value, cluster, store = canary(place), lab.kubernetes.endpoint(), s3_endpoint()
    azure = {"store": f"azblob://{azure_endpoint().account}/x/y", "azure_endpoint": azure_endpoint().url}
    shop = {"namespace": "shop", "workload": "orders", "collectors": "logs"}
    s3 = {"store": f"s3://{store.bucket}/x", "s3_endpoint": store.url, "s3_region": store.region}
    sftp = {"store": f"sftp://nobody@127.0.0.1:{sftp_endpoint().port}/x"}
    no_yaml = shop | {"kubeconfig": "", "kubeconfig_content": f"users: [{value}"}
    credential = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": {"token": value}}
    plugin = {"exec": {"apiVersion": credential["apiVersion"], "interactiveMode": "Never", "command": sys.executable,
                       "args": ["-c", "import os; print(os.environ['ANSWER'])"]}}  # fmt: skip
    incident = {"incident_id": "Q1CANARY000001", "pagerduty_url": lab.pagerduty.endpoint().url, "pagerduty_from": "a@b"}
    by_token = shop | {"kubeconfig": "", "server": cluster.server, "ca_certificate": cluster.ca_file.read_text()}
    settings, variables = {
        "token": (by_token | {"token": value}, {}),
        "kubeconfig": (shop | {"kubeconfig": "", "kubeconfig_content": _kubeconfig({"token": value})}, {}),
        "kubeconfig with invalid YAML": (no_yaml, {}),
        "exec plugin": (
            shop | {"kubeconfig": "", "kubeconfig_content": _kubeconfig(plugin)},
            {"ANSWER": json.dumps(credential)},
        ),
        "proxy": (
            by_token | {"server": "https://kubernetes.default.svc", "token": "x"},
            {"HTTPS_PROXY": f"http://user:{value}@127.0.0.1:9"},
        ),
        "S3 secret key": (shop | s3 | {"s3_access_key": store.access_key, "s3_secret_key": value}, {}),
        "S3 session token": (
            shop | s3 | {"s3_access_key": "AKIAX", "s3_secret_key": value, "s3_session_token": value},
            {},
        ),
        "SFTP password": (shop | sftp | {"sftp_password": value}, {}),
        "SFTP key": (shop | sftp | {"sftp_private_key": f"-----BEGIN OPENSSH PRIVATE KEY-----\n{value}"}, {}),
        "SFTP passphrase": (shop | sftp | {"sftp_private_key": "x", "sftp_passphrase": value}, {}),
        "Azure key": (shop | azure | {"azure_key": value}, {}),
        "Azure connection string": (shop | azure | {"azure_connection_string": f"AccountKey={value}"}, {}),
        "PagerDuty token": (shop | incident | {"pagerduty_token": value}, {}),
        "debug container's environment": (shop | {"environment": f"A={value} B", "collectors": "logs"}, {}),
    }[place]
    return value, settings, variables


PLACES = ("token", "kubeconfig", "kubeconfig with invalid YAML", "exec plugin", "proxy", "S3 secret key",
          "S3 session token", "SFTP password", "SFTP key", "SFTP passphrase", "Azure key", "Azure connection string",
          "PagerDuty token", "debug container's environment")  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_a_secret_that_is_refused_is_in_no_text(place: str, spool: Path) -> None:
    """At DEBUG, where the stack trace is shown too; what INFO says is a part of it."""
    value, settings, variables = _failing(place)
    ran = run_step("k8s-debug-capture", spool, {"RD_JOB_LOGLEVEL": "DEBUG", **variables}, **settings)
    assert ran.code not in (0, 1), ran.errors
    assert "Error: " in ran.errors
    clean(ran, spool, value)


@pytest.mark.parametrize("level", LEVELS)
def test_key_storages_values_are_in_no_output_of_the_engine(project: Project, level: str) -> None:
    names = ("s3_secret_key", "pagerduty_token")
    secrets = {name: canary(f"Key Storage's {name}") for name in names}
    options = {"namespace": "shop", "workload": "orders", "incident_id": "Q1ORDERS000001"}
    run = project.changed(**secrets).run("capture-service.yaml", options, loglevel=level)
    assert not run.succeeded
    lines = [*run.output, *run.errors, *run.data.values(), *notes("Q1ORDERS000001")]
    spool = Path(project.settings["spool"])
    assert not leaks([("the engine", "\n".join(lines).encode()), *files(spool)], secrets.values())
