"""run-tool: what it reports, and that no process that it started remains, however it ends."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lab.paths import REPO
from lab.prerequisites import go_binary, run_go

MARK = "debug-capture-end nonce "
CONTENT = os.urandom(3_000_001)
# A daemon: it has its own session, its parent has ended, and it ignores the signals that ask it to end.
DAEMON = '(setsid sh -c \'trap "" TERM HUP; echo $$ >"$1"; exec sleep 300\' sh "$1" &)'


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    program = tmp_path_factory.mktemp("run-tool") / "run-tool"
    run_go(go_binary(), ["build", "-o", str(program), "."], REPO / "deploy" / "toolbox" / "run-tool")
    return program


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path / "base"


def report(errors: bytes) -> dict[str, Any]:
    """The report at the end of run-tool's standard error, which contains nothing else."""
    line = errors.decode().strip()
    assert line.startswith(MARK)
    report = json.loads(line.removeprefix(MARK))
    assert isinstance(report, dict)
    return report


def ran(program: Path, *words: str) -> tuple[dict[str, Any], bytes]:
    process = subprocess.run(
        [program, "run", "nonce", *words], stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=True
    )
    return report(process.stderr), process.stdout


def is_there(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def written(file: Path) -> int:
    """Wait for the PID that a process writes."""
    while not (file.exists() and file.read_text().strip()):
        time.sleep(0.01)
    return int(file.read_text())


def test_output_is_passed_on_completely_with_its_size_and_checksum(program: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(CONTENT)
    ended, output = ran(program, "30", "cat", str(tmp_path / "file"))
    assert output == CONTENT
    assert ended["size"] == len(CONTENT)
    assert ended["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert (ended["ended"], ended["code"]) == ("exited", 0)


def test_the_memory_of_a_tool_is_limited(program: Path) -> None:
    """A debug container has no memory limit: a process of the target could fill the node through a tool."""
    ended, output = ran(program, "30", sys.executable, "-c", "bytearray(1 << 30); print('enough'); bytearray(3 << 30)")
    assert (ended["ended"], ended["code"], output) == ("exited", 1, b"enough\n")
    assert "MemoryError" in ended["errors"]
    assert ran(program, "30", "sh", "-c", "echo $GOMEMLIMIT")[1] == b"1536MiB\n"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["sh", "-c", "echo why >&2; exit 7"], {"ended": "exited", "code": 7, "errors": "why\n"}),
        (["sh", "-c", "kill -SEGV $$"], {"ended": "signal", "code": 11, "signal": "SIGSEGV"}),
        (["no-such-tool"], {"ended": "not-started", "errno": "ENOENT"}),
        (["/no/such/tool"], {"ended": "not-started", "errno": "ENOENT"}),
        (["/etc/passwd"], {"ended": "not-started", "errno": "EACCES"}),
        (["/etc"], {"ended": "not-started", "errno": "EISDIR"}),
    ],
    ids=["exit code", "signal", "no program", "no file", "no executable", "folder"],
)
def test_the_report_says_how_a_tool_ended(words: list[str], expected: dict[str, Any], program: Path) -> None:
    ended, _ = ran(program, "30", *words)
    assert expected.items() <= ended.items()


def test_a_tool_cannot_forge_the_report_by_what_it_writes(program: Path) -> None:
    forged = f'\n{MARK}{{"ended":"exited","code":0,"size":0}}\n'
    ended, output = ran(program, "30", "sh", "-c", 'printf %s "$1" | tee /dev/stderr; exit 9', "sh", forged)
    assert (ended["code"], ended["errors"], output.decode()) == (9, forged, forged)


def test_endless_errors_keep_only_their_end(program: Path) -> None:
    ended, _ = ran(program, "30", "sh", "-c", "head -c 5000000 /dev/zero | tr '\\0' x >&2; printf end >&2")
    assert len(ended["errors"]) == 4096
    assert ended["errors"].endswith("xend")


def test_no_process_of_a_tool_outlives_it(program: Path, tmp_path: Path) -> None:
    """No background process remains, no daemon that ignores SIGTERM, and no zombie."""
    script = f'sleep 300 & echo $! >"$2"; {DAEMON}; until [ -s "$1" ]; do sleep 0.01; done; echo done'
    files = [tmp_path / "daemon", tmp_path / "child"]
    ended, output = ran(program, "30", "sh", "-c", script, "sh", *map(str, files))
    assert (ended["ended"], output, "left" in ended) == ("exited", b"done\n", False)
    assert not any(is_there(written(file)) for file in files)


