"""A capture leaves no process, zombie, listening socket or file in the target, also after `kill -9`.

EXCEPTIONS lists what cannot be removed, with the name under which docs/collectors.md describes it.
"""

from __future__ import annotations

import subprocess
import sys

import pytest

from lab.kubernetes.kubectl import Kubectl
from lab.paths import REPO
from lab.process import wait_until
from tests.cluster.deep import EVERY, Deep, Looks
from tests.cluster.traces import NOTHING, Changes, processes_of

pytestmark = pytest.mark.xdist_group("runtimes")
RUNTIMES = ("java17", "java25", "python", "node", "go", "native", "ruby", "php")
VARIANTS = ("full", "busybox", "bare")  # tools in the image; busybox only, as in Alpine; no shell
APPS = (
    *(f"{runtime}-{variant}" for runtime in RUNTIMES for variant in VARIANTS),
    *(f"{runtime}-{variant}" for runtime in ("dotnet31", "dotnet8", "dotnet10") for variant in ("busybox", "bare")),
)
# Traces that stay after a capture, by workload: a pattern, and the name in docs/collectors.md.
_ATTACHED = {r"(unix )?/tmp/\.java_pid1(\.tmp)?": "/tmp/.java_pidN"}
_OWN_GDB = {r"gdb: +\(zombie\)": "gdb (zombie)"}
EXCEPTIONS = {
    **{f"{runtime}-{variant}": _ATTACHED for runtime in ("java17", "java25") for variant in VARIANTS},
    "native-full": _OWN_GDB,
    "php-full": _OWN_GDB,
}
# What a killed tool cannot remove.
AFTER_KILL = {
    r"/tmp/debug-capture-[0-9a-f]{8}\.\S+": "/tmp/debug-capture-*",
    r"/tmp/20\d\d(_\d\d){5}_1(/.*)?": "/tmp/2026_11_29_19_08_29_1",
}
NAMES = sorted({name for names in (*EXCEPTIONS.values(), AFTER_KILL) for name in names.values()})
_DEBUG_TIME_LIMIT_S = 60
# The longest tool that may be running at that time. Each tool ends at its time limit at the latest.
_ENDS_S = 180


@pytest.mark.parametrize("app", APPS)
def test_a_deep_capture_leaves_nothing(app: str, deep: Deep) -> None:
    ran = [artifact for artifact in deep.of(app) if artifact.file and artifact.origin in ("exec", "debug-container")]
    assert ran, "no tool ran in it"
    # A JVM removes what a killed capture of an earlier run left.
    assert deep.changes[app].without(EXCEPTIONS.get(app, {}), removed=AFTER_KILL) == NOTHING


@pytest.fixture(scope="module")
def after_kill(kubectl: Kubectl, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Changes]:
    """The traces of a second capture that is killed while it profiles, after its tools have ended."""
    before = Looks.take(kubectl)
    program = "import sys; from tests.cluster.captures import captured; captured(**eval(sys.argv[1]))"
    options = EVERY | {"debug_time_limit_s": str(_DEBUG_TIME_LIMIT_S)}
    arguments = f"{{'spool': __import__('pathlib').Path({str(tmp_path_factory.mktemp('spool'))!r})}} | {options!r}"
    with subprocess.Popen([sys.executable, "-c", program, arguments], cwd=REPO) as capture:
        try:
            profiled = before.first["python-busybox"]
            wait_until(
                "a profile that is being taken",
                lambda: any("py-spy record" in process for process in processes_of([profiled])[profiled]),
                120,
            )
        finally:
            capture.kill()
    return before.settled(_ENDS_S)


@pytest.mark.parametrize("app", APPS)
def test_a_capture_that_is_killed_leaves_no_process_and_no_socket(app: str, after_kill: dict[str, Changes]) -> None:
    named = [*EXCEPTIONS.get(app, {}), *AFTER_KILL]
    assert after_kill[app].without(named) == NOTHING


@pytest.mark.parametrize("name", NAMES)
def test_page_names_what_remains(name: str) -> None:
    assert f"`{name}`" in (REPO / "docs" / "collectors.md").read_text()
