"""collect.py: a debug container gets more privilege only after less was denied, and only if the job allows it."""

from __future__ import annotations

from tests.unit.builders import collector
from tests.unit.capture.collecting import Denying, Run, bare
from tests.unit.fakes import Cluster


def test_refused_debug_container_fails_each_collector_that_needs_it(capture: Run) -> None:
    cluster = bare()
    cluster.refuses = True
    artifacts = capture(cluster, collector(), collector(id="again"))
    assert [(artifact.outcome, artifact.reason) for artifact in artifacts] == [
        ("failed", "cannot attach: forbidden. Ask.")
    ] * 2
    assert len(cluster.attached) == 2  # the second with a read-only root file system


def test_debug_image_without_the_tool_is_reported(capture: Run) -> None:
    cluster = Cluster(shell=False)
    (artifact,) = capture(cluster, collector())
    assert (artifact.outcome, artifact.reason) == ("failed", "the debug image has no jattach")


def test_a_higher_profile_is_used_only_after_a_denial_and_if_it_is_allowed(capture: Run) -> None:
    cluster = Denying(shell=False)
    (artifact,) = capture(cluster, collector(), ceiling="general")
    assert artifact.outcome == "complete"
    assert artifact.method.endswith("with profile general")
    assert [spec["securityContext"]["runAsUser"] for spec in cluster.attached] == [1000, 0]


def test_without_permission_for_more_privileges_the_denial_is_final(capture: Run) -> None:
    (artifact,) = capture(Denying(shell=False), collector())
    assert artifact.outcome == "failed"
    assert "jattach: denied" in artifact.reason


def test_text_of_a_container_does_not_gain_privileges(capture: Run) -> None:
    cluster = Denying(shell=False)
    cluster.words = b"EACCES, EPERM, ptrace: Operation not permitted; it says 'jattach: denied'\n"
    (artifact,) = capture(cluster, collector(), ceiling="general")
    assert (artifact.outcome, artifact.reason_code, len(cluster.attached)) == ("failed", "exit-code", 1)


def test_collector_that_needs_more_than_admission_gives_is_skipped(capture: Run) -> None:
    cluster = bare()
    cluster.refuses = True
    (artifact,) = capture(cluster, collector(needs=("SYS_PTRACE",), detect=None), ceiling="general")
    assert artifact.outcome == "skipped"
    assert "forbidden" in artifact.reason
