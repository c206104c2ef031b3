"""dotnet-inspect: its tests in Go, and what it shows of real .NET processes, which are unchanged afterwards."""

from __future__ import annotations

import gzip
import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.kubernetes.dotnet_images import NET_3_1, NET_8, Runtime, compiled_service, single_file_application
from lab.paths import REPO
from lab.prerequisites import ensure_program, go_binary, run_go
from lab.process import wait_until

pytestmark = pytest.mark.xdist_group("dotnet-inspect")

_SOURCE = REPO / "deploy" / "toolbox" / "dotnet-inspect"
_SECRET = "hunter2"
_NOT_POSSIBLE = 78
_RUNTIMES = {"3.1": NET_3_1, "8": NET_8}
_DEADLOCK = (
    r"Service!Lab\.Service\.TakeLedger\(\)\n  Service!Lab\.Service\.TransferAtoB\(\)\n",
    r"Service!Lab\.Service\.TakeAccounts\(\)\n  Service!Lab\.Service\.TransferBtoA\(\)\n",
)


def test_the_go_tests_pass() -> None:
    run_go(go_binary(), ["test", "-timeout=120s", "./..."], _SOURCE)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("dotnet-inspect") / "dotnet-inspect"
    run_go(go_binary(), ["build", "-o", str(built), "."], _SOURCE)
    return built


@pytest.fixture(scope="module")
def service() -> Path:
    return compiled_service()


def started(runtime: Runtime, service: Path, folder: Path, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """Start the service with ``folder`` for its temporary files, and yield it once its heap is full."""
    environment = {"PATH": "/usr/bin:/bin", "TMPDIR": str(folder), "DATABASE_PASSWORD": _SECRET} | variables
    with subprocess.Popen(
        [runtime.home / "dotnet", service], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert any(line == "40000 orders\n" for line in process.stdout)
        yield process
        process.kill()


@pytest.fixture(scope="module", params=_RUNTIMES)
def running(
    request: pytest.FixtureRequest, service: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    folder = tmp_path_factory.mktemp("tmp")
    for process in started(_RUNTIMES[request.param], service, folder):
        yield process, folder


def inspect(program: Path, *arguments: object) -> subprocess.CompletedProcess[bytes]:
    outcome = subprocess.run([program, *map(str, arguments)], capture_output=True, timeout=60)
    assert _SECRET.encode() not in outcome.stdout + outcome.stderr
    return outcome


def evidence(program: Path, *arguments: object) -> bytes:
    outcome = inspect(program, *arguments)
    assert outcome.returncode == 0, outcome.stderr
    return outcome.stdout


def test_stacks_show_the_deadlock(program: Path, running: tuple[subprocess.Popen[str], Path]) -> None:
    process, _ = running
    text = evidence(program, "stacks", process.pid).decode()
    for frames in _DEADLOCK:
        waits = r'Thread \(0x[0-9A-F]+\): "[\w-]+", likely waits for a lock\n  \[Native Frames\]\n'
        assert re.search(rf"{waits}(  System\.\S+!System\.Threading\.Monitor\.Enter\(.*\n)?  {frames}", text), text
    assert text.count("likely waits for a lock") == 2


def test_heap_has_exactly_the_orders(program: Path, running: tuple[subprocess.Popen[str], Path]) -> None:
    process, _ = running
    text = evidence(program, "heap", process.pid).decode()
    assert re.search(r"^ +\d+ +40000  Lab\.Order$", text, re.MULTILINE), text
    assert "INCOMPLETE" not in text


def test_counters_have_three_values(program: Path, running: tuple[subprocess.Popen[str], Path]) -> None:
    process, _ = running
    text = evidence(program, "counters", process.pid).decode()
    assert re.search(r"^threadpool-queue-length +\d+ +\d+ +\d+  ThreadPool Queue Length$", text, re.MULTILINE), text


def test_a_dump_opens_in_a_debugger_and_no_file_is_left(
    program: Path, running: tuple[subprocess.Popen[str], Path], tmp_path: Path
) -> None:
    process, folder = running
    before = sorted(path.name for path in folder.iterdir())
    dump = tmp_path / "dump"
    dump.write_bytes(gzip.decompress(evidence(program, "dump", process.pid, "debug-capture-1.dmp")))
    assert sorted(path.name for path in folder.iterdir()) == before
    host = Path(f"/proc/{process.pid}/exe").resolve()
    debugger = [str(ensure_program("gdb", "gdb")), "-nx", "-batch", "-ex", "info threads", str(host), str(dump)]
    shown = subprocess.run(debugger, capture_output=True, text=True, check=True).stdout
    assert len(re.findall(r"^[* ] \d+ +(?:Thread|LWP)", shown, re.MULTILINE)) > 4, shown


def test_a_trace_that_is_interrupted_leaves_no_session(
    program: Path, running: tuple[subprocess.Popen[str], Path]
) -> None:
    process, _ = running
    with subprocess.Popen([program, "trace", str(process.pid), "60"], stdout=subprocess.PIPE) as trace:
        assert trace.stdout is not None
        assert trace.stdout.read(8) == b"Nettrace"
        sampled = _samples(process.pid)
        trace.send_signal(signal.SIGTERM)
        trace.communicate(timeout=20)
    assert trace.returncode == 1
    wait_until("the end of its sampling thread", lambda: _samples(process.pid) < sampled, 10)
    assert evidence(program, "trace", process.pid, 1).startswith(b"Nettrace")
    assert process.poll() is None


def _samples(pid: int) -> int:
    """The number of threads: a session with samples adds threads."""
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def test_switched_off_diagnostics_are_named(program: Path, service: Path, tmp_path: Path) -> None:
    for process in started(NET_8, service, tmp_path, DOTNET_EnableDiagnostics="0"):
        outcome = inspect(program, "stacks", process.pid)
        assert outcome.returncode == _NOT_POSSIBLE
        assert b"its diagnostics are switched off (DOTNET_EnableDiagnostics=0). Remove the variable" in outcome.stderr


def test_a_directory_that_cannot_be_written_is_named(program: Path, service: Path, tmp_path: Path) -> None:
    for process in started(NET_8, service, tmp_path / "missing"):
        outcome = inspect(program, "heap", process.pid)
        assert outcome.returncode == _NOT_POSSIBLE
        assert re.search(
            rb"it could not create its diagnostic socket: /\S+/missing does not exist\. Mount", outcome.stderr
        )


def test_another_process_is_not_a_target(program: Path) -> None:
    with subprocess.Popen(["/bin/sleep", "60"]) as process:
        outcome = inspect(program, "info", process.pid)
        process.kill()
    assert outcome.returncode == _NOT_POSSIBLE
    assert b"it has no diagnostic socket" in outcome.stderr


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """Return a new folder whose path leaves room for the name of a socket: both together have at most 107 bytes."""
    with tempfile.TemporaryDirectory(prefix="net-") as folder:
        yield Path(folder)


def test_single_file_application(program: Path, short_folder: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(short_folder), "TMPDIR": str(short_folder)}
    environment |= {"AZURE_MCP_COLLECT_TELEMETRY": "false", "DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1"}
    argv = [str(single_file_application()), "server", "start"]
    with subprocess.Popen(
        argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
    ) as process:
        wait_until("its socket", lambda: any(short_folder.glob("dotnet-diagnostic-*-socket")), 30)
        # A runtime that still starts has no managed frame of the program yet.
        wait_until("Main", lambda: b"!Program.<Main>(" in evidence(program, "stacks", process.pid), 60)
        assert b".NET 10." in evidence(program, "info", process.pid)
        process.kill()
