"""The command line of the lab: ``python -m lab up | down | status | logs | reset``."""

from __future__ import annotations

import argparse
import fcntl
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager

from lab import pagerduty, rundeck, stores
from lab.kubernetes.cluster import KubernetesPart
from lab.kubernetes.runtimes import RuntimesPart
from lab.kubernetes.zoo import ZooPart
from lab.modern_node import ModernNodePart
from lab.part import LabError, Part
from lab.paths import cache_dir, state_dir
from lab.process import last_lines
from lab.progress import Progress

PARTS: dict[str, Part] = {
    part.name: part
    for part in (
        KubernetesPart(),
        RuntimesPart(),
        ZooPart(),
        ModernNodePart(),
        stores.S3,
        stores.AZURE,
        stores.SFTP,
        pagerduty.PART,
        rundeck.PART,
    )
}
# These parts start only if they are named. They stop together with all others.
_ON_REQUEST = frozenset({RuntimesPart.name, ZooPart.name, ModernNodePart.name})
_LOG_LINES = 40


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return the exit code."""
    options = _parser().parse_args(arguments)
    command: Callable[[list[Part]], int] = options.run
    try:
        return command([PARTS[name] for name in options.parts] or _default_parts(command))
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def standard_parts() -> list[Part]:
    """Return the parts that start by default."""
    return [part for part in PARTS.values() if part.name not in _ON_REQUEST]


def _default_parts(command: Callable[[list[Part]], int]) -> list[Part]:
    return standard_parts() if command in (up, status) else list(PARTS.values())


def up(chosen: list[Part]) -> int:
    """Start parts in the order of their dependencies, and restart daemons that were killed."""
    with _lock():
        _bring_up(_with_needs(chosen))
    return 0


def down(chosen: list[Part]) -> int:
    """Stop parts. A part stops before the parts that it depends on."""
    with _lock():
        for part in reversed(_sort(chosen)):
            part.down()
    return 0


def status(chosen: list[Part]) -> int:
    """Show the state of each part. The exit code is 1 unless all parts are up."""
    states = {part.name: part.status() for part in chosen}
    for name, state in states.items():
        print(f"  {name:<11} {state}")
    return 0 if all(state == "up" for state in states.values()) else 1


def logs(chosen: list[Part]) -> int:
    """Show the last lines of each log of a part."""
    for part in chosen:
        for log in part.logs():
            print(f"==> {log} <==\n{last_lines(log, _LOG_LINES)}")
    return 0


def reset(chosen: list[Part]) -> int:
    """Stop parts and delete their data. Built files stay."""
    with _lock():
        for part in reversed(_sort(chosen)):
            part.down()
            part.reset()
    if len(chosen) == len(PARTS) and not any(state_dir().iterdir()):
        state_dir().rmdir()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="lab", description="Manage the test lab: real services on this machine.")
    commands = parser.add_subparsers(required=True, metavar="up | down | status | logs | reset")
    for run in (up, down, status, logs, reset):
        summary = (run.__doc__ or "").splitlines()[0]
        command = commands.add_parser(run.__name__, help=summary, description=summary)
        command.add_argument("parts", nargs="*", type=_part_name, metavar="part", help=", ".join(PARTS))
        command.set_defaults(run=run)
    return parser


def _part_name(name: str) -> str:
    if name not in PARTS:
        raise argparse.ArgumentTypeError(f"unknown part {name}; choose from {', '.join(PARTS)}")
    return name


@contextmanager
def _lock() -> Iterator[None]:
    """Let one command at a time change the lab; a second command waits."""
    with (cache_dir() / "lab.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            Progress().note("lab", "waiting for another lab command to finish")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _with_needs(chosen: list[Part]) -> list[Part]:
    names = {part.name for part in chosen}
    for part in chosen:
        names.update(needed.name for needed in _with_needs([PARTS[name] for name in part.needs]))
    return _sort([PARTS[name] for name in names])


def _sort(chosen: list[Part]) -> list[Part]:
    """Sort the parts so that each follows its dependencies."""
    return sorted(chosen, key=lambda part: (_depth(part), list(PARTS).index(part.name)))


def _depth(part: Part) -> int:
    return 1 + max((_depth(PARTS[name]) for name in part.needs), default=0)


def _bring_up(parts: list[Part]) -> None:
    """Start the parts in parallel, because most of the time is spent in independent builds and downloads."""
    progress = Progress()
    waiting = {part.name: part for part in parts}
    running: dict[Future[None], str] = {}
    settled: set[str] = set()
    failures: list[str] = []
    with ThreadPoolExecutor(len(parts)) as pool:
        while waiting or running:
            for part in [part for part in waiting.values() if settled.issuperset(part.needs)]:
                running[pool.submit(part.up, progress)] = waiting.pop(part.name).name
            if not running:
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                _settle(running.pop(future), future, settled, failures)
    if failures:
        raise LabError("\nlab: ".join([*failures, *(f"{name}: not tried" for name in waiting)]))


def _settle(name: str, future: Future[None], settled: set[str], failures: list[str]) -> None:
    """Record how a part ended. Every failed part is reported; an exception other than LabError is a bug in the lab."""
    try:
        future.result()
    except LabError as error:
        failures.append(f"{name}: {error}")
    else:
        settled.add(name)


if __name__ == "__main__":
    sys.exit(main())
