"""start_failures.py: every runtime words a failed start in its own way, and containers cannot imitate them."""

from __future__ import annotations

import pytest

from debugcapture.kube.start_failures import with_start_failure
from debugcapture.model import ExitStatus, StartFailure

NO_PROGRAM, NOT_EXECUTABLE = StartFailure.NO_PROGRAM, StartFailure.NOT_EXECUTABLE
EXEC = 'error executing command in container: failed to exec in container: failed to start exec "4f1c": '

# Messages of a Status object without an exit code.
MESSAGES = {
    "containerd and runc": (
        EXEC + 'OCI runtime exec failed: exec failed: unable to start container process: exec: "jcmd": '
        "executable file not found in $PATH: unknown",
        NO_PROGRAM,
    ),
    "containerd and an old runc": (
        EXEC + "OCI runtime exec failed: exec failed: container_linux.go:345: starting container process caused "
        '"exec: \\"jcmd\\": executable file not found in $PATH": unknown',
        NO_PROGRAM,
    ),
    "runc, by path": (
        EXEC + 'OCI runtime exec failed: exec failed: unable to start container process: exec: "/bin/jcmd": '
        "stat /bin/jcmd: no such file or directory: unknown",
        NO_PROGRAM,
    ),
    "containerd and crun": (
        EXEC + "OCI runtime exec failed: executable file `jcmd` not found in $PATH: No such file or directory: unknown",
        NO_PROGRAM,
    ),
    "Kata": (
        EXEC + 'Others("failed to handler message handler request\\n\\nCaused by:\\n    0: start process\\n'
        '    4: rpc status: code: INTERNAL message: \\"the file jcmd was not found\\""): unknown',
        NO_PROGRAM,
    ),
    "gVisor": (
        EXEC + 'OCI runtime exec failed: executing processes for container: error finding executable "jcmd" in PATH '
        "[/bin /usr/bin]: no such file or directory: unknown",
        NO_PROGRAM,
    ),
    "youki": (EXEC + "exec process failed with error: executable 'jcmd' for container not found", NO_PROGRAM),
    "runc, not executable": (
        EXEC + 'OCI runtime exec failed: exec failed: unable to start container process: exec: "/app/jcmd": '
        "permission denied: unknown",
        NOT_EXECUTABLE,
    ),
    "runc, another architecture": (
        EXEC + "OCI runtime exec failed: exec failed: unable to start container process: exec /app/jcmd: "
        "exec format error: unknown",
        NOT_EXECUTABLE,
    ),
    "crun, not executable": (
        EXEC + "OCI runtime exec failed: open executable: Permission denied: unknown",
        NOT_EXECUTABLE,
    ),
    "crun, by path": (
        EXEC + "OCI runtime exec failed: executable file `/bin/jcmd` not found: No such file or directory: unknown",
        NO_PROGRAM,
    ),
    "crun, a file without the permission": (
        EXEC + "OCI runtime exec failed: path `/bin/jcmd` exists but it is not executable: unknown",
        NOT_EXECUTABLE,
    ),
    "crun, another architecture": (
        EXEC + "OCI runtime exec failed: exec `/bin/jcmd`: Exec format error: unknown",
        NOT_EXECUTABLE,
    ),
    "an old crun, another architecture": (
        EXEC + "OCI runtime exec failed: exec: Exec format error: unknown",
        NOT_EXECUTABLE,
    ),
    "crun, no loader": (
        EXEC + "OCI runtime exec failed: exec container process (missing dynamic library?) `/bin/jcmd`: "
        "No such file or directory: unknown",
        NOT_EXECUTABLE,
    ),
    "krun": ("Couldn't execute 'jcmd' inside the vm: No such file or directory", NO_PROGRAM),
    "runc, no loader": (
        EXEC + "OCI runtime exec failed: exec failed: unable to start container process: exec /usr/bin/jcmd: "
        "no such file or directory: unknown",
        NO_PROGRAM,
    ),
    "an old runc, no loader": (
        EXEC + "OCI runtime exec failed: exec failed: container_linux.go:380: starting container process caused: "
        "exec user process caused: no such file or directory: unknown",
        NO_PROGRAM,
    ),
    "runc, below a file": (
        EXEC + 'OCI runtime exec failed: exec failed: unable to start container process: exec: "/etc/passwd/jcmd": '
        "stat /etc/passwd/jcmd: not a directory: unknown",
        NO_PROGRAM,
    ),
    "runc, a volume without execution": (
        EXEC + "OCI runtime exec failed: exec failed: unable to start container process: exec /tmp/jcmd: "
        "operation not permitted: unknown",
        NOT_EXECUTABLE,
    ),
    "Kata in Go": (EXEC + "rpc error: code = Internal desc = ENOENT: No such file or directory: unknown", NO_PROGRAM),
    "Kata 1": (
        EXEC + "rpc error: code = Internal desc = Could not run process: container_linux.go:349: starting container "
        'process caused "exec: \\"jcmd\\": executable file not found in $PATH": unknown',
        NO_PROGRAM,
    ),
    "Kata, not executable": (
        EXEC + "rpc error: code = Internal desc = EACCES: Permission denied: unknown",
        NOT_EXECUTABLE,
    ),
    "gVisor, by path": (
        EXEC + "OCI runtime exec failed: executing processes for container: executing [/bin/jcmd] in sandbox: "
        "failed to load /bin/jcmd: no such file or directory: unknown",
        NO_PROGRAM,
    ),
    "an old youki": (
        EXEC + "OCI runtime exec failed: executable '/bin/jcmd' for container process does not exist: unknown",
        NO_PROGRAM,
    ),
    "youki, not executable": (
        EXEC + 'OCI runtime exec failed: file "/bin/jcmd" does not have executable permission set: unknown',
        NOT_EXECUTABLE,
    ),
    "Windows": (
        EXEC + "hcs::System::CreateProcess 3c1f: The system cannot find the file specified.: unknown",
        NO_PROGRAM,
    ),
    "Windows and Docker": (
        "container 40c1 encountered an error during CreateProcess: failure in a Windows system call: "
        "The system cannot find the file specified. (0x2)",
        NO_PROGRAM,
    ),
    "Windows, not executable": (
        EXEC + "hcs::System::CreateProcess 3c1f: Access is denied.: unknown",
        NOT_EXECUTABLE,
    ),
    "the runtime cannot execute itself": (
        EXEC + "OCI runtime exec failed: exec failed: container_linux.go:380: starting container process caused: "
        "process_linux.go:99: starting setns process caused: fork/exec /proc/self/exe: operation not permitted",
        StartFailure.OTHER,
    ),
    "the working directory": (
        EXEC + "OCI runtime exec failed: exec failed: unable to start container process: chdir to cwd "
        '("/root") set in config.json failed: permission denied: unknown',
        StartFailure.OTHER,
    ),
    "no terminal": (
        EXEC + "OCI runtime exec failed: exec failed: unable to start container process: open /dev/pts/0: "
        "operation not permitted: unknown",
        StartFailure.OTHER,
    ),
    "a node behind k3s": (
        "error dialing backend: proxy error from 127.0.0.1:6443 while dialing 10.0.0.7:10250, code 502",
        StartFailure.NODE_UNREACHABLE,
    ),
    "no node": (
        "error dialing backend: dial tcp 10.0.0.7:10250: connect: connection refused",
        StartFailure.NODE_UNREACHABLE,
    ),
    "no tunnel to the node": ("error dialing backend: No agent available", StartFailure.NODE_UNREACHABLE),
    "the end of a kubelet": ("error dialing backend: EOF", StartFailure.NODE_UNREACHABLE),
    "the runtime's own file": (
        EXEC + "failed to retrieve OCI runtime exec pid: open /run/containerd/x.pid: no such file or directory",
        StartFailure.OTHER,
    ),
    "a container that has ended": ('container not found ("app")', StartFailure.OTHER),
    "nothing": ("", StartFailure.OTHER),
}


