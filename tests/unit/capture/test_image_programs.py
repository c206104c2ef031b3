"""image_programs.py: one container of each image is asked for a program that the image does not have."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from debugcapture.capture.image_programs import ImagePrograms, Output
from debugcapture.errors import Unreachable
from debugcapture.model import ExitStatus, StartFailure
from tests.unit.fakes import MISSING, OK

NOT_EXECUTABLE = ExitStatus(126, "NonZeroExitCode", "permission denied", StartFailure.NOT_EXECUTABLE)
FAILED = ExitStatus(1, "NonZeroExitCode", "exit code 1")


class Container:
    """A container that returns ``status``, and counts the commands that ran in it."""

    def __init__(self, status: ExitStatus, output: str = "") -> None:
        self.status, self.output, self.runs = status, output, 0

    def __call__(self) -> Output:
        self.runs += 1
        return self.status, self.output, ""


def test_an_image_without_the_program_is_asked_once() -> None:
    programs, first, second = ImagePrograms(), Container(MISSING), Container(MISSING)
    assert programs.run("sha256:a", "sh", first) == (MISSING, "", "")
    assert programs.run("sha256:a", "sh", second) == (MISSING, "", "")
    assert (first.runs, second.runs) == (1, 0)


@pytest.mark.parametrize("status", [OK, FAILED, NOT_EXECUTABLE], ids=["has it", "fails", "not executable"])
def test_any_other_answer_is_about_one_container_only(status: ExitStatus) -> None:
    programs, first, second = ImagePrograms(), Container(status, "S 1\n"), Container(OK, "S 2\n")
    assert programs.run("sha256:a", "sh", first) == (status, "S 1\n", "")
    assert programs.run("sha256:a", "sh", second) == (OK, "S 2\n", "")


def test_another_image_another_program_and_an_unknown_image_are_asked() -> None:
    programs, other = ImagePrograms(), Container(OK)
    programs.run("sha256:a", "sh", Container(MISSING))
    assert programs.run("sha256:b", "sh", other) == (OK, "", "")
    assert programs.run("sha256:a", "jcmd", other) == (OK, "", "")
    unknown = Container(MISSING)
    assert [programs.run("", "sh", unknown) for _ in range(2)] == [(MISSING, "", "")] * 2
    assert (other.runs, unknown.runs) == (2, 2)


def test_a_container_that_cannot_be_reached_says_nothing_about_its_image() -> None:
    programs, second = ImagePrograms(), Container(MISSING)

    def fail() -> Output:
        raise Unreachable("cannot run sh", "the node does not respond", "Check the node of the pod.")

    with pytest.raises(Unreachable):
        programs.run("sha256:a", "sh", fail)
    assert programs.run("sha256:a", "sh", second) == (MISSING, "", "")
    assert second.runs == 1


def test_containers_that_are_asked_at_once_wait_for_the_first_answer() -> None:
    programs, containers, start = ImagePrograms(), [Container(MISSING) for _ in range(8)], Barrier(8)

    def ask(container: Container) -> Output:
        start.wait(10)
        return programs.run("sha256:a", "sh", container)

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, containers)) == [(MISSING, "", "")] * 8
    assert sum(container.runs for container in containers) == 1


def test_containers_of_an_image_with_the_program_run_their_commands_at_once() -> None:
    programs, together = ImagePrograms(), Barrier(2)
    programs.run("sha256:a", "sh", Container(OK))

    def meet() -> Output:
        together.wait(10)
        return OK, "", ""

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(programs.run, ["sha256:a"] * 2, ["sh"] * 2, [meet] * 2)) == [(OK, "", "")] * 2
