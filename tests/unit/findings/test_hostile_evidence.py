"""Every parser with hostile evidence of its own shape: nothing breaks, and nothing takes long.

A parser joins by its samples (samples.py). The path of a capture is tested: findings, pictures, their file, the page,
the comparison with a healthy pod, and what follows from several files.
"""

from __future__ import annotations

import importlib
import pkgutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import process_time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from debugcapture.bundle.bundle import Bundle
from debugcapture.finding import Finding
from debugcapture.findings import parsers
from debugcapture.findings.comparison.bundle import compare_bundle
from debugcapture.findings.evidence import DamagedEvidence, Evidence
from debugcapture.findings.explain import explain, explain_bundle, subjects_of
from debugcapture.findings.subjects import SUBJECTS
from debugcapture.manifest import Manifest
from debugcapture.report.page import report_page
from tests.unit.builders import artifact, manifest, target
from tests.unit.findings.mutations import mutated
from tests.unit.findings.samples import SAMPLES, Sample

INPUTS = settings.default.max_examples if settings.default else 100
FEW = settings(max_examples=INPUTS if INPUTS > 100 else INPUTS // 10)
"""Each parser gets its own inputs, and there are many parsers: after a change, a tenth is enough."""
MOST_S = 5.0
"""Processor time for one file of at most a few MB, on a slow machine."""
FOLDER = tempfile.TemporaryDirectory(prefix="hostile-evidence-")
SETTINGS = (Sample(SAMPLES["kube_objects"][1].content, "pod.json", "pod-snapshot"), SAMPLES["release_diff"][0])
ALL = tuple(sample.content for samples in SAMPLES.values() for sample in samples)
DISPATCHERS = {"jvm_threads", "kube"}
"""They choose one of the other parsers, and have no format of their own."""


def parser_modules() -> Iterator[tuple[str, Any]]:
    for module in pkgutil.iter_modules(parsers.__path__):
        loaded = importlib.import_module(f"{parsers.__name__}.{module.name}")
        if hasattr(loaded, "parse") or hasattr(loaded, "parse_log"):
            yield module.name, loaded


def never(file: Evidence, error: Exception) -> None:
    """A damaged file may be reported as such; any other error is one of a parser, a rule or a picture."""
    if not isinstance(error, DamagedEvidence):
        raise AssertionError(f"{file.name} breaks a parser or a rule") from error  # noqa: TRY004 - the test fails
    assert str(error).isprintable()


def bundle(sample: Sample, content: bytes) -> tuple[Path, Manifest]:
    """Write the file of an unhealthy pod, with what is known of the pod, and the same kind of file of a healthy pod."""
    folder = Path(FOLDER.name)
    files = [("sick", replace(sample, content=content)), ("fine", sample), *(("sick", part) for part in SETTINGS)]
    artifacts = []
    for pod, part in files:
        name = f"{pod}/{part.name}" if part is not SETTINGS[1] else "sick/changes.diff"
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(part.pack(part.content))
        artifacts.append(artifact(file=name, pod=pod, collector=part.collector))
    sick, fine = target(pod="sick", uid="1", unhealthy=("not ready",)), target(pod="fine", uid="2")
    return folder, manifest(*artifacts, target=sick, more_targets=(fine,))


def check(findings: tuple[Finding, ...]) -> None:
    for finding in findings:
        assert finding.rule
        assert finding.title.strip()
        assert len(finding.title) <= 300
        assert len(finding.title) + len(finding.detail) <= 800
        for lines in finding.evidence:
            assert lines.first >= 1
            assert all(len(line) <= 240 for line in lines.quote)


def test_no_parser_is_missing() -> None:
    modules = dict(parser_modules())
    assert len(modules) > 30
    assert set(SAMPLES) == set(modules) - DISPATCHERS
    assert set(modules) >= DISPATCHERS


@pytest.mark.parametrize("name", SAMPLES)
def test_the_parser_recognizes_its_samples(name: str, tmp_path: Path) -> None:
    module = dict(parser_modules())[name]
    recognize = module.is_text if name == "log" else module.recognize
    for sample in SAMPLES[name]:
        path = tmp_path / sample.name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(sample.pack(sample.content))
        evidence = Evidence(path, sample.name, "sick", sample.collector)
        assert recognize(evidence)
        explain([evidence], never)


def test_every_kind_of_evidence_has_a_sample(tmp_path: Path) -> None:
    names = set()
    for samples in SAMPLES.values():
        for sample in samples:
            path = tmp_path / sample.name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(sample.pack(sample.content))
            names |= {subject.name for subject in subjects_of(Evidence(path, sample.name, "sick", sample.collector))}
    assert names == {subject.name for subject in SUBJECTS}


@pytest.mark.parametrize("piece", ["\n", "\n ", " ", "\t", "a ", "0:", "[", '"', "- ", "at ", 'x "nodejsVersion"\n'])
def test_repetitions_are_recognized_in_linear_time(piece: str, tmp_path: Path) -> None:
    path = tmp_path / "evidence"
    path.write_text(piece * (200_000 // len(piece)))
    start = process_time()
    assert [subject.name for subject in subjects_of(Evidence(path, path.name))] in ([], ["Log"])
    assert process_time() - start < MOST_S


@pytest.mark.parametrize("name", SAMPLES)
@FEW
@given(data=st.data())
def test_hostile_evidence_is_explained_without_an_exception(name: str, data: st.DataObject) -> None:
    sample = data.draw(st.sampled_from(SAMPLES[name]))
    content = data.draw(mutated([sample.content], ALL))
    folder, capture_manifest = bundle(sample, content)
    start = process_time()
    findings, pictures = explain_bundle(folder, capture_manifest, never)
    check(findings)
    differences = compare_bundle(folder, capture_manifest, never)
    saved = Bundle(folder)
    for _ in range(2):  # numbers and times lose digits that no picture shows: the second time, nothing is lost
        saved.save_pictures(pictures)
        earlier, pictures = pictures, saved.pictures()
    assert pictures == earlier
    shown = replace(capture_manifest, findings=findings, differences=differences)
    report_page(shown, {}, {}, pictures=pictures)
    assert process_time() - start < MOST_S
