"""The plugin zips, and the lab's Rundeck project with them."""

from __future__ import annotations

import dataclasses
import json
import secrets
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from debugcapture import __version__
from lab.kubernetes.kubectl import Kubectl
from lab.kubernetes.workloads import grant
from lab.paths import REPO
from lab.project import Project, lab_project
from tests.rundeck.installed import FIRST, Api, import_yaml, imported, write_jobs
from tests.side_by_side import Once


@pytest.fixture(scope="session")
def slim_zip(once: Once) -> Path:
    return _built(once, f"kubernetes-debug-capture-{__version__}.zip")


@pytest.fixture(scope="session")
def bundled_zip(once: Once) -> Path:
    return _built(once, f"kubernetes-debug-capture-bundled-{__version__}.zip")


@pytest.fixture(scope="session")
def wheel(once: Once) -> Path:
    return _built(once, f"kubernetes_debug_capture-{__version__}-py3-none-any.whl")


@dataclass(frozen=True)
class Service:
    """A second instance of a shop service in the namespace of the test, which no other test captures."""

    kubectl: Kubectl
    namespace: str
    app: str

    @property
    def pod(self) -> str:
        """Return the name of its pod."""
        here = (f"--namespace={self.namespace}", f"--selector=app={self.app}")
        return self.kubectl("get", "pods", *here, "--output=jsonpath={.items[0].metadata.name}")

    @property
    def options(self) -> dict[str, str]:
        """Return a job's options for the pod."""
        return {"namespace": self.namespace, "pod": self.pod}

    def debug_containers(self) -> list[dict[str, Any]]:
        """Return the status of each debug container that captures have attached to it."""
        status = self.kubectl.json("get", "pod", self.pod, f"--namespace={self.namespace}")["status"]
        statuses: list[dict[str, Any]] = status.get("ephemeralContainerStatuses", [])
        return [item for item in statuses if item["name"].startswith("debug-capture-")]


@pytest.fixture
def own_service(namespace: str, kubectl: Kubectl) -> Callable[[str], Service]:
    """Start a service of the shop once more: `checkout` or `orders`."""

    def start(app: str) -> Service:
        kubectl("label", "namespace", namespace, "pod-security.kubernetes.io/enforce=restricted")
        grant(kubectl, namespace)
        manifest = yaml.safe_load((REPO / "lab" / "workloads" / f"{app}.yaml").read_text())
        manifest["metadata"]["namespace"] = namespace
        kubectl("apply", "--filename=-", stdin=json.dumps(manifest))
        kubectl("rollout", "status", f"--namespace={namespace}", f"deployment/{app}", "--timeout=120s")
        return Service(kubectl, namespace, app)

    return start


@pytest.fixture(scope="session")
def yaml_jobs(slim_zip: Path, once: Once, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the jobs as the server keeps them after an import of the files in jobs/."""

    def make() -> str:
        folder = tmp_path_factory.mktemp("yaml-jobs")
        state, _ = imported(slim_zip, folder)
        import_yaml(Api(state), FIRST)
        write_jobs(state.projects[FIRST].jobs.values(), folder)
        return str(folder)

    return Path(once("yaml-jobs", make))


@pytest.fixture
def project(slim_zip: Path, yaml_jobs: Path, tmp_path: Path) -> Project:
    """The lab's project, its jobs imported from YAML, with a spool and a store prefix of this test."""
    own = dataclasses.replace(lab_project(slim_zip, sys.executable), jobs=yaml_jobs)
    return own.changed(spool=str(tmp_path / "spool"), store=f"{own.settings['store']}/{secrets.token_hex(4)}")


def _built(once: Once, name: str) -> Path:
    return Path(once("packages", _build)) / name


def _build() -> str:
    """Build a complete release, with the bundled zip for the Python of the tests, and return the folder."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    subprocess.run([REPO / "build.sh", "package", "--python", version], check=True, stdout=subprocess.DEVNULL)
    return str(REPO / "dist")
