"""tests/side_by_side.py: an exclusive test has the lab alone, and `once` runs an action once per run."""

from __future__ import annotations

import fcntl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import side_by_side


@contextmanager
def competitor(share: int, log: list[str], name: str) -> Iterator[threading.Event]:
    """A test that writes its name into ``log`` when it has the lab; yields what ends it."""
    ends = threading.Event()

    def use() -> None:
        with side_by_side.hold_lab(share):
            log.append(name)
            assert ends.wait(30)
            log.append(f"end of {name}")

    thread = threading.Thread(target=use)
    thread.start()
    try:
        yield ends
    finally:
        ends.set()
        thread.join()


def until(log: list[str], *names: str) -> None:
    for _ in range(3000):
        if set(names) <= set(log):
            return
        threading.Event().wait(0.01)
    pytest.fail(f"{names} not in {log}")


def test_an_exclusive_test_waits_for_all_others_and_is_not_overtaken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    log: list[str] = []
    with competitor(fcntl.LOCK_SH, log, "one") as first, competitor(fcntl.LOCK_SH, log, "two") as two:
        until(log, "one", "two")
        with competitor(fcntl.LOCK_EX, log, "alone") as alone:
            waits_for_its_turn(tmp_path)
            with competitor(fcntl.LOCK_SH, log, "late") as late:
                first.set()
                two.set()
                until(log, "alone")
                assert "late" not in log
                alone.set()
                until(log, "late")
                late.set()
    assert log.index("end of one") < log.index("alone")
    assert log.index("end of two") < log.index("alone")
    assert log.index("end of alone") < log.index("late")


def waits_for_its_turn(cache: Path) -> None:
    """Wait until a test holds the turn, as an exclusive test does while it waits for the others."""
    with (cache / "kubernetes-debug-capture" / "tests-turn.lock").open("w") as turn:
        for _ in range(3000):
            try:
                fcntl.flock(turn, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            fcntl.flock(turn, fcntl.LOCK_UN)
            threading.Event().wait(0.01)
    pytest.fail("nobody waits")


def test_a_resource_of_the_run_is_created_by_one_worker(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> None:
    values: list[int] = []
    name = request.node.name

    def make() -> str:
        values.append(1)
        return f"made {len(values)}"

    workers = [side_by_side.Once(tmp_path_factory, worker=False) for _ in range(4)]
    answers: list[str] = []
    threads = [threading.Thread(target=lambda thread=thread: answers.append(thread(name, make))) for thread in workers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == ["made 1"] * 4
