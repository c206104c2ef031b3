"""Captures, uploads and notes in one process, with random faults: `./build.sh soak [MINUTES] [SEED]`.

A long run shows leaks that a short step hides: memory, files, connections, threads, debug containers or bundles that
remain. The faults are rows of the table, so each capture must end as its row requires.
"""

from __future__ import annotations

import ctypes
import gc
import io
import random
import secrets
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import lab.kubernetes
from debugcapture.bundle.bundle import RECEIPT, waiting
from debugcapture.errors import CaptureError
from debugcapture.runtime.context import RunContext
from debugcapture.runtime.exit_codes import exit_code
from debugcapture.settings.declare import read
from debugcapture.settings.forms import CaptureStep
from debugcapture.steps.capture import capture
from debugcapture.steps.upload import UploadStep, upload
from lab.kubernetes.kubectl import Kubectl
from lab.process import wait_until
from tests.cluster.objects import container, pod, pod_spec
from tests.faults import inputs, lives, machines, stores
from tests.faults.checker import running
from tests.faults.table import ROWS
from tests.faults.world import LIVES_S, POD, World, bind, usual, wait_ready
from tests.simulator import Simulator, simulator

AT_A_TIME = 2
PODS_LIVE = 60  # captures: each leaves the name of a debug container in the pod's status
_WARM_ROUNDS = 12  # after these, everything that is created once exists
_MIB = 1 << 20
CHEAP: tuple[Callable[[World], None], ...] = (
    inputs.shell_in_the_name, inputs.unknown_collector, inputs.pod_that_is_not_there, inputs.nobody_listens,
    inputs.authority_that_is_unknown, inputs.token_that_has_expired, inputs.no_such_name,
    lives.tool_that_fails, lives.tool_that_floods, lives.tool_that_hangs, lives.tool_that_is_missing,
    lives.stream_that_goes_silent,
    stores.bucket_that_is_missing, stores.key_that_is_wrong, stores.busy_for_a_while, stores.answer_that_is_lost,
    stores.content_that_is_changed,
    stores.pagerduty_token_that_is_wrong, stores.incident_that_is_not_there,
)  # fmt: skip
IN_NEW_PROCESSES = (machines.aborted, machines.killed)


@dataclass(frozen=True)
class SoakLength:
    """The minimum duration and number of captures."""

    minutes: float = 0
    captures: int = 2 * _WARM_ROUNDS  # growth shows between the first half and the second half


@dataclass(frozen=True)
class ResourceUse:
    """The resources of this process."""

    memory_mib: float
    objects: int  # Python objects
    files: int
    sockets: int
    threads: int

    def __str__(self) -> str:
        memory = f"{self.memory_mib:.1f} MiB, {self.objects} objects"
        return f"{memory}, {self.files} files, {self.sockets} sockets, {self.threads} threads"


@dataclass
class SoakReport:
    """The captures of a soak test and their problems."""

    seed: int
    rounds: Counter[str] = field(default_factory=Counter)
    uses: list[ResourceUse] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)
    """Files and objects that must not remain."""

    @property
    def captures(self) -> int:
        """Return the number of captures."""
        return sum(self.rounds.values())

    def leaks(self) -> list[str]:
        """Return a text for each resource that grew between the end of the warm-up and the end of the test."""
        first, last = self.uses[0], self.uses[-1]
        grown_mib, grown = last.memory_mib - first.memory_mib, last.objects - first.objects
        # The caches of the libraries and the allocator stop growing; a leak does not.
        problems = [] if grown_mib <= 64 else [f"memory grew by {grown_mib:.1f} MiB"]
        problems += [f"{grown} more objects"] if grown > 2000 + 20 * self.captures else []
        problems += [f"{last.files - first.files} more files"] if last.files > first.files + 8 else []
        problems += [f"{last.sockets - first.sockets} more sockets"] if last.sockets > first.sockets + 8 else []
        problems += [f"{last.threads - first.threads} more threads"] if last.threads > first.threads else []
        return problems


def soak(length: SoakLength, seed: int, folder: Path, log: Callable[[str], None]) -> SoakReport:
    """Capture for ``length``. Without a problem, `failures`, `leftovers` and `leaks()` of the report are empty."""
    report, cluster = SoakReport(seed), lab.kubernetes.endpoint()
    with ExitStack() as cleanup, simulator(folder / "pagerduty") as pagerduty:
        kubectl = Kubectl(cluster.kubectl, cluster.kubeconfig)
        workers = [
            _Worker(kubectl, folder, pagerduty, report, random.Random(seed + number)) for number in range(AT_A_TIME)
        ]
        for worker in workers:
            cleanup.enter_context(worker)
        deadline = time.monotonic() + 60 * length.minutes
        while time.monotonic() < deadline or report.captures < length.captures:
            _side_by_side([worker.capture for worker in workers])
            if report.captures % (4 * AT_A_TIME) == 0:
                workers[0].send_waiting_captures()
            if report.captures % _WARM_ROUNDS == 0:
                report.uses.append(_use())
                log(f"{report.captures} captures; {report.uses[-1]}; {len(report.failures)} not as their row says")
        workers[0].capture(fault=False)  # sends the notes that a fault has kept in the outbox
        workers[0].send_waiting_captures()
        report.uses.append(_use())
        for worker in workers:
            report.leftovers += worker.leaves()
    return report


