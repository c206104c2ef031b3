"""go.yaml: profiles are read from the address that the process listens on, never through a proxy."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from debugcapture.collectors.catalog import catalog
from tests.unit.builders import written

SERVER = """
import http.server, socket, sys
class Server(http.server.HTTPServer):
    address_family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        profiles = b" goroutine heap" + b"".join(b" " + name.encode() for name in sys.argv[2:])
        self.wfile.write(profiles if self.path == "/debug/pprof/" else b"profile of " + self.path.encode())
    def log_message(self, *_): pass
server = Server((sys.argv[1], 0), Handler)
print("ready", flush=True)
server.serve_forever()
"""
SHELLS = [shell for shell in ("dash", "bash", "busybox") if shutil.which(shell)]
Serve = Callable[..., int]


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Return a function that starts a program that serves profiles on an address, and returns its PID."""
    running: list[subprocess.Popen[bytes]] = []

    def start(host: str, *more_profiles: str) -> int:
        process = subprocess.Popen([sys.executable, "-c", SERVER, host, *more_profiles], stdout=subprocess.PIPE)
        running.append(process)
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        return process.pid

    yield start
    for process in running:
        process.kill()
        process.communicate()


def profile(pid: int, shell: str, collector: str = "go-goroutines") -> subprocess.CompletedProcess[str]:
    """Run the tool of a collector on a program that is not written in Go."""
    words = [word.replace("{pid}", str(pid)) for word in catalog()[collector].in_image[0].run]
    script = words[2].replace("grep -q 'Go buildinf:'", "test -r")
    assert script != words[2]
    argv = [*(["busybox", "sh"] if shell == "busybox" else [shell]), "-c", script, *words[3:]]
    proxy = "http://127.0.0.1:9"
    environment = os.environ | dict.fromkeys(("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"), proxy)
    return subprocess.run(argv, capture_output=True, text=True, env=environment, timeout=60, check=False)


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "0.0.0.0",
        "127.1.2.3",
        pytest.param("::", marks=pytest.mark.skipif(not has_ipv6(), reason="no IPv6")),
        pytest.param("::1", marks=pytest.mark.skipif(not has_ipv6(), reason="no IPv6")),
        pytest.param("::ffff:127.0.0.2", marks=pytest.mark.skipif(not has_ipv6(), reason="no IPv6")),
    ],
)
def test_profile_is_read_where_the_process_listens_in_spite_of_a_proxy(host: str, shell: str, serve: Serve) -> None:
    process = profile(serve(host), shell)
    assert (process.returncode, process.stdout) == (0, "profile of /debug/pprof/goroutine?debug=2"), process.stderr


@pytest.mark.parametrize("shell", SHELLS)
def test_leaks_are_read_only_if_the_runtime_has_their_profile(shell: str, serve: Serve) -> None:
    process = profile(serve("127.0.0.1", "goroutineleak"), shell, "go-goroutine-leaks")
    assert (process.returncode, process.stdout) == (0, "profile of /debug/pprof/goroutineleak?debug=1"), process.stderr
    pid = serve("127.0.0.1")
    process = profile(pid, shell, "go-goroutine-leaks")
    assert (process.returncode, process.stdout) == (77, "")
    assert process.stderr == f"process {pid} has a Go runtime without this profile\n"


def test_addresses_of_ipv6_are_read_completely(tmp_path: Path) -> None:
    pid = os.getpid()
    words = catalog()["go-goroutines"].in_image[0].run
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        inode = os.fstat(listening.fileno()).st_ino
        line = f"0: B80D0120000000000000000001000000:1F90 0:0 0A 0:0 0:0 0 0 0 {inode} 1\n"
        file = written(tmp_path, "tcp6", line)
        script = words[2].replace("grep -q 'Go buildinf:'", "test -r").replace('"/proc/$1/net/tcp6"', str(file))
        (tmp_path / "curl").write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/requests\nexit 7\n')
        (tmp_path / "curl").chmod(0o700)
        process = subprocess.run(
            ["sh", "-c", script.replace('cat "/proc/$1/net/tcp" ', "cat "), "sh", str(pid), "heap"],
            capture_output=True,
            text=True,
            env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"},
            timeout=60,
            check=False,
        )
    assert process.returncode == 77
    address = "[2001:0DB8:0000:0000:0000:0000:0000:0001]:8080"
    assert (tmp_path / "requests").read_text().split()[-1] == f"http://{address}/debug/pprof/cmdline"
    assert process.stderr.strip() == f"process {pid} serves no profiles; it listens on: {address}"
