"""crash_dumps.py: a container chooses the names of dumps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from debugcapture.capture.crash_dumps import (
    VOLUMES,
    Folder,
    Volumes,
    _is_below,
    bundle_names,
    find_crash_dumps,
    mounted_folders,
    paths_by_root,
    persistent_mounts,
)
from debugcapture.kube.exec_stream import Stdio
from debugcapture.model import ContainerRef, ExitStatus, Json, User
from tests.unit.builders import container, pod


def test_names_are_plain_short_and_unique() -> None:
    paths = ["/var/crash/java_pid1.hprof", "/a/b_c", "/a_b/c", "/..", "/x\x1b[0m\n", "/" + "n" * 400, "/.core"]
    names = bundle_names(paths)
    assert names[:3] == ["var_crash_java_pid1.hprof", "a_b_c.bin", "2-a_b_c.bin"]
    assert len(set(names)) == len(names)
    assert all(name.isascii() and "/" not in name and not name.startswith(".") and len(name) < 160 for name in names)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/data/core.1.html", "data_core_1_html.bin"),
        ("/data/core.1.svg", "data_core_1_svg.bin"),
        ("/data/core.1.html.gz", "data_core_1_html_gz.bin"),
        ("/data/x.php.hprof", "data_x_php.hprof"),
        ("/data/x.html/report1.json", "data_x_html_report1.json"),
        ("/data/v1.2/hs_err_pid7.log", "data_v1_2_hs_err_pid7.log"),
        ("/data/java_pid1.hprof.gz", "data_java_pid1.hprof.gz"),
        ("/data/core", "data_core"),
        ("/data/core.123", "data_core.123"),
        ("/core.123", "core.123"),
        ("/data/app.core", "data_app.core"),
        ("/data/x.html_core", "data_x_html_core"),
        ("/data/score.1", "data_score_1.bin"),
        ("/data/core.java.7", "data_core_java_7.bin"),
        ("/data/coredump.7", "data_coredump.7"),
        ("/data/coredump.7.crashreport.json", "data_coredump_7_crashreport.json"),
        ("/data/heapdump.20260101.7.0001.phd", "data_heapdump_20260101_7_0001.phd"),
        ("/data/erl_crash.dump", "data_erl_crash.dump"),
        ("/data/oom", "data_oom.bin"),
    ],
)
def test_a_name_ends_like_a_dump_and_never_like_a_page(path: str, name: str) -> None:
    assert bundle_names([path]) == [name]


def test_a_name_with_a_number_is_not_given_twice() -> None:
    names = bundle_names(["/2-a.hprof", "/a.hprof", "/a.hprof", "/a.hprof"])
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("path", "below"),
    [
        ("/vol/core.1", True),
        ("/vol/deep/core.1", True),
        ("/volume/core.1", False),
        ("/proc/self/environ", False),
        ("/vol/../proc/self/environ", False),
        ("/vol/a\rb/core", False),
        ("", False),
    ],
)
def test_only_files_in_the_folders_are_read(path: str, below: bool) -> None:
    assert _is_below(path, ["/vol"]) is below


def crashed(*mounts: Json, env: list[Json] | None = None) -> Json:
    """A pod whose container app has ``mounts``; its volumes are `data` and `config`."""
    volumes = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}, {"name": "config", "configMap": {}}]
    return pod(spec={"containers": [container(volumeMounts=list(mounts), env=env or [])], "volumes": volumes})


WHOLE = {"name": "data", "mountPath": "/data"}
PART = {"name": "data", "mountPath": "/dumps", "subPath": "shop/dumps"}


def test_a_volume_is_mounted_where_the_target_has_it() -> None:
    pod_json = crashed(WHOLE, {"name": "config", "mountPath": "/etc/app"})
    assert persistent_mounts(pod_json, "app") == ({"name": "data", "mountPath": f"{VOLUMES}/data", "readOnly": True},)
    assert mounted_folders(pod_json, "app") == (Folder("/data", f"{VOLUMES}/data"),)


def test_a_volume_with_a_sub_path_is_mounted_completely_once_and_the_sub_path_is_searched() -> None:
    pod_json = crashed(PART, PART | {"mountPath": "/logs", "subPath": "shop/logs"})
    place = f"{VOLUMES}/.volumes/data"
    assert persistent_mounts(pod_json, "app") == ({"name": "data", "mountPath": place, "readOnly": True},)
    assert mounted_folders(pod_json, "app") == (
        Folder("/dumps", f"{place}/shop/dumps"),
        Folder("/logs", f"{place}/shop/logs"),
    )


def test_variables_of_a_sub_path_are_replaced_if_the_pod_has_their_values() -> None:
    env: list[Json] = [
        {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "TEAM", "value": "a"},
    ]
    mount = {"name": "data", "mountPath": "/dumps", "subPathExpr": "$(TEAM)/$(POD)"}
    unknown = {"name": "data", "mountPath": "/logs", "subPathExpr": "$(FROM_A_SECRET)"}
    pod_json = crashed(mount, unknown, env=env)
    name = pod_json["metadata"]["name"]
    assert mounted_folders(pod_json, "app") == (Folder("/dumps", f"{VOLUMES}/.volumes/data/a/{name}"),)


FOLDERS = (Folder("/data", f"{VOLUMES}/data"), Folder("/dumps", f"{VOLUMES}/.volumes/data/shop"))


def test_files_are_archived_from_where_they_are_mounted() -> None:
    assert paths_by_root(["data/a", "dumps/b/c", "dumps", "etc/x", "database"], FOLDERS) == {
        VOLUMES: {"data/a": "data/a"},
        f"{VOLUMES}/.volumes/data/shop": {"dumps/b/c": "b/c", "dumps": "."},
    }
    assert paths_by_root(["data/a"], (Folder("/data", "/data"),)) == {"/": {"data/a": "data/a"}}


class Node:
    """A node with one file at ``path``, of which `stat` prints the owner, the group and the mode."""

    def __init__(self, path: str, stat: str) -> None:
        self._path, self._stat = path, stat

    def run(self, _ref: ContainerRef, argv: Sequence[str], stdio: Stdio, **_: Any) -> ExitStatus:
        output = f"{self._path}\n" if argv[0] == "find" else f"{self._stat} {self._path}\n"
        stdio.stdout(memoryview(output.encode()))
        return ExitStatus(0)


class Session:
    """A debug session whose containers run as uid 1000, or as the owner of a file."""

    volume_user = User(1000, 1000)

    def __init__(self, refuses: bool = False) -> None:
        self.users: list[User] = []
        self._refuses = refuses

    def attach_to_volumes_as(self, user: User) -> ContainerRef | None:
        self.users.append(user)
        return None if self._refuses else ContainerRef("shop", "web", f"as-{user.uid}")


OURS = ContainerRef("shop", "web", "debug")


@pytest.mark.parametrize(
    ("stat", "reader"),
    [
        ("1000 1000 600", "debug"),
        ("1001 1000 640", "debug"),
        ("1001 1001 644", "debug"),
        ("0 0 600", "as-0"),
        ("1001 1000 600", "as-1001"),
        ("no such file", "debug"),
    ],
)
def test_a_file_that_only_its_owner_can_read_is_read_as_its_owner(stat: str, reader: str) -> None:
    path = f"{VOLUMES}/.volumes/data/shop/java_pid1.hprof"

    node, session = cast("Any", Node(path, stat)), Session()
    (dump,) = find_crash_dumps(node, Volumes(OURS, FOLDERS, are_mounted=True), cast("Any", session))
    assert (dump.ref.container, dump.path, dump.path_in_target) == (reader, path, "/dumps/java_pid1.hprof")
    assert dump.name == "dumps_java_pid1.hprof"


def test_without_a_container_of_the_owner_reading_the_file_is_still_attempted() -> None:
    path = f"{VOLUMES}/data/core.1"

    node, session = cast("Any", Node(path, "0 0 600")), Session(refuses=True)
    (dump,) = find_crash_dumps(node, Volumes(OURS, FOLDERS, are_mounted=True), cast("Any", session))
    assert (dump.ref, session.users) == (OURS, [User(0, 0)])
