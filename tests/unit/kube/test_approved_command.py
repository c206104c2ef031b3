"""approved_command.py: the command starts only after the approval, and nothing is lost before or after it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from debugcapture.errors import Aborted, CaptureError, NotAllowed, NotRunning, Unreachable
from debugcapture.kube.approved_command import CheckedRun, run_approved
from debugcapture.kube.command import Command
from debugcapture.kube.exec_stream import Stdio
from debugcapture.model import ContainerRef, ExitStatus

PLACE = ContainerRef("shop", "web-0", "debug-capture-abc")
CHECK = ("sh", "-c", "list")
STARTING = "run-tool: no pipe\n"


class Container:
    """A container with run-tool. It prints ``listing`` in pieces of ``size`` bytes, then runs the command."""

    def __init__(self, listing: bytes = b"P 1\nP 2\n", size: int = 1 << 16) -> None:
        self.listing, self.size = listing, size
        self.code: int | None = 0
        self.starting = self.is_older = False
        self.broken: CaptureError | None = None
        self.breaks_later = False
        self.commands: list[tuple[str, ...]] = []

    def run(
        self, _ref: ContainerRef, argv: Sequence[str], stdio: Stdio, *, time_limit_s: float, closing: bool = False
    ) -> ExitStatus:
        assert (time_limit_s, closing, stdio.holds_stdin) == (30, False, True)
        assert tuple(argv[:4]) == ("run-tool", "ready", "/tmp/debug-capture-abc.d", "run-tool")
        if self.starting:
            stdio.stderr(memoryview(STARTING.encode()))
            return ExitStatus(75)
        if self.is_older:
            stdio.stderr(memoryview(b"usage: run-tool"))
            return ExitStatus(2)
        if self.broken and not self.breaks_later:
            raise self.broken
        _, nonce, count, *words = argv[4:]
        assert tuple(words[: int(count)]) == CHECK
        output = self.listing + f"\n{nonce}\n".encode()
        assert stdio.reply
        replies = b""
        for start in range(0, len(output), self.size):
            assert replies == b""
            stdio.stdout(memoryview(output[start : start + self.size]))
            replies += stdio.reply()
        if replies != b"\n":
            return ExitStatus(1)
        self.commands.append(tuple(words[int(count) :]))
        stdio.stdout(memoryview(b"its output"))
        assert stdio.reply() == b""
        stdio.stderr(memoryview(b"its error"))
        if self.broken:
            raise self.broken
        return ExitStatus(self.code)


def ran(
    container: Container, approve: Callable[[str], bool] = lambda _: True
) -> tuple[CheckedRun | None, bytes, bytes]:
    output, errors = bytearray(), bytearray()
    command = Command(("run-tool", "command", "30", "ps"), 30, output.extend, errors.extend)
    return run_approved(container, PLACE, CHECK, approve, command), bytes(output), bytes(errors)


@pytest.mark.parametrize("size", [1, 3, 1 << 16])
def test_an_approved_command_runs_and_its_output_is_separate(size: int) -> None:
    listings: list[str] = []

    def approve(listing: str) -> bool:
        listings.append(listing)
        return True

    container = Container(size=size)
    checked, output, errors = ran(container, approve)
    assert checked == CheckedRun("P 1\nP 2\n", ExitStatus(0))
    assert (listings, output, errors) == (["P 1\nP 2\n"], b"its output", b"its error")
    assert container.commands == [("run-tool", "command", "30", "ps")]


@pytest.mark.parametrize("code", [3, 75, None])
def test_any_end_of_an_approved_command_is_its_result(code: int | None) -> None:
    """75 is the exit code of a container that is not ready."""
    container = Container()
    container.code = code
    checked, output, _ = ran(container)
    assert (checked, output) == (CheckedRun("P 1\nP 2\n", ExitStatus(code)), b"its output")


def test_a_command_that_is_not_approved_does_not_run() -> None:
    container = Container()
    assert ran(container, lambda _: False) == (CheckedRun("P 1\nP 2\n", None), b"", b"")
    assert container.commands == []


def test_a_container_that_starts_prints_nothing() -> None:
    container = Container()
    container.starting = True
    assert ran(container) == (None, b"", b"")


def test_a_connection_that_fails_before_the_approval_can_be_repeated() -> None:
    container = Container()
    container.broken = NotRunning("cannot run a command", "container not found")
    assert ran(container) == (None, b"", b"")


@pytest.mark.parametrize("error", [NotAllowed("no", "forbidden", "Ask."), Aborted("the step", "was aborted")])
def test_what_a_repetition_cannot_change_is_raised(error: CaptureError) -> None:
    container = Container()
    container.broken = error
    with pytest.raises(type(error)):
        ran(container)


def test_an_error_after_the_approval_is_raised_because_the_command_may_have_run() -> None:
    container = Container()
    container.broken, container.breaks_later = Unreachable("cannot run a command", "the node is gone"), True
    with pytest.raises(Unreachable):
        ran(container)
    assert len(container.commands) == 1


def test_an_error_of_run_tool_reaches_the_operator() -> None:
    container = Container()
    container.is_older = True
    assert ran(container) == (CheckedRun("", ExitStatus(2)), b"", b"usage: run-tool")


def test_a_huge_listing_is_cut_and_its_end_is_found() -> None:
    checked, output, _ = ran(Container(b"P 1\n" * (2 << 20)))
    assert checked
    assert (len(checked.check_output), output) == (4 << 20, b"its output")
