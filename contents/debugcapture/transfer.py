"""Bring what a tool writes, or a file, out of a container, whole.

No exec stream is trusted: its end can be missing without an error when the reader is slow
(kubernetes/kubernetes#124571, kubernetes/kubectl#1361). Where the far side has a shell it says on its standard error
how the tool ended, and the size and SHA-256 of what it sent; a file is fetched on from where the stream broke off.
"""

import hashlib
import re
import secrets
import shlex
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from .artifact_file import SizeLimitReachedError
from .cluster import exec as exec_stream
from .cluster.api import Api
from .cluster.debug_container import BASE
from .cluster.frames import BROKEN_STREAM
from .errors import CaptureError, CommandFailed, NeverEnds, Unreachable
from .model import ArtifactOutcome, ContainerRef, ExitStatus, Integrity, Stored
from .pattern import number_in

# OpenSSL sums six times as fast as busybox, and the network waits for neither.
_SUM = r"""
sum=
if openssl version >/dev/null 2>&1; then sum='openssl dgst -sha256 -r'; fi
if [ ! "$sum" ] && command -v sha256sum >/dev/null 2>&1; then sum=sha256sum; fi
"""
# What writes to a stream that nobody reads any more waits for ever: the runtime keeps its end open. So it has a time
# limit as well, beyond that of this side.
_BOUND = """
bound=
if timeout -s KILL 1 true 2>/dev/null; then bound="timeout -s KILL $((limit + 20))"; fi
"""
# $1 is the time limit in seconds, then the tool's argv. Programs beside the shell are used where they are, not missed.
_RUN = rf"""
{_SUM}
limit=$1; shift
{_BOUND}
if [ "$bound" ]; then set -- timeout -s KILL "$limit" "$@"; fi
exec 3>&1
if [ "$sum" ] && command -v tee >/dev/null 2>&1 && [ -w /dev/fd/3 ]; then
  ended=$( {{ {{ "$@" 4>&- </dev/null; echo "$?" >&4; }} | $bound tee /dev/fd/3 | $sum >&4; }} 4>&1 )
else
  "$@" </dev/null; ended="$?"
fi
printf '\ndebug-capture-end - %s\n' "$(echo $ended)" >&2
"""
# $1 is a file, $2 how many bytes of it have arrived already, $3 the time limit. It is summed while it is sent.
_FETCH = rf"""
{_SUM}
limit=$3
{_BOUND}
exec 3>&1
[ -r "$1" ] || {{ echo "cannot read it" >&2; exit 66; }}
[ -f "$1" ] || {{ echo "it is no regular file" >&2; exit 66; }}
size=$(stat -L -c %s "$1" 2>/dev/null || wc -c <"$1")
send() {{ if [ "$2" = 0 ]; then $bound cat "$1"; else $bound tail -c "+$(($2 + 1))" "$1"; fi; }}
if [ "$sum" ]; then found=$($sum <"$1" & send "$1" "$2" >&3; wait); else send "$1" "$2"; found=; fi
printf '\ndebug-capture-end %s 0 %s\n' "$(echo $size)" "$found" >&2
"""
# $1 is the base directory, $2 a job's name, $3 its script.
_START = 'printf %s "$3" >"$1/jobs/$2" && echo "$2" >"$1/pipe"'
# $1 is where the exit code will be, $2 the file that grows. Most tools end within a second; some know no tenths.
_WAIT = r"""
i=0
until [ -f "$1" ]; do
  { [ $i -lt 10 ] && sleep 0.1 2>/dev/null; } || sleep 1
  i=$((i + 1))
  [ $i -gt 10 ] && [ $((i % 5)) = 0 ] && [ -f "$2" ] && echo "bytes $(wc -c <"$2")"
done
echo "code $(cat "$1")"
"""
_END = re.compile(r"^debug-capture-end ([0-9]{1,18}|-) ([0-9]{1,3})(?: ([0-9a-f]{64}))?", re.MULTILINE)
_ERROR_TAIL_BYTES = 4096
_TRIES = 6
NOTHING_THERE = 77  # what a collector ends with where there is nothing of its kind; automake uses it for "skipped"
WROTE_NOTHING = "it wrote nothing"
_KILLED = 137  # what `timeout -s KILL` ends with
_SHORT_S, _SHORT_LIMIT = 30, 4 << 20
_LONGEST_LINE = 80  # of what a waiting script says
_AGAIN_S = 1
_NOTHING_SHA256 = hashlib.sha256().hexdigest()
_GRACE_S = 10  # for a tool that is ended at its limit to be told of
Say = Callable[[str], None]


