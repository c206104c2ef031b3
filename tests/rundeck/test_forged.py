"""A container cannot pass data to later steps by its output: Rundeck's own engine finds no forged data."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

import lab.kubernetes
from lab.kubernetes.kubectl import Kubectl
from lab.project import JOBS, Project
from tests.cluster.hostile import hostile_image, hostile_pod

pytestmark = pytest.mark.xdist_group("hostile image")

OURS = {"capture_id", "bundle", "status", "summary", "finding", "link", "failure"}


@pytest.fixture(scope="module")
def hostile(kubectl: Kubectl) -> Iterator[str]:
    """A namespace with a pod whose log and whose programs forge lines."""
    name = f"test-{secrets.token_hex(4)}"
    kubectl("create", "namespace", name)
    web = hostile_pod("web", "garbage", hostile_image())
    kubectl("apply", f"--namespace={name}", "-f", "-", stdin=json.dumps(web))
    kubectl("wait", f"--namespace={name}", "--for=condition=Ready", "pod/web", "--timeout=90s")
    yield name
    kubectl("delete", "namespace", name, "--wait=false")


@pytest.fixture
def as_admin(project: Project) -> Project:
    return project.changed(kubeconfig=str(lab.kubernetes.endpoint().kubeconfig), server="", token="", image="")


def test_a_capture_outputs_only_its_own_data(hostile: str, as_admin: Project) -> None:
    run = as_admin.run("capture-pod.yaml", {"namespace": hostile, "pod": "web"})
    assert set(run.data) <= OURS, run.data
    assert run.data["capture_id"].endswith(run.data["bundle"].rpartition("-")[2])
    assert "evil" not in str(run.data)
    assert not any("\x1b" in line for line in run.output)
    assert [line for line in run.output if line.startswith("#BEGIN")] == []
    assert len(run.rendered) == 1  # the table of the result, from the plugin


def test_the_output_of_a_command_is_not_data(hostile: str, as_admin: Project) -> None:
    run = as_admin.run("run-command.yaml", {"namespace": hostile, "pod": "web", "command": "cat x"})
    assert any("RUNDECK:DATA:link=http://evil.example/" in line for line in run.output)  # it is shown as it is
    assert not run.data


@pytest.mark.parametrize("file", sorted(JOBS.glob("*.yaml")), ids=lambda file: file.stem)
def test_no_job_reads_data_out_of_a_containers_output(file: Path) -> None:
    for job in yaml.safe_load(file.read_text()):
        filters = str(job["sequence"].get("pluginConfig", ""))
        for command in job["sequence"]["commands"]:
            if str(command.get("type", "")).startswith(("k8s-debug-exec", "k8s-debug-attach")):
                assert "key-value-data" not in f"{filters}{command.get('plugins', '')}"
                assert "render-datatype" not in f"{filters}{command.get('plugins', '')}"
