"""explain.py: each file is explained by its kind, and a file that breaks a parser costs its own findings only."""

from __future__ import annotations

import gzip
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from debugcapture.finding import Finding
from debugcapture.findings.evidence import Evidence
from debugcapture.findings.explain import explain, explain_bundle, subjects_of
from debugcapture.findings.subject import Subject
from debugcapture.picture import Pictures
from tests.unit.builders import artifact, manifest
from tests.unit.findings.parsers.test_pprof import PROFILE


def lines_of(evidence: Evidence) -> list[str]:
    lines = [line.text for line in evidence.lines()]
    if "broken" in lines:
        raise RecursionError("too deep")
    return lines


def word_is_there(lines: list[str]) -> Iterator[Finding]:
    if "bad" in lines:
        yield Finding("critical", "it is bad", "")


WORDS = Subject("words", lambda evidence: evidence.head.startswith("words\n"), lines_of, (word_is_there,))


def file(folder: Path, name: str, text: str, pod: str = "") -> Evidence:
    path = folder / name
    path.write_text(text)
    return Evidence(path, name, pod)


def never(_file: Evidence, error: Exception) -> None:
    raise AssertionError from error


def test_a_finding_has_the_id_of_its_rule_and_the_pod_of_its_file(tmp_path: Path) -> None:
    (finding,) = explain([file(tmp_path, "a", "words\nbad\n", "shop-1")], never, (WORDS,))
    assert (finding.rule, finding.pod, finding.title) == ("word-is-there", "shop-1", "it is bad")


def test_a_file_of_no_known_kind_has_no_findings(tmp_path: Path) -> None:
    other = file(tmp_path, "a", "bad\n")
    assert list(subjects_of(other, (WORDS,))) == []
    assert explain([other], never, (WORDS,)) == []


def test_a_mixed_file_is_explained_by_the_next_kind_too(tmp_path: Path) -> None:
    mixed = replace(WORDS, name="mixed", is_mixed=lambda evidence: "mixed" in evidence.head)
    more = file(tmp_path, "a", "words\nmixed\n")
    assert [subject.name for subject in subjects_of(more, (mixed, WORDS, WORDS))] == ["mixed", "words"]
    assert [subject.name for subject in subjects_of(file(tmp_path, "b", "words\n"), (mixed, WORDS))] == ["mixed"]


def test_a_file_that_makes_a_parser_fail_loses_only_its_own_findings(tmp_path: Path) -> None:
    failures: list[tuple[str, str]] = []

    def failed(evidence: Evidence, error: Exception) -> None:
        failures.append((evidence.name, str(error)))

    files = [file(tmp_path, "a", "words\nbroken\n"), file(tmp_path, "b", "words\nbad\n")]
    assert [finding.title for finding in explain(files, failed, (WORDS,))] == ["it is bad"]
    assert failures == [("a", "too deep")]


def test_a_bundle_has_pictures_of_each_pod(tmp_path: Path) -> None:
    dump = "goroutine 1 [running]:\nmain.main()\n\t/a.go:1 +0x1\n"
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(dump)
    capture_manifest = manifest(artifact(file="a.txt", pod="shop-1"), artifact(file="b.txt", pod="shop-2"))
    _, pictures = explain_bundle(tmp_path, capture_manifest, never)
    assert [(pod.pod, [stacks.file for stacks in pod.stacks]) for pod in pictures.pods] == [
        ("shop-1", ["a.txt"]),
        ("shop-2", ["b.txt"]),
    ]


def test_a_profile_that_is_not_masked_is_drawn_because_it_contains_names_only(tmp_path: Path) -> None:
    (tmp_path / "go-cpu.pprof").write_bytes(gzip.compress(PROFILE))
    profile = artifact(file="go-cpu.pprof", sensitive=True)
    _, pictures = explain_bundle(tmp_path, manifest(profile, artifact(file="other.txt")), never)
    assert [stacks.title for pod in pictures.pods for stacks in pod.stacks] == ["Go CPU profile"]


def test_files_in_which_nothing_was_masked_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "threads.txt").write_text("panic: boom\n\ngoroutine 1 [running]:\nmain.main()\n\t/a.go:1 +0x1\n")
    capture_manifest = manifest(artifact(file="threads.txt"), artifact(file="other.txt"))
    sensitive = replace(capture_manifest.artifacts[0], sensitive=True)
    mixed = replace(capture_manifest, artifacts=(sensitive, capture_manifest.artifacts[1]))
    assert explain_bundle(tmp_path, mixed, never) == ((), Pictures())


def test_files_about_one_pod_are_explained_together(tmp_path: Path) -> None:
    together = replace(WORDS, merge=lambda models: [line for model in models for line in model])
    both = replace(together, rules=(words_meet,))
    first, second = file(tmp_path, "a", "words\nbad\n", "shop-1"), file(tmp_path, "b", "words\nworse\n", "shop-1")
    assert [finding.pod for finding in explain([first, second], never, (both,))] == ["shop-1"]
    assert explain([first, replace(second, pod="shop-2")], never, (both,)) == []
    assert explain([replace(first, pod=""), replace(second, pod="")], never, (both,)) == []  # perhaps of two clusters


def words_meet(lines: list[str]) -> Iterator[Finding]:
    if {"bad", "worse"} <= set(lines):
        yield Finding("critical", "they meet", "")


def cannot_merge(_models: Sequence[list[str]]) -> list[str]:
    raise RecursionError("too deep")


def test_merged_files_that_make_a_rule_fail_lose_only_the_findings_of_their_kind(tmp_path: Path) -> None:
    broken = replace(WORDS, name="broken", merge=cannot_merge)
    failures: list[str] = []
    files = [file(tmp_path, "a", "words\nbad\n", "shop-1")]
    mixed = replace(broken, is_mixed=lambda _evidence: True)
    findings = explain(files, lambda evidence, error: failures.append(f"{evidence.name}: {error}"), (mixed, WORDS))
    assert [finding.title for finding in findings] == ["it is bad"]
    assert failures == ["a: too deep"]


def test_a_capture_states_a_cause_that_only_one_of_its_files_names(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs/app.previous.log").write_text("2026-11-30T03:45:30Z cannot reach db:5432\n")
    (tmp_path / "pod.txt").write_text(
        "Pod:   shop/web-0\nUID:   1\nPhase: Running\n\nContainer app:\n"
        "  State:  waiting (CrashLoopBackOff), last ended with exit code 4 (Error), 4 restarts\n"
    )
    (tmp_path / "events.txt").write_text(
        "LAST SEEN             TYPE     REASON        OBJECT                 MESSAGE\n"
        "2026-11-30T03:45:31Z  Warning  BackOff (x9)  spec.containers{app}   Back-off restarting failed container app\n"
    )
    names = ("logs/app.previous.log", "pod.txt", "events.txt")
    capture_manifest = manifest(*(artifact(file=name, pod="web-0", collector="pod-snapshot") for name in names))
    ((finding,), _) = explain_bundle(tmp_path, capture_manifest, never)
    assert finding.title == (
        'Container "app" ended with exit code 4: CrashLoopBackOff, 4 restarts. Last message: cannot reach db:5432'
    )
    assert [lines.file for lines in finding.evidence] == ["pod.txt", "logs/app.previous.log"]
