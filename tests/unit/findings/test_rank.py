"""rank.py: the cause comes first, and the same finding of several pods is one finding."""

from __future__ import annotations

from dataclasses import replace

from debugcapture.finding import EvidenceLines, Finding
from debugcapture.findings.rank import ranked


def finding(title: str = "it is full", **other: object) -> Finding:
    return Finding(**{"severity": "warning", "detail": "", "title": title, "rule": "disk", **other})  # type: ignore[arg-type]


def test_severity_comes_before_directness_and_the_given_order() -> None:
    findings = [
        finding("c", severity="info", directness=99),
        finding("b", directness=10),
        finding("a", directness=90),
        finding("z", severity="critical", directness=0),
        finding("y", severity="critical", directness=0),
    ]
    assert [finding.title for finding in ranked(findings)] == ["z", "y", "a", "b", "c"]


def test_the_same_finding_on_several_pods_is_one() -> None:
    findings = [
        finding(pod=pod, key="disk full", title=f"disk is full on {pod}", evidence=(EvidenceLines(pod, 1, 2),))
        for pod in ("a", "b", "a")
    ]
    (merged,) = ranked(findings)
    assert merged.title == "2 pods: disk is full on a"
    assert merged.pods == ("a", "b")
    assert [lines.file for lines in merged.evidence] == ["a", "b"]


def test_a_finding_about_names_of_any_length_is_short() -> None:
    (short,) = ranked([finding("disk \0 is full", detail="why\nand how")])
    assert (short.title, short.detail) == ("disk \0 is full", "why\nand how")
    (cut,) = ranked([finding(f"disk {'x' * 5000} is full", detail="y " * 5000)])
    assert (len(cut.title), cut.title[:8], cut.title[-1]) == (300, "disk xxx", "…")
    assert 490 < len(cut.detail) <= 500


def test_a_restart_with_a_known_cause_is_not_a_separate_finding() -> None:
    restarts = [
        finding(rule="container-is-restarted-in-a-loop", pod=pod, key=f"{pod}/app", title="restarted")
        for pod in ("a", "b")
    ]
    cause = finding(rule="container-keeps-failing", pod="a", key="shop/app", title="exit code 3")
    assert [(finding.title, finding.pod) for finding in ranked([*restarts, cause])] == [
        ("restarted", "b"),
        ("exit code 3", "a"),
    ]


def test_a_workload_whose_pods_have_a_problem_comes_after_it() -> None:
    stuck = finding("stuck", rule="rollout-does-not-progress", severity="critical", directness=64, pod="a")
    gate = finding("gate", rule="pod-hangs", pod="a", directness=10)
    assert [finding.title for finding in ranked([stuck, gate])] == ["gate", "stuck"]
    assert [finding.title for finding in ranked([stuck, replace(gate, pod="b")])] == ["stuck", "gate"]
    assert [finding.title for finding in ranked([stuck, replace(gate, severity="info")])] == ["stuck", "gate"]


def test_findings_of_different_rules_or_subjects_stay_apart() -> None:
    assert len(ranked([finding("x", rule="a"), finding("x", rule="b"), finding("y", rule="b")])) == 3
