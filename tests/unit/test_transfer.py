"""transfer.py: what arrives is whole, or is told not to be. The scripts run in a real shell here."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from debugcapture import transfer
from debugcapture.artifact_file import SizeLimitReachedError
from debugcapture.cluster.api import Api
from debugcapture.errors import Unreachable
from debugcapture.model import ExitStatus
from debugcapture.pattern import number_in
from debugcapture.transfer import Brought, Limits, ended_as, fetch_file, run_detached, run_tool
from tests.unit.builders import PLACE

API = cast("Api", None)
CONTENT = bytes(range(256)) * 4096  # 1 MiB
BROKEN = ExitStatus(None, "StreamBroken", "the connection ended before the command did")
Change = Callable[[bytes, bytes, ExitStatus], tuple[bytes, bytes, ExitStatus]]


class Memory:
    """A sink that keeps all."""

    def __init__(self, limit: int = 1 << 30) -> None:
        self.content, self.limit, self.restarts = b"", limit, 0

    @property
    def received(self) -> int:
        return len(self.content)

    @property
    def received_sha256(self) -> str:
        return hashlib.sha256(self.content).hexdigest()

    def write(self, piece: memoryview) -> None:
        self.content += bytes(piece[: self.limit - len(self.content)])
        if len(self.content) == self.limit:
            raise SizeLimitReachedError(f"cut at its size limit of {self.limit} bytes")

    def restart(self) -> None:
        self.content = b""
        self.restarts += 1


class Machine:
    """Runs commands on this machine in place of a container's; each entry of ``changes`` harms one connection."""

    def __init__(self, *changes: Change) -> None:
        self.changes, self.ran = list(changes), list[Sequence[str]]()

    def run(
        self, _api: object, _place: object, argv: Sequence[str], *, stdout: Any, stderr: Any, **_: Any
    ) -> ExitStatus:
        self.ran.append(argv)
        change = self.changes.pop(0) if self.changes else _unchanged
        try:
            done = subprocess.run(argv, capture_output=True, check=False, timeout=30)
        except FileNotFoundError:
            return ExitStatus(127, "NonZeroExitCode", "not found")
        output, errors, status = change(done.stdout, done.stderr, ExitStatus(done.returncode))
        for start in range(0, len(output), 65536):
            stdout(memoryview(output)[start : start + 65536])
        stderr(memoryview(errors))
        return status


def _unchanged(output: bytes, errors: bytes, status: ExitStatus) -> tuple[bytes, bytes, ExitStatus]:
    return output, errors, status


def cut(output: bytes, _errors: bytes, _status: ExitStatus) -> tuple[bytes, bytes, ExitStatus]:
    """The connection breaks."""
    return output[: len(output) // 2], b"", BROKEN


def loses_its_end(output: bytes, errors: bytes, status: ExitStatus) -> tuple[bytes, bytes, ExitStatus]:
    """What kubernetes#124571 is about: the end is missing, and nobody says so."""
    return output[:-1000], errors, status


def loses_both_ends(output: bytes, _errors: bytes, status: ExitStatus) -> tuple[bytes, bytes, ExitStatus]:
    return output[:-1000], b"", status


def refuses(*_: object) -> tuple[bytes, bytes, ExitStatus]:
    raise Unreachable("cannot run a command", "the API server did not answer", "")


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("debugcapture.transfer.time.sleep", lambda _: None)


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Machine]:
    def use(*changes: Change) -> Machine:
        machine = Machine(*changes)
        monkeypatch.setattr("debugcapture.cluster.exec.run", machine.run)
        return machine

    return use


On = Callable[..., Machine]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    one = tmp_path / "a file; with $(odd) 'name'"
    one.write_bytes(CONTENT)
    return one


def ran(argv: Sequence[str], sink: Memory, *, repeatable: bool = False) -> Brought:
    return run_tool(API, PLACE, argv, sink, Limits(10, repeatable=repeatable), has_shell=True)


def test_output_that_arrives_whole_is_verified(on: On, file: Path) -> None:
    on()
    sink = Memory()
    assert ran(["cat", str(file)], sink) == Brought("complete", integrity="verified")
    assert sink.content == CONTENT


