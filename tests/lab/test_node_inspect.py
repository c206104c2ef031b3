"""node-inspect on real Node.js processes: what it captures, and that the process is unchanged afterwards."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.paths import REPO
from lab.prerequisites import go_binary, run_go
from lab.stores.node import find_node

pytestmark = pytest.mark.xdist_group("inspector port")

_INSPECTOR_PORT = 9229
_IDLE = "setInterval(() => {}, 60000); console.log('ready')"
_BUSY = "function spin() { for (;;); } setTimeout(function handleOrder() { spin(); }, 1); console.log('ready')"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    built = tmp_path_factory.mktemp("node-inspect") / "node-inspect"
    run_go(go_binary(), ["build", "-o", str(built), "."], REPO / "deploy" / "toolbox" / "node-inspect")
    return built


@pytest.fixture
def node(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    arguments = [str(find_node().program), "-e", request.param]
    environment = {"PATH": "/usr/bin:/bin", "DATABASE_PASSWORD": "hunter2"}
    with subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def inspect(program: Path, *arguments: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([program, *map(str, arguments)], capture_output=True, timeout=60)


def is_listening() -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", _INSPECTOR_PORT)) == 0


_FAKE = """
import http.server, json, os, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if sys.argv[1] == "redirect":
            self.send_response(302)
            self.send_header("Location", sys.argv[2])
            self.end_headers()
            return
        self.send_response(200)
        self.end_headers()
        if sys.argv[1] == "endless":
            try:
                while True:
                    self.wfile.write(b" " * (1 << 20))
            except OSError:
                return
        self.wfile.write(json.dumps([{"webSocketDebuggerUrl": sys.argv[2]}]).encode())
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 9229), Handler)
print("ready", flush=True)
server.serve_forever()
"""


@pytest.mark.parametrize("kind", ["elsewhere", "redirect", "endless"])
def test_a_process_cannot_send_the_tool_elsewhere(kind: str, program: Path) -> None:
    """The process chooses the answers of its inspector. The tool only connects to the port of the process."""
    with socket.create_server(("127.0.0.1", 0)) as elsewhere:
        address = f"127.0.0.1:{elsewhere.getsockname()[1]}"
        url = f"http://{address}/json/list" if kind == "redirect" else f"ws://{address}/session"
        command = [sys.executable, "-c", _FAKE, kind, url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                assert process.stdout is not None
                assert process.stdout.readline() == "ready\n"
                completed = inspect(program, "stacks", process.pid)
            finally:
                process.kill()
        assert completed.returncode != 0
        elsewhere.settimeout(0.2)
        with pytest.raises(TimeoutError):
            elsewhere.accept()


@pytest.mark.parametrize("node", [_BUSY], indirect=True)
def test_stacks_of_a_loop_that_never_ends(program: Path, node: subprocess.Popen[str]) -> None:
    process = inspect(program, "stacks", node.pid)
    assert process.returncode == 0, process.stderr
    assert b"running JavaScript\n    at spin (" in process.stdout
    assert b"at handleOrder (" in process.stdout
    assert not is_listening()


@pytest.mark.parametrize("node", [_IDLE], indirect=True)
def test_stacks_of_a_process_that_waits(program: Path, node: subprocess.Popen[str]) -> None:
    process = inspect(program, "stacks", node.pid)
    assert b"waiting in the event loop" in process.stdout
    assert b"1 Timeout" in process.stdout


@pytest.mark.parametrize("node", [_IDLE], indirect=True)
def test_report_has_no_environment(program: Path, node: subprocess.Popen[str]) -> None:
    process = inspect(program, "report", node.pid)
    assert json.loads(process.stdout)["header"]["processId"] == node.pid
    assert b"hunter2" not in process.stdout


@pytest.mark.parametrize("node", [_IDLE], indirect=True)
@pytest.mark.parametrize(
    ("arguments", "key"), [(("cpu-profile",), "samples"), (("heap-snapshot",), "snapshot")], ids=lambda value: value[0]
)
def test_profiles_are_complete_and_the_inspector_is_closed(
    program: Path, node: subprocess.Popen[str], arguments: tuple[str, ...], key: str
) -> None:
    seconds = [1] if arguments == ("cpu-profile",) else []
    process = inspect(program, *arguments, node.pid, *seconds)
    assert key in json.loads(process.stdout)
    assert not is_listening()
    assert node.poll() is None


@pytest.mark.parametrize("node", [_IDLE], indirect=True)
def test_a_signal_closes_the_inspector(program: Path, node: subprocess.Popen[str]) -> None:
    with subprocess.Popen([program, "cpu-profile", str(node.pid), "60"], stderr=subprocess.DEVNULL) as running:
        while not is_listening():
            assert running.poll() is None
        running.send_signal(signal.SIGTERM)
    assert not is_listening()
    assert node.poll() is None


def test_a_process_that_the_signal_would_end_gets_no_signal(program: Path) -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        process = inspect(program, "stacks", other.pid)
        assert process.returncode == 1
        assert b"no signal was sent" in process.stderr
        assert other.poll() is None
        other.kill()


@pytest.mark.parametrize("arguments", [(), ("stacks",), ("stacks", "x"), ("cpu-profile", "1"), ("other", "1")])
def test_wrong_arguments(program: Path, arguments: tuple[str, ...]) -> None:
    process = inspect(program, *arguments)
    assert process.returncode == 2
    assert process.stderr.startswith(b"usage:")
