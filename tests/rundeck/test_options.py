"""Dropdowns in Rundeck's own loader, with the release zips."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import lab.kubernetes
from lab.rundeck import option_values

NAMESPACES, WORKLOADS, PODS, COLLECTORS = (
    f"k8s-debug-options-{name}" for name in ("namespaces", "workloads", "unhealthy-pods", "collectors")
)


def configured(provider: str, spool: Path, **more: str) -> dict[str, str]:
    """The project's properties for a dropdown."""
    settings = {"interpreter": sys.executable, "spool": str(spool), **more}
    return {f"project.plugin.OptionValues.{provider}.{name}": value for name, value in settings.items()}


def on_the_cluster(provider: str, spool: Path, **more: str) -> dict[str, str]:
    return configured(provider, spool, kubeconfig=str(lab.kubernetes.endpoint().kubeconfig), **more)


def test_rundeck_offers_namespaces_services_and_pods(slim_zip: Path, tmp_path: Path) -> None:
    properties = {
        **on_the_cluster(NAMESPACES, tmp_path),
        **on_the_cluster(WORKLOADS, tmp_path, namespaces="shop"),
        **on_the_cluster(PODS, tmp_path, namespaces="shop"),
    }
    values = {
        name: option_values(name, slim_zip, project_properties=properties) for name in (NAMESPACES, WORKLOADS, PODS)
    }
    assert ("shop", "shop") in values[NAMESPACES]
    assert ("checkout (Deployment, 1 of 1 ready)", "deployment/checkout") in values[WORKLOADS]
    label, pod = values[PODS][0]
    assert pod.startswith("gateway-")
    assert label.startswith(f"{pod} - gateway ")
    assert "exit code 3" in label
    assert (tmp_path / "options").is_dir()


def test_rundeck_offers_collectors_of_the_bundled_zip_without_any_setting(bundled_zip: Path) -> None:
    values = option_values(COLLECTORS, bundled_zip)
    assert values[0] == ("quick - Harmless and fast (under 30 s)", "quick")
    assert "jvm-heap-dump" in [value for _, value in values]


def test_a_dropdown_that_is_not_configured_is_empty_and_breaks_nothing(slim_zip: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "HOME": str(tmp_path)}
    environment.pop("KUBECONFIG", None)
    properties = configured(NAMESPACES, tmp_path)
    assert option_values(NAMESPACES, slim_zip, project_properties=properties, environment=environment) == []
