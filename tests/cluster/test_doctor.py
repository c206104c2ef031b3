"""The check of an installation, on the lab: it finds problems, and the commands that it prints fix them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import lab.kubernetes
import lab.pagerduty
from debugcapture.settings.declare import read
from debugcapture.steps.doctor import DoctorStep, diagnose
from debugcapture.text import WIDTH
from lab.kubernetes.kubectl import Kubectl
from lab.project import lab_project
from tests.cluster.captures import run_context
from tests.cluster.objects import IMAGE


def examined(folder: Path, **changes: str) -> tuple[int, str]:
    """Exit code and text of a check with the settings of the lab's project; findings without line breaks."""
    log: list[str] = []
    settings = lab_project(Path(), "").settings | {"spool": str(folder)} | changes
    connection = {name: value for name, value in settings.items() if name in _NAMES}
    outcome = diagnose(read(DoctorStep, connection), run_context(folder, log))
    table = log[-1].partition("\nFix of")[0]
    assert max(len(line) for line in table.splitlines()) <= WIDTH
    cells = [text for entry in outcome.document for text in entry.values()]
    return outcome.exit_code, "\n".join([*log, *cells])


_NAMES = (
    *("server", "token", "ca_certificate", "kubeconfig", "namespaces", "image", "profile", "spool", "store"),
    *("s3_endpoint", "s3_region", "s3_access_key", "s3_secret_key"),
    *("pagerduty_token", "pagerduty_from", "pagerduty_url"),
)


IN_ORDER = ("shop: Logs and events", "Heap dump", "valid until")


def test_installation_that_is_in_order(tmp_path: Path) -> None:
    code, text = examined(tmp_path, namespaces="shop")
    assert code == 0, text
    assert "✘" not in text
    for line in (*IN_ORDER, "the presigned link works", "accepts the key", "restricted is enforced"):
        assert line in text


def test_printed_role_fixes_the_permissions(namespace: str, kubectl: Kubectl, tmp_path: Path) -> None:
    code, text = examined(tmp_path, namespaces=namespace)
    assert code == 10
    printed = re.search(r"<<'END'\n(.*?)END$", text, re.DOTALL | re.MULTILINE)
    assert printed
    kubectl("apply", "-f", "-", stdin=printed[1])
    code, text = examined(tmp_path, namespaces=namespace)
    assert code == 0, text


def test_debug_image_is_tried_where_a_pod_may_be_made(namespace: str, kubectl: Kubectl, tmp_path: Path) -> None:
    admin = {"server": "", "token": "", "kubeconfig": str(lab.kubernetes.endpoint().kubeconfig)}
    kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
    _, good = examined(tmp_path, namespaces=namespace, image=IMAGE, **admin)
    assert "can be pulled, and has a shell" in good
    code, bad = examined(tmp_path, namespaces=namespace, image="lab.local/no-such:1", profile="general", **admin)
    assert code == 10
    assert re.search("ErrImageNeverPull|ErrImagePull|ImagePullBackOff", bad)
    assert "Collectors that need more than restricted are skipped there" in bad
    pods = kubectl.json("get", "pods", f"--namespace={namespace}")["items"]
    assert [item for item in pods if "deletionTimestamp" not in item["metadata"]] == []


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"namespaces": "no-such"}, "it does not exist"),
        ({"token": "x"}, "Renew the token"),
        ({"server": "https://127.0.0.1:1"}, "Check the address of the API server"),
        ({"s3_secret_key": "x"}, "SignatureDoesNotMatch"),
        ({"pagerduty_token": "x"}, "Check the API key"),
        ({"spool": "/proc/no"}, "Choose a writable directory"),
    ],
)
def test_problem_is_reported_and_the_rest_is_checked(changes: dict[str, str], problem: str, tmp_path: Path) -> None:
    code, text = examined(tmp_path, **{"namespaces": "shop", **changes})
    assert code == 10
    assert problem in text
    assert "Python" in text
    assert text.count("✘ ") >= 1
