"""summary.py: what people read in the log and in the note."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from debugcapture.model import ContainerState
from debugcapture.report.summary import artifact_line, summary
from tests.unit.builders import artifact, manifest, nothing, target


def test_summary_has_status_pod_and_what_is_missing() -> None:
    skipped = nothing("skipped", "it is empty", title="Log")
    failed = nothing("failed", "exit code 1")
    assert summary(manifest(artifact(title="Pod YAML"), skipped, failed)) == (
        "partial: 1 artifacts of shop/checkout-7d9f-abcde (container app, running); "
        "Java thread dump failed: exit code 1"
    )


@given(st.text(), st.text())
def test_summary_is_always_one_line(reason: str, state: str) -> None:
    waiting_target = target(state=ContainerState("waiting", state))
    assert summary(manifest(nothing("failed", reason), target=waiting_target)).isprintable()


def test_the_line_of_an_artifact_has_all_facts() -> None:
    cut = artifact(title="Log of app", outcome="truncated", bytes=2048, reason="two\nlines", method="", redactions=2)
    assert [artifact_line(entry) for entry in (artifact(), cut, nothing("skipped", "it is empty", method=""))] == [
        "Java thread dump: complete, 7 B in 0.2 s (by exec: the image has jcmd)",
        "Log of app: truncated, 2.0 KiB in 0.2 s, 2 credentials masked: two lines",
        "Java thread dump: skipped: it is empty",
    ]


@given(st.text(), st.text(), st.text())
def test_an_artifact_always_has_exactly_one_line(title: str, method: str, reason: str) -> None:
    assert artifact_line(artifact(title=title, method=method, reason=reason)).isprintable()
