"""How tests share one lab: in parallel, except those marked `exclusive`.

A test holds the lab's lock while it runs, an exclusive one alone: it waits until the others have ended, and they wait
for it. So it does not matter which worker of which run a test belongs to. Tests of units and packages do not use the
lab, and need no lock.
"""

from __future__ import annotations

import fcntl
import json
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

from lab.paths import cache_dir

HERE = Path(__file__).parent
_WAITED, _GROUPS = "waited_s", "groups_file"
_UNIT, _PACKAGES = "unit", "packages"
_WITHOUT_LAB = (_UNIT, _PACKAGES)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the groups, each of which takes one worker long, and end with the tests that do not use the lab.

    They run while the exclusive tests have the lab.
    """
    for item in items:
        if item.get_closest_marker("exclusive"):
            item.add_marker(pytest.mark.xdist_group("exclusive"))  # or they would keep all workers waiting
    items.sort(key=_turn)
    _tell_groups(config, items)


def _tell_groups(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give the controller the group of each test: xdist's own way, the test's name, does not work with pytest 9.2."""
    worker: dict[str, str] = getattr(config, "workerinput", {})
    if worker.get("workerid") == "gw0":
        marks = ((item.nodeid, item.get_closest_marker("xdist_group")) for item in items)
        Path(worker[_GROUPS]).write_text(json.dumps({name: mark.args[0] for name, mark in marks if mark}))


def _turn(item: pytest.Item) -> int:
    ungrouped = 0 if item.get_closest_marker("xdist_group") else 1
    if (folder := _folder(item)) in _WITHOUT_LAB:
        return 4 + ungrouped if folder == _UNIT else 3
    return 2 if item.get_closest_marker("exclusive") else ungrouped


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """Run each test while it has the lab, or its share of it.

    The last test of a worker takes its share even if it does not use the lab: the fixtures of the session end with
    it, and they remove what they have created in the lab.
    """
    if _folder(item) in _WITHOUT_LAB and nextitem:
        return (yield)
    started = time.monotonic()
    with hold_lab(fcntl.LOCK_EX if item.get_closest_marker("exclusive") else fcntl.LOCK_SH):
        item.user_properties.append((_WAITED, time.monotonic() - started))
        return (yield)


@contextmanager
def hold_lab(share: int) -> Iterator[None]:
    """Lock the lab. A test that waits for an exclusive lock gets it before later tests."""
    with _opened("turn") as turn, _opened("lab") as lab:
        fcntl.flock(turn, fcntl.LOCK_EX)
        fcntl.flock(lab, share)
        fcntl.flock(turn, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(lab, fcntl.LOCK_UN)  # immediately, although a child process of the test may still have it open


def _opened(name: str) -> IO[str]:
    return (cache_dir() / f"tests-{name}.lock").open("w")


class Groups:
    """The controller: tests are distributed one by one, but groups and files of unit tests as a whole."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "groups.json"

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: WorkerController) -> None:
        """Pass the path for the groups of the tests to a worker."""
        node.workerinput[_GROUPS] = str(self._file)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Producer) -> Scheduling:
        """Use this scheduling."""
        return Scheduling(config, log, self._file)


class Scheduling(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
    """Assign the tests of a group to one worker."""

    def __init__(self, config: pytest.Config, log: Producer, groups: Path) -> None:
        super().__init__(config, log)
        config.option.loadscopereorder = False  # the order is that of the collection
        self._file = groups

    @cached_property
    def _groups(self) -> dict[str, str]:
        seconds: dict[str, str] = json.loads(self._file.read_text())
        return seconds

    @cached_property
    def _positions(self) -> dict[str, int]:
        return {name: position for position, name in enumerate(self.collection)}

    def _assign_work_unit(self, node: WorkerController) -> None:
        """Assign the next group to a worker, as xdist does.

        For each test, xdist searches the list of all tests, and counts all tests that the worker has run. With
        thousands of tests, this takes seconds.
        """
        group, tests = self.workqueue.popitem(last=False)
        unfinished = {
            name: of_group for name, of_group in self.assigned_work[node].items() if not all(of_group.values())
        }
        self.assigned_work[node] = {**unfinished, group: tests}
        node.send_runtest_some([self._positions[name] for name, is_complete in tests.items() if not is_complete])

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return self._groups.get(nodeid) or (file if file.startswith(f"tests/{_UNIT}/") else nodeid)


class Once:
    """Performs an action once per run. The first worker performs it, the others wait for its result."""

    def __init__(self, factory: pytest.TempPathFactory, *, worker: bool) -> None:
        self._folder = factory.getbasetemp().parent if worker else factory.getbasetemp()

    def __call__(self, name: str, make: Callable[[], str]) -> str:
        """Return the result of the first call of ``make`` with this ``name``."""
        answer = self._folder / f"once-{name}"
        with (self._folder / f"once-{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not answer.exists():
                answer.write_text(make())
            return answer.read_text()


class Times:
    """The time by folder, for the end of a run."""

    def __init__(self) -> None:
        self._took: defaultdict[str, float] = defaultdict(float)
        self._waited: defaultdict[str, float] = defaultdict(float)
        self._tests: Counter[str] = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add the time of a part of a test: its setup, its call, or its teardown."""
        folder = "/".join(report.nodeid.partition("::")[0].split("/")[:-1])
        self._took[folder] += report.duration
        if report.when == "setup":
            self._tests[folder] += 1
            self._waited[folder] += sum(float(str(s)) for name, s in report.user_properties if name == _WAITED)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print the time of each folder."""
        if not self._took:
            return
        terminalreporter.section("time by folder")
        for folder, seconds in sorted(self._took.items(), key=lambda entry: -entry[1]):
            waited = f", after waiting {self._waited[folder]:.0f} s for the lab" if self._waited[folder] > 1 else ""
            terminalreporter.write_line(f"{seconds:7.0f}s {folder} ({self._tests[folder]} tests{waited})")


def _folder(item: pytest.Item) -> str:
    return item.path.relative_to(HERE).parts[0]
