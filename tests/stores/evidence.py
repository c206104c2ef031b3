"""The evidence server in its own process, and nginx from Debian in front of it."""

from __future__ import annotations

import hashlib
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from debugcapture.bundle.bundle import create_bundle
from debugcapture.settings.declare import written
from debugcapture.settings.evidence import EvidenceServerSettings
from debugcapture.settings.store import StoreSettings
from debugcapture.steps.evidence_server import EvidenceServerStep
from debugcapture.stores.registry import open_store
from debugcapture.upload.publish import publish_bundle
from lab.prerequisites import ensure_program
from lab.process import wait_until
from tests.unit.builders import NOON, artifact, manifest
from tests.unit.builders import written as write

REPO = Path(__file__).parents[2]
TOKEN = "t0ken-of-sixteen-characters"
USER, PASSWORD = "alice", "correct horse battery"
LOG = b"started\n"


def stored_capture(store: StoreSettings, spool: Path) -> tuple[str, str]:
    """Store a capture with one log. Return its ID, and the link of its report page."""
    bundle = create_bundle(spool, "checkout", NOON)
    write(bundle.folder, "app.log", LOG)
    log = artifact(file="app.log", bytes=len(LOG), sha256=hashlib.sha256(LOG).hexdigest())
    bundle.save(manifest(log, capture_id=bundle.folder.name))
    return bundle.folder.name, publish_bundle(bundle, open_store(store), store.store, lambda _line: None).page


@contextmanager
def evidence_server(store: StoreSettings, log: Path) -> Iterator[int]:
    """Start the server for ``store``, with the header X-Forwarded-User and TOKEN. Yields its port."""
    server = EvidenceServerSettings(
        evidence_listen="127.0.0.1:0", user_header="X-Forwarded-User", evidence_token=TOKEN, access_log=str(log)
    )
    texts = written(EvidenceServerStep(server=server, store=store))
    environment = {**os.environ, **{f"DEBUG_CAPTURE_{name.upper()}": text for name, text in texts.items()}}
    code = "import sys; from debugcapture.cli.main import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "evidence-server"]
    environment["PYTHONPATH"] = str(REPO / "contents")
    output = subprocess.PIPE
    with subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout
        try:
            yield int(process.stdout.readline().rpartition(":")[2])
        finally:
            process.terminate()
            assert process.wait(30) == 0


@contextmanager
def nginx(folder: Path, upstream: int) -> Iterator[str]:
    """Start nginx with deploy/evidence-server/nginx.conf, without TLS. Yields its URL."""
    program, port = ensure_program("nginx", "nginx"), _free_port()
    folder.mkdir()
    digest = subprocess.run(["openssl", "passwd", "-6", PASSWORD], check=True, capture_output=True, text=True).stdout
    (folder / "htpasswd").write_text(f"{USER}:{digest}")
    (folder / "htpasswd").chmod(0o644)
    server = (REPO / "deploy" / "evidence-server" / "nginx.conf").read_text()
    server = re.sub(r"(?m)^ *(ssl_|server_name).*\n", "", server)
    server = server.replace("listen 443 ssl", f"listen 127.0.0.1:{port}")
    server = server.replace("127.0.0.1:8791", f"127.0.0.1:{upstream}")
    server = server.replace("/etc/nginx/evidence.htpasswd", str(folder / "htpasswd"))
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    http = f"access_log {folder}/access.log;\n{temporary}{server}"
    # The workers run as the same user, because another user could not read the folder of the test.
    (folder / "nginx.conf").write_text(
        f"user root;\ndaemon off;\npid {folder}/pid;\nworker_processes 1;\nevents {{}}\nhttp {{\n{http}}}\n"
    )
    command: list[str | Path] = [program, "-p", folder, "-c", folder / "nginx.conf", "-e", folder / "error.log"]
    with subprocess.Popen(command) as process:
        try:
            wait_until("nginx", (folder / "pid").exists, 30)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(30)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