@pytest.mark.parametrize(("message", "failure"), MESSAGES.values(), ids=MESSAGES)
def test_the_message_of_a_status_shows_why_the_program_did_not_start(message: str, failure: StartFailure) -> None:
    status = with_start_failure(ExitStatus(None, "InternalError", message), "jcmd", b"", has_output=False)
    assert status == ExitStatus(None, "InternalError", message, failure)
    assert status.not_found is (failure in (NO_PROGRAM, NOT_EXECUTABLE))


# CRI-O passes on the exit code of the OCI runtime, and what it writes.
ERRORS = {
    "crun": (255, "executable file `jcmd` not found in $PATH: No such file or directory\n", NO_PROGRAM),
    "crun with its name": (
        255,
        "2026-11-29T10:00:00.000000Z: executable file `jcmd` not found in $PATH: No such file or directory\n",
        NO_PROGRAM,
    ),
    "an old crun": (1, "executable file `jcmd` not found in $PATH: No such file or directory\n", NO_PROGRAM),
    "runc": (255, 'exec: "jcmd": executable file not found in $PATH\n', NO_PROGRAM),
    "runc with a log line": (
        255,
        'time="2026-11-29T10:00:00Z" level=error msg="exec failed: unable to start container process: '
        'exec: \\"jcmd\\": executable file not found in $PATH"\n',
        NO_PROGRAM,
    ),
    "crun's new words": (255, "exec `/usr/bin/jcmd`: Exec format error\n", NOT_EXECUTABLE),
    "crun, not executable": (255, "path `/bin/jcmd` exists but it is not executable\n", NOT_EXECUTABLE),
    "a crun without names": (1, "executable file not found in $PATH: No such file or directory\n", NO_PROGRAM),
    "runc, twice": (
        255,
        'time="2026-11-29T10:00:00Z" level=error msg="exec failed: container_linux.go:380: starting container process '
        'caused: exec: \\"jcmd\\": executable file not found in $PATH"\nexec failed: container_linux.go:380: starting '
        'container process caused: exec: "jcmd": executable file not found in $PATH\n',
        NO_PROGRAM,
    ),
    "gVisor": (128, "executing [jcmd] in sandbox: failed to load jcmd: no such file or directory\n", NO_PROGRAM),
    "128": (128, 'exec failed: unable to start container process: exec: "jcmd": permission denied\n', NOT_EXECUTABLE),
}


