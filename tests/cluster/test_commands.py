"""Commands of an operator in the image of a container, on the lab: no process outlives the step."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import lab.kubernetes
from lab.kubernetes.kubectl import Kubectl
from lab.paths import REPO
from tests.cluster.objects import Apply, container, pod, pod_spec

LINGERS = "sh -c 'sleep 600; echo never' & echo begun; sleep 600; echo never"
STUBBORN = "trap '' TERM; echo begun; while :; do sleep 0.1; done"


@pytest.fixture
def start(
    namespace: str, apply: Apply, ready: Callable[[str], None], tmp_path: Path
) -> Callable[..., subprocess.Popen[bytes]]:
    """Start the exec of the command line in a pod of this test."""
    apply(pod("web", pod_spec(container(["sleep", "7777"]))))
    ready("pod/web")
    settings = ["--kubeconfig", str(lab.kubernetes.endpoint().kubeconfig), "--namespace", namespace, "--pod", "web"]
    environment = os.environ | {"PYTHONPATH": str(REPO / "contents"), "XDG_STATE_HOME": str(tmp_path)}

    def run(*words: str, time_limit_s: int = 60) -> subprocess.Popen[bytes]:
        program = [
            sys.executable,
            "-m",
            "debugcapture.cli.main",
            "exec",
            *settings,
            "--time-limit-s",
            str(time_limit_s),
        ]
        pipe = subprocess.PIPE
        return subprocess.Popen([*program, "--", *words], stdout=pipe, stderr=pipe, env=environment)

    return run


@pytest.fixture
def running(namespace: str, kubectl: Kubectl) -> Callable[[], list[str]]:
    """The running processes of the pod with their arguments, without those of this test."""
    script = (
        "for one in /proc/[0-9]*; do read -r _ name state _ <$one/stat; "
        '[ "$state" = Z ] || [ "${one#/proc/}" = $$ ] || echo "$name $(tr "\\0" " " <$one/cmdline)"; done 2>/dev/null'
    )

    def look() -> list[str]:
        shown = kubectl("exec", f"--namespace={namespace}", "web", "--", "sh", "-c", script)
        return [line for line in shown.splitlines() if "sleep" in line or "trap" in line]

    return look


@pytest.mark.parametrize("script", [LINGERS, STUBBORN])
def test_an_abort_ends_the_command_in_the_container(
    script: str, start: Callable[..., subprocess.Popen[bytes]], running: Callable[[], list[str]]
) -> None:
    with start("sh", "-c", script) as step:
        assert step.stdout
        assert step.stdout.readline() == b"begun\n"
        assert len(running()) > 1
        step.send_signal(signal.SIGTERM)
        assert step.wait() == 143
    assert [line.split()[1:] for line in running()] == [["sleep", "7777"]]


def test_a_time_limit_ends_the_command_in_the_container(
    start: Callable[..., subprocess.Popen[bytes]], running: Callable[[], list[str]]
) -> None:
    with start("sh", "-c", LINGERS, time_limit_s=2) as step:
        output, errors = step.communicate()
    assert (step.returncode, output) == (5, b"begun\n")
    assert b"it was still running at its time limit" in errors
    assert b"stopped the command" in errors
    assert [line.split()[1:] for line in running()] == [["sleep", "7777"]]


def test_output_exit_code_and_environment_are_those_of_kubectl_exec(
    start: Callable[..., subprocess.Popen[bytes]], namespace: str, kubectl: Kubectl
) -> None:
    with start("sh", "-c", r"printf 'a\0b\377'; printf 'e\n\n' >&2; wc -c; exit 7") as step:
        output, errors = step.communicate()
    assert (step.returncode, output.split(b"\xff")) == (7, [b"a\0b", b"0\n"])
    assert errors.startswith(b"e\n\nsh in ")
    with start("env") as step:
        lines = step.communicate()[0].decode().splitlines()
    theirs = kubectl("exec", f"--namespace={namespace}", "web", "--", "env").splitlines()
    assert sorted(lines) == sorted(theirs)
