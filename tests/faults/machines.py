"""Faults of Rundeck's machine: its disk, its memory, its clock, and signals to the step."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

from tests.faults.inputs import serving_from_tomorrow
from tests.faults.lives import make_big
from tests.faults.stores import behind
from tests.faults.world import World
from tests.stores.faults import Fault


def spool_that_is_a_file(world: World) -> None:
    (world.folder / "file").write_text("")
    world.change(spool=str(world.folder / "file" / "spool"))


def spool_that_is_read_only(world: World) -> None:
    disk = _disk(world, "ro")
    world.change(spool=str(disk / "spool"))


def disk_that_becomes_full(world: World) -> None:
    _spool_on(world, _disk(world, "size=20m"))
    world.own_pod()
    make_big(world, 40)
    world.collect("pod-snapshot", "words", "big", "look")


def disk_without_inodes(world: World) -> None:
    _spool_on(world, _disk(world, "size=64m,nr_inodes=12"))


def spool_limit_reached_meanwhile(world: World) -> None:
    world.own_pod()
    make_big(world, 40)
    world.collect("pod-snapshot", "words", "big", "look")
    world.change(spool_limit_mib="32")


def spool_full_before(world: World) -> None:
    world.spool.mkdir()
    earlier = world.spool / "of-an-earlier-run"
    earlier.write_bytes(b"x" * (24 << 20))
    world.broken.callback(earlier.unlink)
    world.change(spool_limit_mib="32")


def store_disk_that_is_full(world: World) -> None:
    disk = _disk(world, "size=1m")
    world.own_pod()
    make_big(world, 4)
    world.collect("pod-snapshot", "words", "big")
    world.change(store=f"file://{disk}")


def memory_that_is_short(world: World) -> None:
    """Less than the size of the fetched file, because the memory of the step must not depend on that."""
    world.own_pod()
    make_big(world, 256)
    world.collect("pod-snapshot", "words", "big", "look")
    world.command[:] = ["prlimit", f"--data={160 << 20}", "--"]


def open_files_that_are_few(world: World) -> None:
    world.command[:] = ["prlimit", "--nofile=40", "--"]


def clock_that_is_behind(world: World) -> None:
    """The clock is behind: for it, the certificate of the API server is valid from tomorrow on."""
    world.change(server=f"https://127.0.0.1:{world.broken.enter_context(serving_from_tomorrow(world.folder))}")


def clock_that_is_ahead(world: World) -> None:
    """The clock is ahead: the store compares the time of each request with its own, and rejects the request."""
    behind(world, lambda request: Fault(refuse=(403, "RequestTimeTooSkewed")) if request.method == "PUT" else None)


def aborted(world: World) -> None:
    """Rundeck aborts the step with SIGTERM."""
    _ended_by(world, signal.SIGTERM)


def killed(world: World) -> None:
    _ended_by(world, signal.SIGKILL)
    world.collect("pod-snapshot", "words", "stream")


def aborted_in_the_debug_container(world: World) -> None:
    _ended_while_it_looks(world, signal.SIGTERM)


def killed_in_the_debug_container(world: World) -> None:
    _ended_while_it_looks(world, signal.SIGKILL)


def _ended_while_it_looks(world: World, number: signal.Signals) -> None:
    looks = ["sh", "-c", "i=0; while [ $i -lt 100 ]; do echo look $i; sleep 0.1; i=$((i+1)); done"]
    world.own_pod()
    world.collect("pod-snapshot", "words", "look", look={"from_debug": [{"run": looks}]})

    def end() -> None:
        world.arriving("look.txt", 0)
        world.signal(number)

    world.at("attached debug container", end)


def _ended_by(world: World, number: signal.Signals) -> None:
    world.own_pod()
    world.collect("pod-snapshot", "words", "look", "stream")

    def end() -> None:
        world.arriving("stream.bin")
        world.signal(number)

    world.at("capturing ", end)


def _disk(world: World, options: str) -> Path:
    """A new file system, which is unmounted with the world."""
    disk = world.folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"{options},mode=700", "debug-capture-test", disk], check=True)
    world.left.callback(lambda: subprocess.run(["umount", disk], check=True))
    return disk


def _spool_on(world: World, disk: Path) -> None:
    """Put the spool on ``disk``, which gets more space when the world is restored."""
    world.settings["spool"] = str(disk / "spool")
    more = ["mount", "-o", "remount,size=256m,nr_inodes=10000", str(disk)]
    world.broken.callback(lambda: subprocess.run(more, check=True))