@pytest.mark.parametrize("harm", [loses_its_end, loses_both_ends], ids=["of the output", "of everything"])
def test_end_that_is_missing_without_an_error_is_noticed(harm: Change, on: On, file: Path) -> None:
    on(harm)
    sink = Memory()
    brought = ran(["cat", str(file)], sink)
    assert (brought.outcome, brought.integrity) == ("truncated", "unverified")
    assert "the connection lost the end of the output" in brought.reason


def test_harmless_tool_is_run_once_more(on: On, file: Path) -> None:
    machine = on(cut)
    sink = Memory()
    assert ran(["cat", str(file)], sink, repeatable=True).integrity == "verified"
    assert (sink.content, sink.restarts, len(machine.ran)) == (CONTENT, 1, 2)


def silent(_output: bytes, _errors: bytes, _status: ExitStatus) -> tuple[bytes, bytes, ExitStatus]:
    """The connection breaks before anything has come."""
    return b"", b"", BROKEN


@pytest.mark.parametrize(
    ("again", "told"), [(refuses, "could not be run again: the API"), (silent, "")], ids=["no", "nothing"]
)
def test_what_arrived_is_kept_where_the_tool_cannot_be_run_once_more(
    again: Change, told: str, on: On, file: Path
) -> None:
    on(cut, again)
    sink = Memory()
    brought = ran(["cat", str(file)], sink, repeatable=True)
    assert brought.outcome == "truncated"
    assert told in brought.reason
    assert (sink.content, sink.restarts) == (CONTENT[: len(CONTENT) // 2], 0)


def test_what_a_broken_connection_left_is_kept(on: On, file: Path) -> None:
    on(cut)
    sink = Memory()
    assert ran(["cat", str(file)], sink).outcome == "truncated"
    assert sink.content == CONTENT[: len(CONTENT) // 2]


@pytest.mark.parametrize(
    ("argv", "outcome", "reason"),
    [
        (["sh", "-c", "echo half; echo why >&2; exit 3"], "truncated", "exit code 3: why"),
        (["sh", "-c", "echo why >&2; exit 3"], "failed", "exit code 3: why"),
        (["true"], "failed", "it wrote nothing"),
        (["no-such-tool"], "failed", "exit code 127: "),
        (["sh", "-c", "kill -9 $$"], "failed", "it was still running at its time limit, and was ended"),
    ],
    ids=["half", "nothing", "empty", "missing", "killed"],
)
def test_tool_that_does_not_end_well_is_told(argv: list[str], outcome: str, reason: str, on: On) -> None:
    on()
    brought = ran(argv, Memory())
    assert brought.outcome == outcome
    assert brought.reason.startswith(reason)


def test_tool_that_hangs_is_ended_where_it_runs(on: On) -> None:
    on()
    brought = run_tool(API, PLACE, ["sleep", "60"], Memory(), Limits(1), has_shell=True)
    assert brought.reason == "it was still running at its time limit, and was ended"


def test_output_above_its_limit_is_kept_up_to_it(on: On, file: Path) -> None:
    on()
    sink = Memory(limit=1000)
    assert ran(["cat", str(file)], sink) == Brought("truncated", "cut at its size limit of 1000 bytes")
    assert sink.content == CONTENT[:1000]


def test_image_without_a_shell_is_taken_at_its_word_and_says_so(on: On, file: Path) -> None:
    on()
    brought = run_tool(API, PLACE, ["cat", str(file)], Memory(), Limits(10), has_shell=False)
    assert brought == Brought("complete", integrity="unverified")


def test_arguments_are_never_read_by_a_shell(on: On) -> None:
    on()
    sink = Memory()
    words = ["$(id)", "; id", "'", '"', "`id`", "*", "a b"]
    ran(["printf", "%s\n", *words], sink)
    assert sink.content.decode().splitlines() == words


def fetched(file: Path, sink: Memory) -> Brought:
    return fetch_file(API, PLACE, str(file), sink, 60, lambda _: None)


@pytest.mark.parametrize(
    "harms",
    [(), (cut,), (loses_its_end,), (loses_both_ends, cut, cut), (refuses, cut, refuses)],
    ids=["whole", "cut once", "lost its end", "three times", "server away"],
)
def test_file_is_fetched_on_from_where_it_broke_off(harms: tuple[Change, ...], on: On, file: Path) -> None:
    machine = on(*harms)
    sink = Memory()
    assert fetched(file, sink) == Brought("complete", integrity="verified")
    assert (sink.content, sink.restarts) == (CONTENT, 0)
    assert len(machine.ran) == len(harms) + 1


def test_file_that_never_comes_whole_is_truncated(on: On, file: Path) -> None:
    on(*[cut] * 20)
    sink = Memory()
    assert fetched(file, sink) == Brought("truncated", "the stream broke off")
    assert CONTENT.startswith(sink.content)


def test_file_that_was_garbled_is_fetched_anew(on: On, file: Path) -> None:
    def garbles(output: bytes, errors: bytes, status: ExitStatus) -> tuple[bytes, bytes, ExitStatus]:
        return b"x" + output[1:], errors, status

    on(garbles)
    sink = Memory()
    assert fetched(file, sink).integrity == "verified"
    assert (sink.content, sink.restarts) == (CONTENT, 1)


def test_file_that_is_not_there_is_told_at_once(on: On, tmp_path: Path) -> None:
    machine = on()
    brought = fetched(tmp_path / "gone", Memory())
    assert brought.outcome == "failed"
    assert "gone cannot be read" in brought.reason
    assert len(machine.ran) == 1


def test_long_work_outlives_its_connection(on: On, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pipe is served as the sleeper of a debug container does."""
    from debugcapture.cluster.debug_container import _SLEEPER

    base = tmp_path / "base"
    monkeypatch.setattr(transfer, "BASE", str(base))
    sleeper = subprocess.Popen(["sh", "-c", _SLEEPER, "debug-capture", str(base), "20", "t"])
    try:
        while not (base / "pipe").exists():
            pass
        on(_unchanged, refuses, cut)
        argv = ["sh", "-c", "sleep 0.2; echo done; echo 'it'\\''s' >&2"]
        path, brought = run_detached(API, PLACE, argv, "", Limits(10), lambda _: None)
        assert brought == Brought("complete")
        assert Path(path).read_text() == "done\n"
        _, brought = run_detached(API, PLACE, ["sh", "-c", "echo why >&2; exit 4"], "", Limits(10), lambda _: None)
        assert brought == Brought("failed", "exit code 4: why")
    finally:
        (base / "pipe").write_text("end\n")
        assert sleeper.wait(10) == 0


@pytest.mark.parametrize(
    ("errors", "ended"),
    [
        ("", None),
        ("debug-capture-end", None),
        ("warn\n\ndebug-capture-end - 3\n", (None, 3, "")),
        (f"\ndebug-capture-end 7 0 {'ab' * 32}  -\n", (7, 0, "ab" * 32)),
        ("\ndebug-capture-end 1 0\n\ndebug-capture-end 2 0\n", (2, 0, "")),
    ],
)
def test_the_far_sides_last_word_counts(errors: str, ended: tuple[int | None, int, str] | None) -> None:
    found, _ = ended_as(errors)
    assert (found and (found.size, found.code, found.sha256)) == ended


@pytest.mark.parametrize(
    ("text", "number"), [("7\n", 7), (" 7 ", 7), ("²", None), ("٣", None), ("9" * 5000, None), ("-1", None), ("", None)]
)
def test_number_that_a_container_wrote_is_one_or_none(text: str, number: int | None) -> None:
    assert number_in(text) == number


def test_end_with_a_size_of_a_thousand_digits_is_no_end() -> None:
    assert ended_as(f"\ndebug-capture-end {'9' * 3000} 0\n")[0] is None


def test_progress_that_is_no_progress_is_passed_over_and_not_kept() -> None:
    said: list[str] = []
    progress = transfer._Progress("/tmp/x", said.append)
    for piece in (b"bytes \xc2\xb2\ncode " + b"9" * 5000 + b"\n", *[b"x" * 65536] * 100, b"\nbytes 5\ncode 0\n"):
        progress.read(memoryview(piece))
        assert len(progress._cut) < 100
    assert (progress.code, said) == (0, ["/tmp/x: 5 bytes so far"])


def test_a_pipe_or_a_device_is_no_file_to_fetch(on: On, tmp_path: Path) -> None:
    on()
    pipe = tmp_path / "core.1"
    os.mkfifo(pipe)
    for odd in (pipe, Path("/dev/zero"), tmp_path):
        brought = fetched(odd, Memory())
        assert (brought.outcome, brought.reason) == ("failed", f"{odd} cannot be read: it is no regular file")
