"""Start a server, request redirects over several connections, and count them: JOB.json subject|baseline."""

import json
import os
import re
import resource
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

CONNECTIONS = 8
LENGTH = re.compile(rb"(?i)content-length: (\d+)")
TOKEN = "a-token-of-the-benchmark"  # noqa: S105 - of this benchmark only
EVIDENCE_SERVER = "import sys; from debugcapture.cli.main import main; sys.exit(main(['evidence-server']))"
FLASK_SERVER = Path(__file__).parent / "flask_redirects.py"


def start(work: dict[str, Any], side: str, port: int) -> "subprocess.Popen[bytes]":
    """Start the server on ``port``."""
    if side == "baseline":
        return subprocess.Popen([sys.executable, FLASK_SERVER, json.dumps(work["settings"]), str(port)])
    settings = {
        **work["settings"],
        "evidence_listen": f"127.0.0.1:{port}",
        "evidence_token": TOKEN,
        "access_log": work["log"],
    }
    environment = {**os.environ, **{f"DEBUG_CAPTURE_{name.upper()}": value for name, value in settings.items()}}
    return subprocess.Popen([sys.executable, "-c", EVIDENCE_SERVER], env=environment, stdout=sys.stderr)


def connect(port: int) -> socket.socket:
    """Connect as soon as the server listens."""
    for _ in range(600):
        try:
            return socket.create_connection(("127.0.0.1", port))
        except ConnectionRefusedError:
            time.sleep(0.05)
    raise SystemExit("the server does not listen")


def send_requests(port: int, ids: list[str], requests: int, counts: list[int]) -> None:
    """Send requests over one connection, and count the redirects to a signed link."""
    count, received = 0, b""
    with connect(port) as connection:
        for number in range(requests):
            path = f"/c/{ids[number % len(ids)]}"
            request = f"GET {path} HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {TOKEN}\r\n\r\n"
            connection.sendall(request.encode())
            while b"\r\n\r\n" not in received:
                received += connection.recv(16 << 10)
            head, _, received = received.partition(b"\r\n\r\n")
            length = LENGTH.search(head)
            body_bytes = int(length[1]) if length else 0
            while len(received) < body_bytes:
                received += connection.recv(16 << 10)
            received = received[body_bytes:]
            count += head.startswith(b"HTTP/1.1 302 ") and b"X-Amz-Signature=" in head
    counts.append(count)


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def main() -> None:
    """Print the number of redirects."""
    work, port, counts = json.loads(Path(sys.argv[1]).read_text()), free_port(), list[int]()
    with start(work, sys.argv[2], port) as server:
        share = work["requests"] // CONNECTIONS
        threads = [
            threading.Thread(target=send_requests, args=(port, work["ids"], share, counts)) for _ in range(CONNECTIONS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        server.terminate()
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    # Unlike the wall time, the processor time hardly depends on other load.
    print(f"{sys.argv[2]}: {usage.ru_utime + usage.ru_stime:.2f} s of processor time in the server", file=sys.stderr)
    print(sum(counts), "redirects")


main()
