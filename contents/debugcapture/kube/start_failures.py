"""Reads why an exec did not start a program from what the container runtime answers. Pure.

There is no common form. containerd sends a Status without an exit code, Docker exit code 126. CRI-O passes on the exit
code of the OCI runtime (255, older versions 1), and what that runtime writes to standard error. Sources: cri-o
internal/oci/runtime_oci.go; containers/crun#424, #439, #1672, #1688, #2245; opencontainers/runc#3073, #3237;
kata-containers/kata-containers#8026; youki-dev/youki#1810; containerd/containerd#6300.
"""

import re
from dataclasses import replace
from typing import Final

from ..model import ExitStatus, StartFailure
from .frames import BAD_STATUS, BROKEN_STREAM, TIME_LIMIT

HEAD_BYTES: Final = 4096  # of standard error: more than a runtime writes
_OWN_REASONS: Final = frozenset({BROKEN_STREAM, TIME_LIMIT, BAD_STATUS})  # this side adds them; a runtime does not
# By the exit code that a shell, env and run-tool return too (POSIX, "Exit Status for Commands").
_BY_CODE: Final = {126: StartFailure.NOT_EXECUTABLE, 127: StartFailure.NO_PROGRAM}
_RUNTIME_CODES: Final = frozenset({1, 125, 128, 255})
_MAX_LINES: Final = 4
_QUOTE: Final = r"""[\\"'`]*"""
_FOLDER: Final = r"(?!/proc/self/)(/[^ ]*/)?"  # a runtime executes /proc/self/exe, which is itself
# The program in the text of a runtime: crun, runc, Kata, gVisor, youki and krun, in this order.
_MISSING: Final = (
    rf"executable file {_QUOTE}%s{_QUOTE} not found",
    rf"exec:? {_QUOTE}{_FOLDER}%s{_QUOTE}: (executable file not found|(stat [^:]+: )?(no such file|not a directory))",
    rf"the file {_FOLDER}%s was not found",
    rf"finding executable {_QUOTE}%s{_QUOTE}",
    rf"failed to load {_QUOTE}{_FOLDER}%s{_QUOTE}: no such file",
    rf"executable {_QUOTE}%s{_QUOTE}( for container( process)?)? (not found|does not exist)",
    rf"execute {_QUOTE}%s{_QUOTE} inside the vm: no such file",
)
_REFUSAL: Final = "(permission denied|operation not permitted|is a directory|exec format error)"
_DENIED: Final = (
    rf"exec:? {_QUOTE}{_FOLDER}%s{_QUOTE}: {_REFUSAL}",
    rf"open executable: {_REFUSAL}",
    rf"path {_QUOTE}{_FOLDER}%s{_QUOTE} (exists but it )?is not (executable|a regular file)",
    rf"missing dynamic library\?\) {_QUOTE}{_FOLDER}%s{_QUOTE}: no such file",
    rf"failed to load {_QUOTE}{_FOLDER}%s{_QUOTE}: {_REFUSAL}",
    rf"file {_QUOTE}{_FOLDER}%s{_QUOTE} does not have executable permission",
)
_ANY_PROGRAM: Final = r"[^ ]+"
# Texts without the name of the program, which count in a Status object only: old versions of crun and runc, Windows
# (hcsshim) and the Go runtime of Kata.
_UNNAMED: Final = (
    (
        re.compile(
            r"executable file not found|system cannot find the (file|path) specified|ENOENT: no such file"
            r"|(exec user process caused:?|exec:|open executable:) \"?no such file",
            re.IGNORECASE,
        ),
        StartFailure.NO_PROGRAM,
    ),
    (
        re.compile(
            r"CreateProcess.*(access is denied|not a valid Win32 application)|EACCES: permission denied"
            r"|(exec user process caused:?|exec:) \"?(exec format error|permission denied)",
            re.IGNORECASE,
        ),
        StartFailure.NOT_EXECUTABLE,
    ),
)
_ONLY_UNNAMED: Final = re.compile(r"executable file not found in \$PATH(: no such file or directory)?", re.IGNORECASE)
# Who could not reach whom: the API server the kubelet, directly or through konnectivity.
_UNREACHABLE: Final = re.compile(r"dialing backend|error sending request|no agent available|dial tcp", re.IGNORECASE)


def with_start_failure(status: ExitStatus, program: str, errors: bytes, *, has_output: bool) -> ExitStatus:
    """Return ``status`` with the reason why ``program`` did not start, if it did not.

    ``errors`` is the beginning of its standard error. The container can write there too, so it counts only if the exit
    code is that of a runtime, there is no output, and the text names the program.
    """
    if status.code in _BY_CODE:
        return replace(status, failure=_BY_CODE[status.code])
    if status.code is None:
        return status if status.reason in _OWN_REASONS else replace(status, failure=_in_message(status.message))
    text = errors.decode(errors="replace").strip()
    if status.code not in _RUNTIME_CODES or has_output or not text or text.count("\n") >= _MAX_LINES:
        return status
    is_old_crun = _ONLY_UNNAMED.fullmatch(text)  # it does not name the program, but writes nothing else
    failure = StartFailure.NO_PROGRAM if is_old_crun else _in_text(text, re.escape(program))
    return replace(status, code=None, message=text, failure=failure) if failure else status


def _in_message(message: str) -> StartFailure:
    """Return the failure in ``message`` of a Status object, which the container cannot write."""
    failure = _in_text(message, _ANY_PROGRAM)
    if failure:
        return failure
    if _UNREACHABLE.search(message):
        return StartFailure.NODE_UNREACHABLE
    return next((failure for pattern, failure in _UNNAMED if pattern.search(message)), StartFailure.OTHER)


def _in_text(text: str, program: str) -> StartFailure | None:
    for patterns, failure in ((_MISSING, StartFailure.NO_PROGRAM), (_DENIED, StartFailure.NOT_EXECUTABLE)):
        for pattern in patterns:
            if re.search(pattern.replace("%s", program), text, re.IGNORECASE):
                return failure
    return None
