"""read_only_root.py: where tools write if the root file system of the debug container is read-only."""

from __future__ import annotations

import pytest

from debugcapture.kube.read_only_root import SHARED_MEMORY, find_scratch, has_read_only_root
from debugcapture.model import Json
from tests.unit.builders import container, pod

TMP: Json = {"name": "tmp", "mountPath": "/tmp"}


def with_volume(empty_dir: Json, **mount: str) -> Json:
    mounted = container(volumeMounts=[TMP | mount])
    return pod(spec={"containers": [mounted], "volumes": [{"name": "tmp", "emptyDir": empty_dir}]})


@pytest.mark.parametrize(
    ("empty_dir", "mount", "is_used"),
    [
        ({}, {}, True),
        ({}, {"mountPath": "/var/tmp/"}, True),
        ({}, {"mountPath": "/data"}, False),
        ({}, {"subPath": "a"}, False),
        ({"sizeLimit": "16Mi"}, {}, False),
        ({"medium": "Memory"}, {}, False),
    ],
    ids=["/tmp", "/var/tmp", "data of the application", "subPath", "small", "in memory"],
)
def test_only_a_folder_for_temporary_files_is_used(empty_dir: Json, mount: dict[str, str], is_used: bool) -> None:
    scratch, mounts = find_scratch(with_volume(empty_dir, **mount), ())
    assert (scratch, mounts) == (("/tmp", (TMP,)) if is_used else (SHARED_MEMORY, ()))


@pytest.mark.parametrize(("read_only", "scratch"), [(False, "/tmp"), (True, SHARED_MEMORY)])
def test_what_is_mounted_already_stays(read_only: bool, scratch: str) -> None:
    mounts = (TMP | {"readOnly": read_only},)
    assert find_scratch(with_volume({}), mounts) == (scratch, mounts)


@pytest.mark.parametrize(
    ("name", "context", "expected"),
    [
        ("debug-capture-1", {"readOnlyRootFilesystem": True}, True),
        ("debug-capture-1", {"readOnlyRootFilesystem": False}, False),
        ("debug-capture-1", None, False),
        ("debugger", {"readOnlyRootFilesystem": True}, False),
    ],
)
def test_which_pods_have_such_a_container(name: str, context: Json | None, expected: bool) -> None:
    ephemeral = {"name": name, "securityContext": context}
    assert has_read_only_root(pod(spec={"ephemeralContainers": [ephemeral]}), "debug-capture-") is expected
    assert not has_read_only_root(pod(), "debug-capture-")