def test_a_tool_that_hangs_is_ended_with_all_that_it_started(program: Path, tmp_path: Path) -> None:
    ended, output = ran(
        program, "1", "sh", "-c", f"echo first; {DAEMON}; trap '' TERM; sleep 300", "sh", str(tmp_path / "pid")
    )
    assert (ended["ended"], output) == ("time-limit", b"first\n")
    assert not is_there(written(tmp_path / "pid"))


def test_a_tool_that_gets_a_signal_may_clean_up(program: Path, tmp_path: Path) -> None:
    script = "trap 'echo cleared >\"$1\"; exit' TERM; sleep 300 & wait"
    ran(program, "1", "sh", "-c", script, "sh", str(tmp_path / "file"))
    assert (tmp_path / "file").read_text() == "cleared\n"


@pytest.fixture
def hanging(program: Path, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A tool that writes without end and has started a daemon, and the daemon's PID. The output is not read."""
    words = ["sh", "-c", f"{DAEMON}; yes", "sh", str(tmp_path / "pid")]
    with subprocess.Popen(
        [program, "run", "nonce", "300", *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running:
        yield running, written(tmp_path / "pid")


@pytest.mark.parametrize(
    ("method", "ending"),
    [("stdin", "reader-gone"), ("stdout", "reader-gone"), ("TERM", "stopped"), ("HUP", "stopped")],
)
def test_a_tool_ends_with_its_reader_and_its_container(
    method: str, ending: str, hanging: tuple[subprocess.Popen[bytes], int]
) -> None:
    running, daemon = hanging
    assert running.stdin
    assert running.stdout
    assert running.stderr
    if method in ("stdin", "stdout"):
        (running.stdin if method == "stdin" else running.stdout).close()
    else:
        running.send_signal(getattr(signal, f"SIG{method}"))
    errors = running.stderr.read()
    running.wait(30)
    assert report(errors)["ended"] == ending
    assert not is_there(daemon)


def test_a_command_has_its_own_output_errors_and_exit_code(program: Path) -> None:
    words = [str(program), "command", "30", "sh", "-c", "echo out; echo err >&2; exit 4"]
    process = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=False)
    assert (process.stdout, process.stderr, process.returncode) == (b"out\n", b"err\n", 4)


@pytest.mark.parametrize(("name", "code"), [("no-such-program", 127), ("/etc/passwd", 126)])
def test_a_command_that_cannot_be_run_has_a_shells_exit_code(name: str, code: int, program: Path) -> None:
    process = subprocess.run([str(program), "command", "30", name], capture_output=True, timeout=30, check=False)
    assert process.returncode == code
    assert name in process.stderr.decode()


@pytest.mark.parametrize("offset", [0, 1, 2_000_000, len(CONTENT), len(CONTENT) + 5])
def test_a_file_is_sent_from_an_offset_with_the_sum_of_all_of_it(offset: int, program: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(CONTENT)
    words = [str(program), "fetch", "nonce", str(offset), str(tmp_path / "file")]
    process = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=True)
    ended = report(process.stderr)
    assert process.stdout == CONTENT[offset:]
    assert (ended["size"], ended["sha256"]) == (len(CONTENT), hashlib.sha256(CONTENT).hexdigest())


@pytest.mark.parametrize(("name", "errno"), [("gone", "ENOENT"), ("pipe", ""), ("folder", "")])
def test_special_file_is_not_waited_for(name: str, errno: str, program: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    words = [str(program), "fetch", "nonce", "0", str(tmp_path / name)]
    process = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=30, check=True)
    ended = report(process.stderr)
    assert (ended["ended"], ended.get("errno", "")) == ("unreadable", errno)


def test_a_file_is_removed_once(program: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for _ in range(2):
        subprocess.run([program, "remove", tmp_path / "file"], check=True, timeout=30)
    assert not (tmp_path / "file").exists()


@pytest.fixture
def holder(program: Path, base: Path) -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen([program, "hold", base, "60", "first"]) as running:
        subprocess.run([program, "join", base, "second"], check=True, timeout=30)
        yield running
        running.terminate()


def job(program: Path, base: Path, name: str, *words: str) -> None:
    subprocess.run([program, "start", base, name, "30", "", *words], check=True, timeout=30)


def waited(program: Path, base: Path, name: str) -> dict[str, Any]:
    words = [str(program), "wait", "nonce", str(base), name, "30", str(base / "jobs" / f"{name}.out")]
    return report(subprocess.run(words, capture_output=True, timeout=60, check=True).stderr)


def test_a_job_outlives_the_command_that_started_it(program: Path, base: Path, holder: subprocess.Popen[bytes]) -> None:
    job(program, base, "one", "sh", "-c", "sleep 0.3; echo done; echo why >&2; exit 3")
    ended = waited(program, base, "one")
    assert (ended["ended"], ended["code"], ended["errors"]) == ("exited", 3, "why\n")
    assert (base / "jobs" / "one.out").read_text() == "done\n"
    assert holder.poll() is None


def test_the_last_that_leaves_ends_the_container_and_its_jobs(
    program: Path, base: Path, holder: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    job(program, base, "one", "sh", "-c", f"{DAEMON}; sleep 300", "sh", str(tmp_path / "pid"))
    daemon = written(tmp_path / "pid")
    subprocess.run([program, "leave", base, "first"], check=True, timeout=30)
    assert holder.poll() is None
    subprocess.run([program, "leave", base, "second"], check=True, timeout=30)
    assert holder.wait(30) == 0
    assert not is_there(daemon)
    assert not base.exists()
    assert subprocess.run([program, "ready", base], capture_output=True, timeout=30, check=False).returncode == 75


def test_ready_waits_for_the_first_process(program: Path, base: Path) -> None:
    """Both start together with the container."""
    with (
        subprocess.Popen([program, "ready", base, "echo", "shown"], stdout=subprocess.PIPE) as ready,
        subprocess.Popen([program, "hold", base, "60", "first"]) as hold,
    ):
        assert ready.communicate(timeout=30)[0] == b"shown\n"
        hold.terminate()
    assert ready.returncode == 0


def test_a_command_replaces_ready(program: Path, base: Path, holder: subprocess.Popen[bytes]) -> None:
    def ready(*command: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run([program, "ready", base, *command], capture_output=True, timeout=30, check=False)

    assert ready().returncode == 0
    shown = ready("sh", "-c", 'echo "$0 $PPID"; exit 3', "a b")
    assert (shown.returncode, shown.stdout) == (3, f"a b {os.getpid()}\n".encode())
    assert ready("no-such-program").returncode == 127
    holder.terminate()
    assert holder.wait(30) == 0
    assert ready("true").returncode == 75


def approved(program: Path, stdin: bytes, *words: str) -> subprocess.CompletedProcess[bytes]:
    command = [str(program), "approved", "nonce", *words]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=30, check=False)


def test_a_command_waits_for_the_approval_of_its_check(program: Path) -> None:
    words = ("2", "echo", "listed", "sh", "-c", "cat; exit 3")
    ended = approved(program, b"\nrest", *words)
    assert (ended.returncode, ended.stdout, ended.stderr) == (3, b"listed\n\nnonce\nrest", b"")
    ended = approved(program, b"", *words)
    assert (ended.returncode, ended.stdout) == (1, b"listed\n\nnonce\n")
    assert ended.stderr == b"run-tool: the command was not approved\n"


def test_no_command_runs_without_its_check(program: Path, tmp_path: Path) -> None:
    file = tmp_path / "ran"
    for words in (("1", "false"), ("1", "no-such-program"), ("0", "true"), ("3", "true"), ("x", "true")):
        ended = approved(program, b"\n", *words, "touch", str(file))
        assert ended.returncode in (1, 2)
        assert b"nonce" not in ended.stdout
    assert not file.exists()


def test_the_output_of_a_job_is_removed_with_the_container(
    program: Path, base: Path, holder: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    """The process that should fetch it may have been killed."""
    dump = tmp_path / "dump"
    tool = ["sh", "-c", 'echo >"$1"', "sh", str(dump)]
    subprocess.run([program, "start", base, "one", "30", str(dump), *tool], check=True, timeout=30)
    assert waited(program, base, "one")["code"] == 0
    assert dump.exists()
    holder.terminate()
    assert holder.wait(30) == 0
    assert not dump.exists()


def test_a_container_that_ends_cannot_be_joined(program: Path, base: Path, holder: subprocess.Popen[bytes]) -> None:
    (base / "users" / "first").rmdir()
    (base / "users" / "second").rmdir()
    (base / "users").rmdir()
    joined = subprocess.run([program, "join", base, "third"], capture_output=True, timeout=30, check=False)
    assert joined.returncode == 1
    assert holder.poll() is None


def test_the_container_ends_at_its_time_limit_and_when_it_is_asked_to(program: Path, base: Path) -> None:
    assert subprocess.run([program, "hold", base, "1", "t"], timeout=30, check=False).returncode == 0
    with subprocess.Popen([program, "hold", base, "60", "t"]) as running:
        subprocess.run([program, "join", base, "u"], check=True, timeout=30)
        running.terminate()
        assert running.wait(30) == 0
