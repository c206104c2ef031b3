"""attachment.py: one debug container for a capture, as the right user, ended with it."""

from __future__ import annotations

from typing import cast

import pytest

from debugcapture.attachment import NOBODY, Attachment, DebugOptions
from debugcapture.cluster.api import Api
from debugcapture.errors import BadInput, NotAllowed, NothingCaptured
from debugcapture.model import Target, User
from tests.unit.builders import target
from tests.unit.fakes import OK, Cluster

PROC = b"Name:\tjava\nUid:\t185\t0\t0\t0\nGid:\t7\t0\t0\t0\n"


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    one = Cluster(sh=(OK, b"", b""), cat=(OK, PROC, b""))
    monkeypatch.setattr("debugcapture.cluster.exec.run", one.run)
    return one


def attachment(cluster: Cluster, of: Target | None = None) -> Attachment:
    options = DebugOptions("toolbox:1", "restricted", 90)
    return Attachment(cast("Api", cluster), of or target(), options, lambda _: None)


def users(cluster: Cluster) -> list[User]:
    contexts = [spec["securityContext"] for spec in cluster.attached]
    return [User(context["runAsUser"], context["runAsGroup"]) for context in contexts]


def ended(cluster: Cluster) -> int:
    return sum(argv[:2] == ("sh", "-c") for argv in cluster.ran)


def test_nothing_is_attached_before_it_is_needed(cluster: Cluster) -> None:
    with attachment(cluster):
        pass
    assert cluster.attached == []


def test_debug_container_is_shared_and_ended(cluster: Cluster) -> None:
    with attachment(cluster) as one:
        assert one.place() == one.place()
        assert ended(cluster) == 0
    assert len(cluster.attached) == ended(cluster) == 1
    assert cluster.attached[0]["image"] == "toolbox:1"
    assert cluster.attached[0]["command"][-1] == "90"


def test_debug_container_is_ended_after_an_error(cluster: Cluster) -> None:
    def fail() -> None:
        with attachment(cluster) as one:
            one.place()
            raise SystemExit(143)

    with pytest.raises(SystemExit):
        fail()
    assert ended(cluster) == 1


def test_refusal_is_not_asked_for_twice(cluster: Cluster) -> None:
    cluster.refuses = True
    with attachment(cluster) as one:
        for _ in range(2):
            with pytest.raises(NotAllowed, match="forbidden"):
                one.place()
    assert len(cluster.attached) == 1


def test_user_that_the_pod_names_is_taken(cluster: Cluster) -> None:
    with attachment(cluster, target(user=User(5, 6))) as one:
        one.place()
    assert users(cluster) == [User(5, 6)]


def test_user_that_only_the_image_names_is_read_from_its_first_process(cluster: Cluster) -> None:
    with attachment(cluster, target(user=None)) as one:
        one.place()
        assert ended(cluster) == 1  # the one that looked
    assert users(cluster) == [NOBODY, User(185, 7)]
    assert ended(cluster) == 2


def test_process_that_is_root_gets_the_profile_that_can_see_it(cluster: Cluster) -> None:
    with attachment(cluster, target(user=User(0, 0))) as one:
        one.place()
    assert cluster.attached[0]["securityContext"] == {"runAsUser": 0, "runAsGroup": 0}


@pytest.mark.parametrize("proc", [b"", b"Uid:\t185\n", b"cat: can't open"], ids=["nothing", "half", "an error"])
def test_runtime_that_hides_processes_is_told(proc: bytes, cluster: Cluster) -> None:
    cluster.answers["cat"] = (OK, proc, b"")
    with attachment(cluster, target(user=None)) as one, pytest.raises(NothingCaptured, match="does not share them"):
        one.place()
    assert users(cluster) == [NOBODY]


def test_without_an_image_nothing_is_attached_and_the_remedy_is_told(cluster: Cluster) -> None:
    options = DebugOptions("", "restricted", 90)
    one = Attachment(cast("Api", cluster), target(), options, lambda _: None)
    with one, pytest.raises(BadInput, match="no debug image is set. Build deploy/toolbox"):
        one.place()
    assert cluster.attached == []
