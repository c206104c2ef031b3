"""What surrounds the code: workflows and hooks call build.sh, and issue forms ask for the doctor's output."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from lab.paths import REPO
from tools.yaml_text import read_yaml

WORKFLOWS = sorted((REPO / ".github" / "workflows").glob("*.yml"))
COMMANDS = set(re.findall(r"^\./build\.sh (\w+)", (REPO / "build.sh").read_text(), re.MULTILINE))
# Publishing is the one thing that needs GitHub itself.
PUBLISH = 'gh release create "$GITHUB_REF_NAME"'


def runs(workflow: Any) -> Iterator[str]:
    for job in workflow["jobs"].values():
        yield from (step["run"] for step in job["steps"] if "run" in step)


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.name)
def test_workflow_only_calls_commands_of_build_sh(file: Any) -> None:
    commands = [run for run in runs(read_yaml(file.read_text())) if not run.startswith(PUBLISH)]
    assert commands
    for command in commands:
        called = re.fullmatch(r"(?:sudo )?\./build\.sh (\w+)(?: unit)?", command)
        assert called, command
        assert called[1] in COMMANDS


def test_hooks_are_local_and_only_call_commands_of_build_sh() -> None:
    (repo,) = read_yaml((REPO / ".pre-commit-config.yaml").read_text())["repos"]
    assert repo["repo"] == "local"
    for hook in repo["hooks"]:
        program, command = hook["entry"].split()
        assert (program, command in COMMANDS) == ("./build.sh", True)


def test_bug_report_requires_the_output_of_the_doctor() -> None:
    form = read_yaml((REPO / ".github" / "ISSUE_TEMPLATE" / "bug_report.yml").read_text())
    fields = {field.get("id"): field for field in form["body"]}
    assert "debug-capture doctor" in fields["doctor"]["attributes"]["description"]
    assert fields["doctor"]["validations"]["required"] is True


def pip_installs() -> list[str]:
    """The commands that install Python packages, in build.sh and the Dockerfiles."""
    files = [REPO / "build.sh", *(REPO / "deploy").rglob("Dockerfile")]
    joined = "\n".join(file.read_text() for file in files).replace("\\\n", " ")
    return re.findall(r"pip install ([^&\n]*)", joined)


def test_packages_are_installed_by_their_hashes() -> None:
    """Only our own wheel, which was built on this machine, comes without one."""
    installs = pip_installs()
    assert len(installs) > 5
    assert [
        line for line in installs if "--require-hashes" not in line and not re.search(r"--no-deps .*\*\.whl", line)
    ] == []


def test_base_images_are_pinned_by_digest_and_updated() -> None:
    """The image of the Runner is chosen by the person who builds it."""
    files = {file.parent.name: file.read_text() for file in (REPO / "deploy").rglob("Dockerfile")}
    images = {name: re.findall(r"^FROM (\S+)", text, re.MULTILINE) for name, text in files.items()}
    assert images.pop("runner") == ["rundeckpro/runner:${VERSION}"]
    for name, bases in images.items():
        assert bases
        assert [base for base in bases if base != "scratch" and not re.search(r"@sha256:[0-9a-f]{64}$", base)] == [], (
            name
        )
    (update,) = read_yaml((REPO / ".github" / "dependabot.yml").read_text())["updates"]
    assert set(update["directories"]) == {f"/deploy/{name}" for name in images}


def test_the_toolbox_installs_the_versions_that_it_lists() -> None:
    folder = REPO / "deploy" / "toolbox"
    listed = re.findall(r"^pip +(\S+)", (folder / "tools.txt").read_text(), re.MULTILINE)
    assert listed == re.findall(r"^([\w.-]+==\S+)", (folder / "requirements.txt").read_text(), re.MULTILINE)
