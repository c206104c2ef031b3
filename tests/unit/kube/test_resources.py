"""resources.py: one table of the API server's paths, and no other."""

from __future__ import annotations

import re

import pytest

from debugcapture.kube.resources import path_of, pod_path
from lab.paths import REPO

PACKAGE = REPO / "contents" / "debugcapture"


@pytest.mark.parametrize(
    ("resource", "path"),
    [
        (("Pod", "shop"), "/api/v1/namespaces/shop/pods"),
        (("pod",), "/api/v1/pods"),
        (("Deployment", "shop", "web"), "/apis/apps/v1/namespaces/shop/deployments/web"),
        (("Namespace", "", "shop"), "/api/v1/namespaces/shop"),
        (("Namespace",), "/api/v1/namespaces"),
        (("PodMetrics", "shop", "web-0"), "/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods/web-0"),
        (("Pod", "a?b", "c d"), "/api/v1/namespaces/a%3Fb/pods/c%20d"),
    ],
)
def test_path_is_that_of_the_api_reference(resource: tuple[str, ...], path: str) -> None:
    assert path_of(*resource) == path


def test_no_other_module_spells_a_path() -> None:
    spelt = re.compile(r"""["']/apis?/""")
    files = {str(file.relative_to(PACKAGE)) for file in PACKAGE.rglob("*.py") if spelt.search(file.read_text())}
    assert files == {"kube/resources.py"}


def test_names_are_quoted_in_paths() -> None:
    assert pod_path("a b", "c?d") == "/api/v1/namespaces/a%20b/pods/c%3Fd"
