"""deploy/evidence-server: the API server accepts the manifest, and its settings and those of the unit exist."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from debugcapture.settings.declare import declared
from debugcapture.steps.evidence_server import EvidenceServerStep
from lab.kubernetes.kubectl import Kubectl

pytestmark = pytest.mark.xdist_group("evidence manifest")  # its namespace has a fixed name

FOLDER = Path(__file__).parents[2] / "deploy" / "evidence-server"
OWN = "debug-capture-evidence"


def objects() -> list[dict[str, Any]]:
    read: list[dict[str, Any]] = list(yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text()))
    return read


@pytest.fixture(scope="module")
def namespace_of_the_manifest(kubectl: Kubectl) -> Iterator[None]:
    text = json.dumps(next(item for item in objects() if item["kind"] == "Namespace"))
    kubectl("apply", "-f", "-", stdin=text)
    account = json.dumps(next(item for item in objects() if item["kind"] == "ServiceAccount"))
    kubectl("apply", "-f", "-", stdin=account)
    yield
    kubectl("delete", "-f", "-", "--timeout=120s", stdin=text)


@pytest.mark.usefixtures("namespace_of_the_manifest")
def test_api_server_accepts_the_manifest_and_its_pods_are_restricted(kubectl: Kubectl) -> None:
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects()})
    kubectl("apply", "--dry-run=server", "-f", "-", stdin=text)
    (deployment,) = [item for item in objects() if item["kind"] == "Deployment"]
    pod = {"apiVersion": "v1", "kind": "Pod", **deployment["spec"]["template"]}
    pod["metadata"] = {"name": OWN, "namespace": OWN}
    kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(pod))  # refused if it were not restricted


@pytest.mark.parametrize("file", ["kubernetes.yaml", "debug-capture-evidence.service"])
def test_every_variable_is_a_setting(file: str) -> None:
    names = re.findall(r"DEBUG_CAPTURE_([A-Z0-9_]+)", (FOLDER / file).read_text())
    settings = {setting.name for setting in declared(EvidenceServerStep)}
    assert len(names) > 4
    assert {name.lower().removesuffix("_file") for name in names} <= settings
