"""debug_session.py: debug containers run as the right user, with the least privilege first, and end with it."""

from __future__ import annotations

from typing import cast

import pytest

from debugcapture.capture.debug_session import NOBODY, DebugOptions, DebugSession, debug_options
from debugcapture.errors import BadInput, NotAllowed, NotRunning
from debugcapture.kube.client import Api
from debugcapture.kube.command import Command
from debugcapture.model import ExitStatus, Target, User
from debugcapture.settings.debug_container import DebugContainerSettings, Profile
from tests.unit.builders import target
from tests.unit.fakes import JAVA, Cluster

FOREIGN = "S 99\nP 1 185 7 2048 java\nT\n"


@pytest.fixture
def cluster() -> Cluster:
    return Cluster()


def debug_session(cluster: Cluster, of: Target | None = None, ceiling: Profile = "restricted") -> DebugSession:
    options = DebugOptions("toolbox:1", ceiling, 90)
    return DebugSession(cast("Api", cluster), of or target(), (), options, lambda _: None)


def users(cluster: Cluster) -> list[User]:
    contexts = [spec["securityContext"] for spec in cluster.attached]
    return [User(context["runAsUser"], context["runAsGroup"]) for context in contexts]


def ended(cluster: Cluster) -> int:
    return cluster.left()


def test_nothing_is_attached_before_it_is_needed(cluster: Cluster) -> None:
    with debug_session(cluster):
        pass
    assert cluster.attached == []


def test_debug_container_is_shared_and_ended(cluster: Cluster) -> None:
    with debug_session(cluster) as session:
        assert session.attach() == session.attach()
        assert ended(cluster) == 0
    assert len(cluster.attached) == ended(cluster) == 1
    assert cluster.attached[0]["image"] == "toolbox:1"
    assert cluster.attached[0]["command"][-2] == "90"


def test_debug_container_is_ended_after_an_error(cluster: Cluster) -> None:
    def fail() -> None:
        with debug_session(cluster) as session:
            session.attach()
            raise SystemExit(143)

    with pytest.raises(SystemExit):
        fail()
    assert ended(cluster) == 1


def test_a_refused_request_is_not_repeated(cluster: Cluster) -> None:
    cluster.refuses = True
    with debug_session(cluster) as session:
        for _ in range(2):
            with pytest.raises(NotAllowed, match="forbidden"):
                session.attach()
    has_read_only_root = [spec["securityContext"].get("readOnlyRootFilesystem", False) for spec in cluster.attached]
    assert has_read_only_root == [False, True]  # the first session tries both


def test_the_user_of_the_pod_is_used(cluster: Cluster) -> None:
    with debug_session(cluster, target(user=User(5, 6))) as session:
        session.attach()
    assert users(cluster) == [User(5, 6)]


def test_user_that_only_the_image_names_is_read_from_its_first_process(cluster: Cluster) -> None:
    cluster.listing = f"S 99\n{JAVA.replace('1000 1000', '185 7')}"
    with debug_session(cluster, target(user=None)) as session:
        session.attach()
        assert ended(cluster) == 1  # the container that reads the user
    assert users(cluster) == [NOBODY, User(185, 7)]
    assert ended(cluster) == 2


def test_process_that_has_changed_its_user_is_followed(cluster: Cluster) -> None:
    cluster.listing = FOREIGN
    with debug_session(cluster) as session:
        session.attach()
    assert users(cluster) == [User(1000, 1000), User(185, 7)]


def test_process_that_is_root_gets_the_profile_that_can_see_it(cluster: Cluster) -> None:
    with debug_session(cluster, target(user=User(0, 0))) as session:
        session.attach()
    assert cluster.attached[0]["securityContext"] == {"runAsUser": 0, "runAsGroup": 0}


def test_a_more_privileged_profile_runs_in_a_separate_container_as_root(cluster: Cluster) -> None:
    with debug_session(cluster, ceiling="general") as session:
        assert session.profiles() == ("restricted", "general")
        assert session.profiles(("SYS_PTRACE",)) == ("general",)
        session.attach()
        session.attach("general")
    assert users(cluster) == [User(1000, 1000), User(0, 0)]
    assert cluster.attached[1]["securityContext"]["capabilities"] == {"add": ["SYS_PTRACE"]}
    assert ended(cluster) == 2


