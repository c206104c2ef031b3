"""`./build.sh install` against the stand-in for a server: twice, into two projects, and with errors."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.rundeck import server
from tools import install
from tools.project_archive import Edition, jobs, write_project_archive

TOKEN, SECRET = "an-administrators-token", "a-secret-of-the-cluster"  # noqa: S105 - a test's


@dataclass
class Target:
    """A server, and the command that installs into a project of it."""

    state: server.State
    url: str
    folder: Path

    def tokens_of_webhooks(self, project: str) -> list[str]:
        return [hook.token for hook in self.state.webhooks.values() if hook.project == project]

    def install(self, project: str, *arguments: str) -> int:
        archive = self.folder / f"{project}.rdproject.jar"
        write_project_archive(archive, Edition(project))
        (self.folder / "rundeck-token").write_text(f"{TOKEN}\n")
        (self.folder / "token").write_text(f"{SECRET}\n")
        argv = ["--url", self.url, "--project", project, "--archive", str(archive)]
        return install.main(
            [
                *argv,
                "--token-file",
                str(self.folder / "rundeck-token"),
                f"--key=token=file:{self.folder}/token",
                *arguments,
            ]
        )


@pytest.fixture
def target(slim_zip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Target]:
    """A server whose python3 has the packages, so that the slim zip runs.

    Each request starts the engine, and the engine reads the whole plugin each time: 4 s for the bundled zip.
    """
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    libext = tmp_path / "libext"
    libext.mkdir()
    (libext / slim_zip.name).symlink_to(slim_zip)
    state = server.State(libext, tmp_path, {TOKEN: server.ADMIN})
    with server.listening(state) as url:
        yield Target(state, url, tmp_path)


def test_twice_into_a_new_project_then_into_one_that_is_in_use(
    target: Target, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PAGERDUTY_TOKEN", f"{SECRET}-2")
    assert target.install("ops", "--key=pagerduty-token=env:PAGERDUTY_TOKEN") == 0, capsys.readouterr().err
    first = capsys.readouterr()
    assert first.err == ""
    assert {"+ project ops", "+ key token stored", "+ key pagerduty-token stored"} <= set(first.out.splitlines())
    assert {f"+ job {job['name']}" for job in jobs()} <= set(first.out.splitlines())
    assert len(re.findall("(?m)^✔ ", first.out)) == 5
    ops = target.state.projects["ops"]
    assert ops.properties["resources.source.1.type"] == "local"
    assert target.state.keys["keys/project/ops/debug-capture/token"] == SECRET
    assert "- key s3-secret-key is missing: no step uses it until" in first.out

    hook = target.tokens_of_webhooks("ops")
    assert target.install("ops") == 0, capsys.readouterr().err
    again = capsys.readouterr().out.splitlines()
    assert [line for line in again if line[0] in "+~"] == ["~ key token updated"]
    assert target.tokens_of_webhooks("ops") == hook  # the URL in PagerDuty stays valid

    own = {"project.description": "Ours", "resources.source.1.type": "local", "resources.source.1.config.x": "y"}
    target.state.projects["ops2"] = server.Project("ops2", dict(own))
    assert target.install("ops2") == 0, capsys.readouterr().err
    assert own.items() <= target.state.projects["ops2"].properties.items()
    assert len(target.state.projects["ops2"].jobs) == len(ops.jobs) == len(list(jobs()))
    assert target.tokens_of_webhooks("ops") == hook
    assert target.state.users == {TOKEN: server.ADMIN}  # those of the groups are removed
    assert all(run.succeeded for run in target.state.runs)
    assert len(target.state.runs) == 3
    output = capsys.readouterr()
    assert SECRET not in first.out + output.out + output.err


def test_a_server_without_the_plugin_is_reported(target: Target, capsys: pytest.CaptureFixture[str]) -> None:
    (plugin,) = target.state.libext.iterdir()
    plugin.unlink()
    assert target.install("ops") == 1
    assert "The server has not loaded the plugin, so nothing was changed. Copy dist/" in capsys.readouterr().err
    assert target.state.projects == {}


def test_insufficient_policies_are_reported_by_group(target: Target, capsys: pytest.CaptureFixture[str]) -> None:
    archive = target.folder / "ops.rdproject.jar"
    write_project_archive(archive, Edition("ops"))
    target.state.policies["other.aclpolicy"] = (
        "description: too much\ncontext: {project: '.*'}\nfor: {job: [{match: {name: '.*'}, allow: '*'}]}\n"
        "by: {group: debug-capture-webhook}\n"
        "---\n"
        "description: too little\ncontext: {project: '.*'}\nfor: {node: [{deny: run}]}\n"
        "by: {group: debug-capture-operators}\n"
    )
    assert target.install("ops") == 1
    errors = capsys.readouterr().err
    assert "debug-capture-webhook may run “Heap dump”, but not because of a policy of the archive" in errors
    assert "debug-capture-operators may not read and run the node localhost, so its jobs fail there" in errors
    assert "debug-capture-engineers" not in errors


def test_an_invalid_token_is_reported(target: Target, capsys: pytest.CaptureFixture[str]) -> None:
    (target.folder / "wrong").write_text("no-token")
    assert target.install("ops", "--token-file", str(target.folder / "wrong")) == 1
    assert "403" in capsys.readouterr().err
    assert target.state.projects == {}
