"""Rules about Java applications that do not finish their start."""

import re
from collections.abc import Iterator
from typing import Final

from ...finding import Finding
from ..parsers.jvm_model import Frame, JavaThread, ThreadDump, ThreadDumps
from .jvm_activity import activity_of, describe, frames_text
from .jvm_deadlocks import deadlocks_of

_DEPTH: Final = 5  # frames that can show the reason of a wait
_STARTERS: Final = re.compile(
    r"(?:main|restartedMain|MSC service thread .*|localhost-startStop-\d+|Catalina-startStop-.*|Catalina-utility-\d+|"
    r"ServerService Thread Pool.*|Server Startup.*|Start Level.*|background-preinit|ContainerBase-startStop.*|"
    r"weblogic\.kernel\.Default.*|\[STANDBY\].*|\[ACTIVE\].*|main-thread|Default Executor-thread-\d+|AsyncAppStarter.*|"
    r"WebSphere.*start.*|Controller Boot Thread|Test worker|ForkJoinPool-1-worker-1)$"
)
_START_METHODS: Final = re.compile(
    r"(?:start|startUp|startup|init|initialize|initialise|initialized|contextInitialized|afterPropertiesSet|"
    r"postConstruct|onStartup|onStart|onApplicationEvent|deploy|bootstrap|boot|beforeAll|beforeEach|setUp|setUpClass|setup|"
    r"configure|refresh|load|loadAll|activate|open|<clinit>|<init>|initServletBean|doStart|startInternal|"
    r"migrate|warmUp|warmup|createBean|install|launch|prepare|initBean|initInternal|startService|registerBeans?)$"
)
# Waits of an application that has started and only keeps its main thread: these are its normal end.
_KEEPS_RUNNING: Final = re.compile(
    r"(?:await\w*|wait\w*|join|"
    r"blockUntil\w*|keepAlive|runForever|main|run|loop|mainLoop|eventLoop|block|hang|sync|syncUninterruptibly|"
    r"serve\w*|listen|idle|park|startListening)$"
)
# The thread waits for another one that starts the application, and shows what the start waits for.
_JOIN: Final = ("java.lang.Thread.join",)
# Spring Boot calls the work of a program without a web server in these, after its start.
_RUNNERS: Final = ("SpringApplication.callRunner", "SpringApplication.callRunners")
_DEPLOYMENT: Final = (
    "contextInitialized",
    "ServiceControllerImpl$StartTask.startService",
    "WebDeploymentService.start",
    "StandardContext.startInternal",
    "StandardContext.start",
    "SpringApplication.run",
    "AbstractApplicationContext.refresh",
    "ServletContextInitializer.onStartup",
    "GenericServlet.init",
)


def java_start_waits(dumps: ThreadDumps) -> Iterator[Finding]:
    """The thread that starts the application waits inside a method of the start: the application does not get ready.

    It sleeps in a loop, waits for another component, or reads from the network. After the start, a main thread either
    has ended or waits in a method such as `await` or `join`, which is normal. Source: the names of the methods that
    Servlet containers, Spring, JBoss Modular Service Container and JUnit call at the start.
    """
    dump = dumps.last
    stuck = {name for deadlock in deadlocks_of(dump) for name in deadlock.names}
    starting = [thread for thread in dump.java_threads if _waits_in_start(thread) and thread.name not in stuck]
    starting.sort(key=lambda thread: (-_weight(thread), thread.line))
    for thread in starting[:1]:
        yield _start_finding(dumps, dump, thread)


def _waits_in_start(thread: JavaThread) -> bool:
    if _STARTERS.match(thread.name) is None or activity_of(thread) not in (
        "sleeps",
        "waits",
        "future",
        "latch",
        "semaphore",
        "reads",
        "resolves",
    ):
        return False
    waiting = _waits_in(thread)
    start = _start_frame(thread)
    if waiting is None or start is None or thread.frame_of(_RUNNERS) or thread.frame_of(_JOIN, _DEPTH):
        return False
    if _is_deployment(thread):
        return True
    if waiting is start:
        # A program may do its work, or wait for its end, in a method `start` that `main` calls.
        if thread.wait == "notify" and thread.state == "WAITING":
            return False
        return _caller_of(thread, start) not in ("main", "run", "")
    return _KEEPS_RUNNING.match(waiting.method) is None


def _waits_in(thread: JavaThread) -> Frame | None:
    """Return the frame that waits: the innermost one outside of the JDK."""
    return next(
        (frame for frame in thread.frames if not frame.call.startswith(("java.", "javax.", "jdk.", "sun."))), None
    )


def _start_frame(thread: JavaThread) -> Frame | None:
    """Return the innermost frame of a method of the start, which is not far from the wait."""
    own = [frame for frame in thread.frames if not frame.call.startswith(("java.", "jdk.", "sun."))]
    near = next((frame for frame in own[:6] if _START_METHODS.match(frame.method)), None)
    return near or next((frame for frame in own if _is_deployment_frame(frame)), None)


def _caller_of(thread: JavaThread, start: Frame) -> str:
    """Return the method of the application that calls ``start``; "" if there is none."""
    own = [frame for frame in thread.frames if not frame.call.startswith(("java.", "jdk.", "sun."))]
    position = own.index(start)
    return own[position + 1].method if position + 1 < len(own) else ""


def _is_deployment(thread: JavaThread) -> bool:
    return any(_is_deployment_frame(frame) for frame in thread.frames)


def _is_deployment_frame(frame: Frame) -> bool:
    return frame.call.endswith(_DEPLOYMENT)


def _weight(thread: JavaThread) -> int:
    return 2 * _is_deployment(thread) + (thread.name == "main")


def _start_finding(dumps: ThreadDumps, dump: ThreadDump, thread: JavaThread) -> Finding:
    waiting = _waits_in(thread)
    steps = [frame for frame in thread.frames if _is_step(frame)]
    called = [f"{frame.call}({frame.place})" for frame in steps if frame is not waiting][:3]
    age = f", {thread.elapsed_s:.0f} s after its start" if thread.elapsed_s else ""
    cpu = f" It used {thread.cpu_s:.1f} s of CPU." if thread.cpu_s is not None else ""
    monitor = f" It waits to be notified by {thread.waits_for}." if thread.wait == "notify" and thread.waits_for else ""
    endless = thread.state == "WAITING" or _is_deployment(thread)
    return Finding(
        "critical" if endless else "warning",
        f"The start does not continue: {thread.label} {describe(dump, thread)}"[:240],
        f"{thread.label} is in {waiting.call if waiting else ''}({waiting.place if waiting else ''}){age}."
        f"{f' It was called from {chr(44).join(called)}.'.replace(',', ', ') if called else ''}{monitor}{cpu}",
        "Find out what this method waits for.",
        (dumps.quote_thread(thread, *frames_text(thread, 5)),),
        directness=72,
        key=f"start {waiting.call if waiting else ''}",
    )


def _is_step(frame: Frame) -> bool:
    """Return whether the frame is a step of the start that an operator recognizes."""
    own = not frame.call.startswith(("java.", "javax.", "jdk.", "sun."))
    return own and (_is_deployment_frame(frame) or _START_METHODS.match(frame.method) is not None)
