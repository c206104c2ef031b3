"""The workloads of every runtime, as the lab would apply them, and the list of the toolbox."""

import pytest

from lab.kubernetes import runtimes, toolbox
from lab.kubernetes.runtimes import CRASHING, RUNNING, Workload, manifest

EVERY = (*RUNNING, *CRASHING)
RUNTIMES = ("java17", "java25", "python", "node", "go", "native", "ruby", "php")


@pytest.mark.parametrize("workload", EVERY, ids=lambda workload: workload.name)
def test_is_legal_under_restricted(workload: Workload) -> None:
    pod = manifest(workload, "key")["spec"]["template"]["spec"]
    container = pod["containers"][0]
    assert pod["securityContext"]["runAsNonRoot"]
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert container["securityContext"]["allowPrivilegeEscalation"] is False


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("variant", ["full", "bare", "busybox", "crash"])
def test_each_runtime_has_each_variant(runtime: str, variant: str) -> None:
    assert f"{runtime}-{variant}" in {workload.name for workload in EVERY}


def test_a_new_image_replaces_the_pod() -> None:
    older, newer = (manifest(RUNNING[0], key)["spec"]["template"] for key in ("1", "2"))
    assert older["metadata"] != newer["metadata"]
    assert older["spec"] == newer["spec"]


def test_a_crashing_workload_leaves_its_file_on_a_volume() -> None:
    for workload in CRASHING:
        mounts = manifest(workload, "key")["spec"]["template"]["spec"]["containers"][0]["volumeMounts"]
        assert runtimes.CRASH_FOLDER in {mount["mountPath"] for mount in mounts}


def test_the_list_of_the_toolbox_is_complete() -> None:
    assert {tool.source for tool in toolbox.tools()} == {"debian", "pip", "cargo", "go"}
    assert toolbox.package("py-spy").startswith("py-spy==")


def test_the_sources_of_the_toolbox_are_there() -> None:
    assert all(source.is_file() for source in toolbox.sources())