@pytest.mark.parametrize(
    ("listing", "reason"),
    [("OWN\nS 9\nP 1 0 0 5 sh\n", "the container runtime does not share them"), ("", "no process is visible")],
    ids=["its own only", "nothing"],
)
def test_runtime_that_hides_processes_is_reported(listing: str, reason: str, cluster: Cluster) -> None:
    cluster.listing = listing
    with debug_session(cluster) as session, pytest.raises(NotRunning, match=reason):
        session.attach()
    assert ended(cluster) == 1


def test_without_an_image_nothing_is_attached_and_the_remedy_is_reported(cluster: Cluster) -> None:
    options = DebugOptions("", "restricted", 90)
    session = DebugSession(cast("Api", cluster), target(), (), options, lambda _: None)
    with session, pytest.raises(BadInput, match="no debug image is set. Build deploy/toolbox"):
        session.attach()
    assert cluster.attached == []


def test_environment_and_custom_fields_reach_the_container(cluster: Cluster) -> None:
    settings = DebugContainerSettings(
        image="toolbox:1",
        environment="A=1 B='x y'",
        debug_container_spec='{"imagePullPolicy": "Always", "env": [{"name": "C"}]}',
    )
    with DebugSession(cast("Api", cluster), target(), (), debug_options(settings, 90), lambda _: None) as session:
        session.attach()
    assert cluster.attached[0]["imagePullPolicy"] == "Always"
    assert cluster.attached[0]["env"] == [{"name": "C"}]
    assert debug_options(settings, 90).environment == (("A", "1"), ("B", "x y"))


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"environment": "A"}, "'A' is not NAME=VALUE"),
        ({"environment": "1A=2"}, "is not NAME=VALUE"),
        ({"environment": "A='"}, "No closing quotation"),
        ({"debug_container_spec": "["}, "cannot read debug_container_spec"),
        ({"debug_container_spec": "[1]"}, "it is not a mapping"),
        ({"debug_container_spec": '{"image": "x"}'}, "image cannot be overridden"),
        ({"debug_container_spec": '{"securityContext": {"privileged": true}}'}, "securityContext cannot be overridden"),
    ],
)
def test_invalid_environment_or_custom_fields_change_nothing(settings: dict[str, str], reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        debug_options(DebugContainerSettings(**settings), 90)  # type: ignore[arg-type]  # texts only


def command_in(session: DebugSession) -> tuple[ExitStatus, str, bytes]:
    output = bytearray()
    ps = Command(("run-tool", "command", "30", "ps"), 30, output.extend, output.extend)
    ref, status = session.run("restricted", ps)
    return status, ref.container, bytes(output)


def test_the_exec_that_lists_the_processes_also_runs_the_command() -> None:
    cluster = Cluster(ps=(ExitStatus(3), b"1 java\n", b""))
    with debug_session(cluster) as session:
        assert command_in(session) == (ExitStatus(3), cluster.attached[0]["name"], b"1 java\n")
    assert (len(cluster.attached), ended(cluster)) == (1, 1)


def test_the_command_runs_once_as_the_user_that_the_processes_changed_to() -> None:
    cluster = Cluster(ps=(ExitStatus(0), b"1 java\n", b""))
    cluster.listing = FOREIGN
    with debug_session(cluster) as session:
        status, container, output = command_in(session)
    assert (status, container, output) == (ExitStatus(0), cluster.attached[1]["name"], b"1 java\n")
    assert users(cluster) == [User(1000, 1000), User(185, 7)]


def test_the_command_runs_as_the_user_that_only_the_image_names() -> None:
    cluster = Cluster(ps=(ExitStatus(0), b"1 java\n", b""))
    cluster.listing = f"S 99\n{JAVA.replace('1000 1000', '185 7')}"
    with debug_session(cluster, target(user=None)) as session:
        assert command_in(session)[2] == b"1 java\n"
    assert users(cluster) == [NOBODY, User(185, 7)]


def test_no_command_runs_where_the_processes_are_not_shared() -> None:
    cluster = Cluster(ps=(ExitStatus(0), b"1 sh\n", b""))
    cluster.listing = "OWN\nS 9\nP 1 0 0 5 sh\n"
    with debug_session(cluster) as session, pytest.raises(NotRunning, match="does not share them"):
        command_in(session)
    assert not [argv for argv in cluster.ran if "ps" in argv]
    assert ended(cluster) == 1
