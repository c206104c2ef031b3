"""Faults of the cluster's own daemons while a capture runs. Each row repairs the cluster."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from signal import SIGKILL

from lab.kubernetes import layout
from lab.kubernetes.pki import SUBJECTS, Authority
from lab.paths import REPO
from lab.process import Process, wait_until
from tests.cluster.objects import bare, pod_spec
from tests.faults.lives import make_big
from tests.faults.world import LONG_STREAM, World
from tests.rundeck.credentials import token_until

_BIG_MIB = 128


def kill(name: str) -> None:
    """Kill a daemon of the cluster, as by kill -9."""
    identity = Process(layout.PART, name, []).identity()
    assert identity
    identity.signal(SIGKILL)
    wait_until(f"the death of {name}", lambda: not identity.alive(), 20)


def repair() -> None:
    """Start every daemon that does not run, and wait until all are healthy."""
    command = [sys.executable, "-m", "lab", "up", "kubernetes"]
    process = subprocess.run(command, cwd=REPO, check=False, capture_output=True, text=True)
    assert process.returncode == 0, process.stdout + process.stderr


def restarted_in_mid_fetch(name: str) -> Callable[[World], None]:
    """The daemon is killed, and started again, while a file is fetched."""

    def provoke(world: World) -> None:
        world.own_pod()
        make_big(world, _BIG_MIB)
        world.collect("pod-snapshot", "big", "rest", "look")

        def restart() -> None:
            world.arriving("big.bin", 1 << 20)
            kill(name)
            repair()

        world.at("capturing ", restart)

    return provoke


def etcd_away_for_a_while(world: World) -> None:
    """The API server runs, and responds with errors."""
    world.own_pod()
    world.collect("pod-snapshot", "stream", "rest", "look")

    def away() -> None:
        world.arriving("stream.bin")
        kill("etcd")

    world.at("capturing ", away)
    world.at("Rest: failed", repair)


def node_that_is_gone(world: World) -> None:
    world.own_pod(pod_spec(bare()))
    world.broken.callback(repair)
    kill("kubelet")


def node_that_goes_meanwhile(world: World) -> None:
    world.own_pod()
    world.broken.callback(repair)
    world.collect("pod-snapshot", "stream", "rest")

    def go() -> None:
        world.arriving("stream.bin")
        kill("kubelet")

    world.at("capturing ", go)


def certificate_renewed_meanwhile(world: World) -> None:
    """The API server gets another certificate of the same authority and reloads it, as it does by itself."""
    world.own_pod()
    world.collect("pod-snapshot", "stream", "rest", "look")
    _renewing(world, layout.pki_dir())


def authority_replaced_meanwhile(world: World) -> None:
    """The API server shows a certificate of an authority that the capture does not know."""
    world.own_pod()
    other = Path(tempfile.mkdtemp(dir=world.folder))
    world.collect("pod-snapshot", "stream", "rest", "look")
    _renewing(world, other)


def token_that_expires_meanwhile(world: World) -> None:
    """The API server accepts a token for a minute after its expiry, and caches the result for ten seconds."""
    world.own_pod()
    world.collect("pod-snapshot", "stream", "rest", "look", stream=LONG_STREAM)
    world.change(token=token_until(datetime.now(timezone.utc).timestamp() - 55))


def _renewing(world: World, authority: Path) -> None:
    pki = layout.pki_dir()
    serving = next(subject for subject in SUBJECTS if subject.file == "apiserver")
    originals = {file: file.read_bytes() for file in (pki / "apiserver.crt", pki / "apiserver.key")}

    def renew() -> None:
        world.arriving("stream.bin")
        folder = Path(tempfile.mkdtemp(dir=world.folder))
        for name in ("ca.crt", "ca.key"):
            if (authority / name).exists():
                shutil.copy(authority / name, folder / name)
        Authority(folder).ensure(serving)
        for name in ("apiserver.key", "apiserver.crt"):
            (pki / name).write_bytes((folder / name).read_bytes())
        wait_until("the new certificate", lambda: _shown() == (folder / "apiserver.crt").read_text(), 90)

    def back() -> None:
        for file, content in originals.items():
            file.write_bytes(content)
        wait_until("the old certificate", lambda: _shown() == originals[pki / "apiserver.crt"].decode(), 90)

    world.broken.callback(back)
    world.at("capturing ", renew)


def _shown() -> str:
    return ssl.get_server_certificate(("127.0.0.1", layout.API_PORT))