class Sink(Protocol):
    """Takes what arrives."""

    @property
    def received(self) -> int:
        """Return how many bytes have arrived."""

    @property
    def received_sha256(self) -> str:
        """Return their checksum, in hex."""

    def write(self, piece: memoryview) -> None:
        """Take ``piece``; raises SizeLimitReachedError when it does not fit."""

    def restart(self) -> None:
        """Forget what has arrived."""


@dataclass(frozen=True, slots=True)
class Brought:
    """What became of it."""

    outcome: ArtifactOutcome
    reason: str = ""
    integrity: Integrity = "unverified"
    stored: Stored | None = None  # where the pod has sent it itself


@dataclass(frozen=True, slots=True)
class Ended:
    """What the far side says at the end."""

    size: int | None
    code: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a tool may run, and whether it may be run again."""

    time_s: int
    repeatable: bool = False


def run_tool(  # noqa: PLR0913 - where, what, where to
    api: Api, place: ContainerRef, argv: Sequence[str], sink: Sink, limits: Limits, *, has_shell: bool
) -> Brought:
    """Run ``argv`` in ``place`` and take its standard output; ``has_shell`` tells whether the container has one.

    What a broken stream left is kept; a tool that may be run again is, once, when the end is missing. What it writes
    then takes the place of what had arrived, from its first byte on.
    """
    brought = _run_once(api, place, argv, sink, limits, has_shell=has_shell)
    if not (brought.outcome == "truncated" and limits.repeatable and "connection" in brought.reason):
        return brought
    anew = _Anew(sink)
    try:
        again = _run_once(api, place, argv, anew, limits, has_shell=has_shell)
    except CaptureError as error:
        return replace(brought, reason=f"{brought.reason}; and it could not be run again: {error.why}")
    return again if anew.begun else brought


class _Anew:
    """A sink that forgets what it has when the first byte of another try arrives, and not before."""

    def __init__(self, sink: Sink) -> None:
        self._sink, self.begun = sink, False

    @property
    def received(self) -> int:
        return self._sink.received if self.begun else 0

    @property
    def received_sha256(self) -> str:
        return self._sink.received_sha256 if self.begun else _NOTHING_SHA256

    def write(self, piece: memoryview) -> None:
        if not self.begun:
            self.restart()
        self._sink.write(piece)

    def restart(self) -> None:
        self.begun = True
        self._sink.restart()


def run_detached(  # noqa: PLR0913 - where, what, and what it writes
    api: Api, place: ContainerRef, argv: Sequence[str], output: str, limits: Limits, say: Say
) -> tuple[str, Brought]:
    """Run ``argv`` in a debug container so that it outlives the connection; return the file that it wrote.

    ``output`` is that file, or "" for the tool's standard output.
    """
    job = secrets.token_hex(4)
    own = f"{BASE}/jobs/{job}"
    written, command = output or f"{own}.out", shlex.join(["timeout", "-s", "KILL", str(limits.time_s), *argv])
    script = f"{command} >{own}.out 2>{own}.err; echo $? >{own}.part; mv {own}.part {own}.code\n"
    status, _, errors = run_short(api, place, ("sh", "-c", _START, "debug-capture", BASE, job, script))
    if status.code != 0:
        return written, Brought("failed", f"it could not be started: {errors.strip() or status.message}")
    code = _wait(api, place, (f"{own}.code", written), limits.time_s + _GRACE_S, say)
    if code == 0:
        return written, Brought("complete")
    _, said, _ = run_short(api, place, ("tail", "-c", "2048", f"{own}.err"))
    ended = "it was still running at its time limit" if code in (None, _KILLED) else f"exit code {code}"
    return written, Brought("failed", ": ".join([ended, *_last_line(said)]))


def fetch_file(  # noqa: PLR0913 - from where, to where
    api: Api, place: ContainerRef, path: str, sink: Sink, time_limit_s: int, say: Say
) -> Brought:
    """Take the file ``path`` of ``place``; a stream that breaks is taken up where it broke off."""
    deadline, brought = time.monotonic() + time_limit_s, Brought("failed", "there was no time for it")
    for attempt in range(_TRIES):
        if attempt:
            say(f"{path}: {brought.reason}; going on after {sink.received:,} bytes")
            time.sleep(min(2.0**attempt, max(0.0, deadline - time.monotonic())))
        if time.monotonic() >= deadline:
            break
        brought, final = _fetch_once(api, place, path, sink, deadline)
        if final:
            break
    return brought


def run_short(api: Api, place: ContainerRef, argv: Sequence[str]) -> tuple[ExitStatus, str, str]:
    """Run a command of little output; return its status, standard output and standard error, cut at 4 MiB each.

    Raises CommandFailed when the connection breaks or the command does not end.
    """
    output, errors = bytearray(), bytearray()
    status = exec_stream.run(
        api,
        place,
        argv,
        stdout=lambda piece: output.extend(piece[: _SHORT_LIMIT - len(output)]),
        stderr=lambda piece: errors.extend(piece[: _SHORT_LIMIT - len(errors)]),
        time_limit_s=_SHORT_S,
    )
    if status.reason in (BROKEN_STREAM, "TimeLimit"):
        kind = NeverEnds if status.reason == "TimeLimit" else CommandFailed
        raise kind(f"{argv[0]} in {place} did not end well", status.message, "Capture again.")
    return status, output.decode(errors="replace"), errors.decode(errors="replace")


def ended_as(errors: str) -> tuple[Ended | None, str]:
    """Return what the far side said at the end of its standard error, and the rest of it."""
    found = list(_END.finditer(errors))
    if not found:
        return None, errors
    size, code, sha256 = found[-1].groups()
    return Ended(int(size) if size != "-" else None, int(code), sha256 or ""), errors[: found[-1].start()]


def judge(status: ExitStatus, ended: Ended | None, sink: Sink, errors: str) -> Brought:
    """Return what became of a tool: only exit code 0 with a whole output is complete."""
    code = ended.code if ended else status.code
    if code == NOTHING_THERE:
        return Brought("skipped", "".join(_last_line(errors)))
    whole = not (ended and ended.sha256) or ended.sha256 == sink.received_sha256
    if code == 0 and whole:
        verified: Integrity = "verified" if ended and ended.sha256 else "unverified"
        if sink.received:
            return Brought("complete", integrity=verified)
        return Brought("failed", ": ".join([WROTE_NOTHING, *_last_line(errors)]))
    if code == 0:
        why = "the connection lost the end of the output"
    elif code == _KILLED and ended:
        why, errors = "it was still running at its time limit, and was ended", ""
    else:
        why = f"exit code {code}" if code is not None else status.message
    return Brought("truncated" if sink.received else "failed", ": ".join([why, *_last_line(errors)]))


def _run_once(  # noqa: PLR0913 - see run_tool
    api: Api, place: ContainerRef, argv: Sequence[str], sink: Sink, limits: Limits, *, has_shell: bool
) -> Brought:
    command = ("sh", "-c", _RUN, "debug-capture", str(limits.time_s), *argv) if has_shell else tuple(argv)
    try:
        status, said = _stream(api, place, command, sink, limits.time_s + (_GRACE_S if has_shell else 0))
    except SizeLimitReachedError as limit:
        return Brought("truncated", str(limit))
    ended, errors = ended_as(said)
    if has_shell and ended is None and status.code == 0:
        status = ExitStatus(None, BROKEN_STREAM, "the connection lost the end of the output")
    return judge(status, ended, sink, errors)


def _fetch_once(api: Api, place: ContainerRef, path: str, sink: Sink, deadline: float) -> tuple[Brought, bool]:
    """Return what became of it, and whether that is final: another try would change nothing."""
    left_s = deadline - time.monotonic()
    argv = ("sh", "-c", _FETCH, "debug-capture", path, str(sink.received), str(int(left_s)))
    try:
        status, said = _stream(api, place, argv, sink, left_s)
    except SizeLimitReachedError as limit:
        return Brought("truncated", str(limit)), True
    except Unreachable as error:
        return _broken(sink, error.why), False
    ended, errors = ended_as(said)
    if ended is None:
        if status.code is None or status.code == 0:
            return _broken(sink, "the stream broke off"), False
        return Brought("failed", ": ".join([f"{path} cannot be read", *_last_line(errors)])), True
    if sink.received == ended.size and ended.sha256 in ("", sink.received_sha256):
        return Brought("complete", integrity="verified" if ended.sha256 else "unverified"), True
    if ended.size is not None and sink.received < ended.size:
        return _broken(sink, "the stream broke off"), False
    sink.restart()
    return Brought("failed", "it changes while it is read"), False


def _broken(sink: Sink, why: str) -> Brought:
    return Brought("truncated" if sink.received else "failed", why)


def _stream(
    api: Api, place: ContainerRef, argv: Sequence[str], sink: Sink, time_limit_s: float
) -> tuple[ExitStatus, str]:
    errors = bytearray()

    def keep_tail(piece: memoryview) -> None:
        errors.extend(piece)
        del errors[:-_ERROR_TAIL_BYTES]

    status = exec_stream.run(api, place, argv, stdout=sink.write, stderr=keep_tail, time_limit_s=time_limit_s)
    return status, errors.decode(errors="replace")


def _wait(api: Api, place: ContainerRef, files: tuple[str, str], time_limit_s: float, say: Say) -> int | None:
    """Return the job's exit code, or None at the time limit; a connection that breaks is made again."""
    deadline, progress = time.monotonic() + time_limit_s, _Progress(files[1], say)
    argv = ("sh", "-c", _WAIT, "debug-capture", *files)
    while progress.code is None and time.monotonic() < deadline:
        progress.begin()
        limit_s = deadline - time.monotonic()
        try:
            status = exec_stream.run(
                api, place, argv, stdout=progress.read, stderr=lambda _: None, time_limit_s=limit_s
            )
        except Unreachable as error:
            status = ExitStatus(None, BROKEN_STREAM, error.why)
        if progress.code is None and status.reason != BROKEN_STREAM:
            break
        if progress.code is None:
            say(f"{files[1]}: {status.message}; the tool goes on, and is asked for again")
            time.sleep(_AGAIN_S)
    return progress.code


class _Progress:
    """Reads what a waiting script says: how far the file has grown, and the exit code at the end."""

    def __init__(self, file: str, say: Say) -> None:
        self._file, self._say, self._cut = file, say, ""
        self.code: int | None = None

    def begin(self) -> None:
        """Take a new connection; half a line of the one before is none."""
        self._cut = ""

    def read(self, piece: memoryview) -> None:
        *lines, cut = (self._cut + bytes(piece).decode(errors="replace")).split("\n")
        self._cut = cut[-_LONGEST_LINE:]
        for line in lines:
            word, _, rest = line.partition(" ")
            number = number_in(rest)
            if word == "code" and number is not None:
                self.code = number
            elif word == "bytes" and number is not None:
                self._say(f"{self._file}: {number:,} bytes so far")


def _last_line(errors: str) -> list[str]:
    return errors.strip().splitlines()[-1:]