class _Worker:
    """Captures from its pod, one capture after the other."""

    def __init__(
        self, kubectl: Kubectl, folder: Path, pagerduty: Simulator, report: SoakReport, choose: random.Random
    ) -> None:
        self._kubectl, self._folder, self._pagerduty, self._report, self._choose = (
            kubectl,
            folder,
            pagerduty,
            report,
            choose,
        )
        self._namespace = f"soak-{secrets.token_hex(4)}"
        self._settings: dict[str, str] = {}
        self._since = 0
        self._cheap = [row for row in ROWS if row.provoke in CHEAP]
        self._apart = [row for row in ROWS if row.provoke in IN_NEW_PROCESSES]

    def __enter__(self) -> _Worker:
        self._kubectl("create", "namespace", self._namespace)
        bind(self._kubectl, self._namespace)
        self._settings = usual(self._namespace, self._folder, self._pagerduty)
        self._new_pod()
        return self

    def __exit__(self, *_: object) -> None:
        self._kubectl("delete", "namespace", self._namespace, "--wait=false")

    def capture(self, *, fault: bool = True) -> None:
        """Capture once, maybe with a ``fault``."""
        kind = self._choose.random() if fault else 0
        if self._since >= PODS_LIVE:
            self._new_pod()
        self._since += 1
        row = None if kind < 0.4 else self._choose.choice(self._apart if kind > 0.95 else self._cheap)
        world = self._world()
        with world.left, world.broken:
            if row:
                row.provoke(world)
            apart = row is not None and row.provoke in IN_NEW_PROCESSES
            ended_as = world.run().exit_code if apart else self._in_this_process(world)
        expected = row.exit_code if row else 0
        name = row.id if row else "no fault"
        self._report.rounds[name] += 1
        if ended_as != expected:
            self._report.failures.append(f"{name}: exit code {ended_as}, not {expected}: {self._log_lines[-1:]}")

    def send_waiting_captures(self) -> None:
        """Do what the job “Send captures that are waiting” does."""
        try:
            upload(read(UploadStep, self._settings), self._caller())
        except CaptureError as error:
            self._report.failures.append(f"what waits was not sent: {error}")

    def leaves(self) -> list[str]:
        """Return what is left of all captures in cluster and spool."""
        world = self._world()
        try:
            wait_until("the end of what was started", lambda: not running(world), LIVES_S + 60)
        except Exception as error:  # noqa: BLE001 - it is reported with the rest
            return [str(error)]
        spool = Path(self._settings["spool"])
        problems = [f"{bundle.folder.name} waits" for bundle in waiting(spool)]
        expected_files = {"manifest.json", RECEIPT, "index.html"}
        problems += [str(path) for path in spool.glob("*-*/**/*") if path.is_file() and path.name not in expected_files]
        return problems + [str(path) for path in (spool / "notes").glob("*.json")]

    def _in_this_process(self, world: World) -> int:
        try:
            return capture(read(CaptureStep, world.settings), self._caller()).exit_code
        except CaptureError as error:
            self._log_lines.append(str(error))
            return exit_code(error)

    def _caller(self) -> RunContext:
        self._log_lines: list[str] = []
        spool, trigger = Path(self._settings["spool"]), {"started_by": "soak"}
        return RunContext(self._log_lines.append, io.BytesIO(), io.BytesIO(), spool, secrets.token_hex(4), trigger)

    def _world(self) -> World:
        self._log_lines = []
        incident = usual(self._namespace, self._folder, self._pagerduty)["incident_id"]
        settings = self._settings | {"incident_id": incident}
        folder = self._folder / self._namespace
        folder.mkdir(exist_ok=True)
        world = World(self._kubectl, self._namespace, folder, self._pagerduty, settings)
        world.collect("pod-snapshot", "words", "look")
        return world

    def _new_pod(self) -> None:
        """Replace the pod, as a release does."""
        place = f"--namespace={self._namespace}"
        self._kubectl("delete", "pod", POD, place, "--ignore-not-found", "--now")
        world = self._world()
        world.apply(pod(POD, pod_spec(container())))
        wait_ready(self._kubectl, self._namespace, POD)
        self._since = 0


def _side_by_side(acts: Sequence[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=act) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _use() -> ResourceUse:
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)  # free memory is not a leak
    status = Path("/proc/self/status").read_text()
    resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    targets = [_target(path) for path in Path("/proc/self/fd").iterdir()]
    sockets = sum(target.startswith("socket:") for target in targets)
    threads = sum(1 for _ in Path("/proc/self/task").iterdir())
    memory_mib, objects = int(resident.split()[1]) / 1024, len(gc.get_objects())
    return ResourceUse(memory_mib, objects, len(targets) - sockets, sockets, threads)


def _target(file: Path) -> str:
    try:
        return str(file.readlink())
    except OSError:
        return ""  # that of the listing itself


def main(minutes: float, seed: int) -> int:
    """Run the soak test, print the problems, and return 1 if there are any."""
    print(f"soak: {minutes:g} minutes, seed {seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        report = soak(SoakLength(minutes), seed, Path(folder), lambda line: print(line, flush=True))
    for name, count in report.rounds.most_common():
        print(f"{count:6}  {name}")
    print(f"after {_WARM_ROUNDS} captures: {report.uses[0]}\nafter {report.captures} captures: {report.uses[-1]}")
    problems = [*report.failures, *report.leftovers, *report.leaks()]
    print("\n".join(problems) or "no leak, nothing left, each capture ended as it should", flush=True)
    return int(bool(problems))


if __name__ == "__main__":
    options = [float(argument) for argument in sys.argv[1:]]
    raise SystemExit(
        main(options[0] if options else 60, int(options[1]) if len(options) > 1 else secrets.randbelow(10**6))
    )
