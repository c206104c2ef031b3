"""explain.py of the command line: bundles, directories, files, and standard input."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from debugcapture.bundle.bundle import Bundle
from debugcapture.cli.main import main
from tests.unit.builders import artifact, manifest, target

PANIC = "panic: boom\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:7 +0x1d\nexit status 2\n"


def explained(capsys: pytest.CaptureFixture[str], *paths: str) -> list[dict[str, object]]:
    assert main(["explain", "--output", "json", *paths], {"HOME": "/nowhere"}) == 0
    findings: list[dict[str, object]] = json.loads(capsys.readouterr().out)["findings"]
    return findings


def test_a_file_a_directory_a_bundle_and_standard_input_give_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "app.log").write_text(PANIC)
    from_file = explained(capsys, str(tmp_path / "app.log"))
    assert "panic" in str(from_file[0]["title"])
    from_directory = explained(capsys, str(tmp_path))
    Bundle(tmp_path).save(manifest(artifact(collector="logs", file="app.log")))
    from_bundle = explained(capsys, str(tmp_path))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(PANIC.encode())))
    from_input = explained(capsys, "-")
    titles = [[finding["title"] for finding in each] for each in (from_file, from_directory, from_bundle, from_input)]
    assert titles[0]
    assert titles.count(titles[0]) == len(titles)
    assert from_bundle[0]["pod"] == "checkout-7d9f-abcde"


def test_the_pods_of_a_bundle_are_compared(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for pod, node in (("sick", "node-2"), ("fine", "node-1")):
        (tmp_path / f"{pod}.yaml").write_text(f"kind: Pod\nmetadata: {{name: {pod}}}\nspec: {{nodeName: {node}}}\n")
    artifacts = [artifact(file=f"{pod}.yaml", pod=pod, collector="pod-snapshot") for pod in ("sick", "fine")]
    sick, fine = target(pod="sick", unhealthy=("not ready",)), target(pod="fine", uid="u-2")
    Bundle(tmp_path).save(manifest(*artifacts, target=sick, more_targets=(fine,)))
    (finding,) = explained(capsys, str(tmp_path))
    assert finding["title"] == "The unhealthy pod differs from the healthy fine: node"
    assert finding["detail"] == "node: node-2, healthy: node-1"


def test_a_path_that_does_not_exist_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "/nowhere/a.log"], {"HOME": "/nowhere"}) == 2
    assert "cannot read /nowhere/a.log" in capsys.readouterr().err