@pytest.mark.parametrize(("code", "errors", "failure"), ERRORS.values(), ids=ERRORS)
def test_what_the_runtime_writes_counts_where_the_status_is_that_of_the_runtime(
    code: int, errors: str, failure: StartFailure
) -> None:
    status = ExitStatus(code, "NonZeroExitCode", f"command terminated with exit code {code}")
    read = with_start_failure(status, "jcmd", errors.encode(), has_output=False)
    assert read == ExitStatus(None, "NonZeroExitCode", errors.strip(), failure)


LINE = "executable file `jcmd` not found in $PATH: No such file or directory\n"


@pytest.mark.parametrize(
    ("code", "program", "errors", "has_output"),
    [
        (255, "jcmd", LINE, True),
        (255, "py-spy", LINE, False),
        (3, "jcmd", LINE, False),
        (0, "jcmd", LINE, False),
        (255, "jcmd", "Error\n" * 10 + LINE, False),
        (255, "jcmd", "java.io.IOException: No such file or directory\n", False),
        (255, "jcmd", "", False),
        (1, "jcmd", "it failed: executable file not found in $PATH\n", False),
        (1, "cat", "cat: x: No such file or directory\n", False),
    ],
    ids=[
        "output",
        "another program",
        "its own code",
        "success",
        "many lines",
        "its own words",
        "none",
        "no name",
        "cat",
    ],
)
def test_what_a_program_writes_itself_is_its_result(code: int, program: str, errors: str, has_output: bool) -> None:
    status = ExitStatus(code, "NonZeroExitCode", "it failed")
    assert with_start_failure(status, program, errors.encode(), has_output=has_output) == status


@pytest.mark.parametrize(("code", "failure"), [(126, NOT_EXECUTABLE), (127, NO_PROGRAM)])
def test_the_exit_codes_of_a_shell_stay_and_show_the_reason(code: int, failure: StartFailure) -> None:
    status = with_start_failure(ExitStatus(code), "sh", b"x: not found\n", has_output=True)
    assert (status.code, status.failure, status.not_found) == (code, failure, True)


@pytest.mark.parametrize("reason", ["StreamBroken", "TimeLimit", "BadStatus"])
def test_a_stream_without_an_end_says_nothing_about_the_program(reason: str) -> None:
    status = ExitStatus(None, reason, 'exec: "jcmd": executable file not found')
    assert with_start_failure(status, "jcmd", b"", has_output=False) == status
