"""Rules about crashes of the JVM itself."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from ...finding import EvidenceLines, Finding
from ..evidence import Line
from ..parsers.jvm_hs_err import HsErr
from ..subject import Rule

_JDK: Final = ("java.", "javax.", "jdk.", "sun.", "com.sun.")
_COMPILED: Final = frozenset({"%", "!", "s", "b", "n", "c1", "c2", "C1", "C2", "jvmci"})
_LIBRARY = re.compile(r"\[([^\]+]{1,200})\+0x[0-9a-f]+\]")
_LOADS: Final = ("dlopen", "JVM_LoadLibrary", "os::dll_load", "NativeLibraries.load", "NativeLibrary.load")
_HEAP_LIMIT = re.compile(r"-Xmx\S+|-XX:MaxRAMPercentage=\S+|-XX:MaxHeapSize=\S+")
_NO_THREAD: Final = ("Cannot create", "unable to create", "pthread_create", "native thread", "worker thread")
_TASKS: Final = "maximum number of tasks"
_LIMIT: Final = "memory_limit_in_bytes"


def jvm_crash(crash: HsErr) -> Iterator[Finding]:
    """The JVM crashed: a signal hit native code, compiled code, or the JVM itself. The frame says whose code it was.

    "C" is a native library, "V" the JVM, "J" Java code that the JIT compiler compiled, "j" interpreted Java code.
    Source: https://docs.oracle.com/en/java/javase/21/troubleshoot/troubleshoot-system-crashes.html.
    """
    if not crash.signal:
        return
    callers = _callers(crash)
    during = " while it loaded a native library (dlopen)" if _is_loading(crash) else ""
    frame = _short_frame(crash.frame) or "unknown code"
    in_what = {"J": "compiled Java code", "C": "native code", "V": "the JVM", "j": "Java code"}.get(crash.frame[:1], "")
    thread = f' on the thread "{crash.thread}"' if crash.thread else ""
    age = f" {crash.elapsed_s:.2f} s after its start" if crash.elapsed_s is not None else ""
    called = f" Called from {', '.join(callers)}." if callers else ""
    yield Finding(
        "critical",
        f"The JVM crashed with {crash.signal_name} in {frame}{thread}"[:240],
        f"{crash.signal.partition(', pid')[0]}{during}{age}, in {in_what or 'code'}: {crash.frame}.{called}"
        f"{f' {crash.siginfo}.' if crash.siginfo else ''}"[:560],
        _advice(crash),
        (
            crash.evidence.quote(
                crash.first, crash.frame_line or crash.first, f"#  {crash.signal}", f"# {crash.frame}"
            ),
            *_quotes(crash),
        ),
        directness=90,
        key=f"crash {crash.signal_name} {frame}",
    )


def jvm_crash_in_compiler(crash: HsErr) -> Iterator[Finding]:
    """The JIT compiler of the JVM crashed, and the log names the method that it compiled.

    The method can be excluded from compilation until the JVM is updated: `-XX:CompileCommand=exclude,CLASS::METHOD`.
    Source: https://docs.oracle.com/en/java/javase/21/troubleshoot/troubleshoot-system-crashes.html, "Working Around
    Crashes in the HotSpot Compiler".
    """
    if not crash.compiling:
        return
    method = next((word for word in crash.compiling.split() if "::" in word), crash.compiling)
    yield Finding(
        "warning",
        f"The JIT compiler crashed while it compiled {method}",
        f'Compile task: {crash.compiling}. Thread "{crash.thread}". JVM: {crash.version}.'[:500],
        f"Update the JVM. Until then: -XX:CompileCommand=exclude,{method}",
        (crash.evidence.quote(crash.compiling_line, crash.compiling_line, crash.compiling),),
        directness=70,
        key=f"compiler {method}",
    )


def jvm_crash_on_musl(crash: HsErr) -> Iterator[Finding]:
    """The crash happened in native code on Alpine Linux, whose C library is musl. Libraries for glibc do not fit it.

    Source: https://wiki.musl-libc.org/functional-differences-from-glibc.html; JEP 386, https://openjdk.org/jeps/386.
    """
    native = crash.frame.startswith("C") or _is_loading(crash)
    if not crash.signal or not crash.is_musl or not native:
        return
    number = crash.host_line or crash.libc_line
    text = f"Host: {crash.host}" if crash.host_line else f"libc:{crash.libc}"
    yield Finding(
        "warning",
        "The image is Alpine Linux (musl): native libraries that were built for glibc do not run there",
        f"Host: {crash.host}. C library: {crash.libc or 'musl'}. The crash is in native code: {crash.frame}.",
        "Use an image with glibc, or a build of the native library for musl.",
        (crash.evidence.quote(number, number, text),) if number else (),
        directness=75,
        key="musl",
    )


def jvm_thread_refused(crash: HsErr) -> Iterator[Finding]:
    """The JVM could not create a thread. The message speaks of memory, but often a limit of processes is the reason.

    The kernel refuses a thread if the container has reached `pids.max`, if the user has reached NPROC, or if the
    seccomp filter of an old container runtime does not know clone3. Source: pthread_create(3), EAGAIN and EPERM.
    """
    if not any(part in crash.message for part in _NO_THREAD):
        return
    age = f" {crash.elapsed_s:.2f} s after its start." if crash.elapsed_s is not None else ""
    yield Finding(
        "critical",
        f"The JVM could not create a thread: {crash.message}"[:200],
        f"{crash.error or 'The message speaks of memory, but the JVM asked for a thread'}.{age}"[:300],
        "Check the limit of processes of the container (pids.max, podPidsLimit) and the age of the container runtime.",
        (crash.evidence.quote(crash.message_line, crash.first or crash.message_line, f"# {crash.message}"),)
        if crash.message_line
        else (),
        directness=90 if crash.error else 78,  # the log of the program contains the reason
        key="thread refused",
    )
    limit = crash.limits.get(_LIMIT)
    if limit is None or not _is_unlimited(limit):
        return
    yield Finding(
        "warning",
        "A limit of the container's memory is not the reason",
        f"{limit.text}. {_heap(crash)}{_tasks(crash)}{_nproc(crash)}{_physical(crash)} The creation of "
        "the thread itself was refused.",
        "",
        (crash.evidence.quote(limit.number, limit.number, limit.text),),
        directness=60,
    )


def jvm_native_memory_exhausted(crash: HsErr) -> Iterator[Finding]:
    """The operating system refused memory that the JVM needs outside of the Java heap.

    The memory of the container or node is used up, by the heap, threads, buffers and native libraries together, or by
    other processes. Source: https://docs.oracle.com/en/java/javase/21/troubleshoot/troubleshoot-memory-leaks.html.
    """
    memory = crash.is_memory or "Out of Memory Error" in crash.error
    if not memory or any(part in crash.message for part in _NO_THREAD):
        return
    limit = crash.limits.get(_LIMIT)
    usage = crash.limits.get("memory_usage_in_bytes")
    container = "".join(f" {line.text}." for line in (limit, usage) if line)
    yield Finding(
        "critical",
        f"The JVM ended because the operating system gave it no more memory: {crash.message}"[:240],
        " ".join(
            part
            for part in (
                f"{(crash.message or 'Insufficient memory').rstrip('.')}.",
                f"{crash.error}." if crash.error else "",
                f"{_heap(crash)}{_physical(crash)}{container}".strip(),
            )
            if part
        ),
        "Compare -Xmx plus the memory of threads, metaspace and buffers with the limit of the container.",
        (
            crash.evidence.quote(crash.message_line, crash.message_line, f"# {crash.message}")
            if crash.message_line
            else crash.evidence.quote(crash.first or 1, crash.first or 1),
            *(
                (crash.evidence.quote(crash.memory_line, crash.memory_line, f"Memory: {crash.memory}"),)
                if crash.memory
                else ()
            ),
        ),
        directness=90,
        key="native memory",
    )


def jvm_internal_error(crash: HsErr) -> Iterator[Finding]:
    """The JVM found an inconsistency in itself and ended: a bug of the JVM, damaged memory, or a requested crash.

    With `-XX:+CrashOnOutOfMemoryError` it also ends this way when the Java heap is full. Source: JDK, debug.hpp.
    """
    if not crash.error.startswith("Internal Error"):
        return
    _, full, kind = crash.message.partition("OutOfMemory encountered: ")
    title = f"The JVM ended with an OutOfMemoryError: {kind}" if full else ""
    title = title or f"Internal error of the JVM: {crash.message or crash.error}"
    callers = _callers(crash)
    thread = f' Thread "{crash.thread}".' if crash.thread else ""
    called = f" Called from {', '.join(callers)}." if callers else ""
    yield Finding(
        "critical",
        title[:240],
        f"{crash.error}.{thread}{called} {_heap(crash)}JVM: {crash.version}."[:560],
        "Look at what fills the heap."
        if full
        else "Update the JVM; report the error if the newest version shows it too.",
        (
            crash.evidence.quote(
                crash.first, crash.message_line or crash.first, f"#  {crash.error}", f"#  {crash.message}"
            ),
        ),
        directness=88,
        key=f"internal error {crash.error.partition(',')[0]}",
    )


def jvm_out_of_memory_before_crash(crash: HsErr) -> Iterator[Finding]:
    """The JVM counted OutOfMemoryError before it crashed. Code that does not expect this can fail in any way.

    Source: JDK, vmError.cpp, "OutOfMemory and StackOverflow Exception counts".
    """
    counts = [line for line in crash.out_of_memory if "OutOfMemoryError" in line.text]
    if counts:
        yield Finding(
            "warning",
            "The JVM had run out of memory before it crashed",
            "; ".join(line.text.strip() for line in counts[:4]) + ".",
            "",
            (crash.evidence.quote(counts[0].number, counts[-1].number, *(line.text for line in counts[:4])),),
            directness=65,
        )


RULES: Sequence[Rule[HsErr]] = (
    jvm_crash,
    jvm_thread_refused,
    jvm_native_memory_exhausted,
    jvm_internal_error,
    jvm_crash_on_musl,
    jvm_crash_in_compiler,
    jvm_out_of_memory_before_crash,
)


def _is_loading(crash: HsErr) -> bool:
    """Return whether a native library was being loaded, before any other native code ran."""
    return any(part in line.text for line in crash.native_frames[:10] for part in _LOADS)


def _callers(crash: HsErr) -> list[str]:
    """Return the methods of the application on the stack: the innermost of each class."""
    classes: dict[str, str] = {}
    for line in (*crash.native_frames, *crash.java_frames):
        method = _java_method(line.text)
        if method and not method.startswith(_JDK):
            classes.setdefault(method.rpartition(".")[0], method)
    problematic = _java_method(crash.frame)
    return [method for method in classes.values() if method != problematic][:5]


def _java_method(frame: str) -> str:
    """Return the method in a frame such as `J 123 c2 com.x.Y.run()V (9 bytes)`; "" if it is not a frame of Java."""
    kind, *words = frame[:2000].split() or [""]
    if kind not in ("J", "j", "A"):
        return ""
    word = next((word for word in words if not word.isdigit() and word not in _COMPILED), "")
    method, parenthesis, _ = word.partition("(")
    return method if parenthesis else ""


def _short_frame(frame: str) -> str:
    """Return what the frame names: the function and the library, or the Java method."""
    if method := _java_method(frame):
        return method
    name = frame[1:].strip()
    library = _LIBRARY.search(name)
    function = name.rpartition("]")[2].strip() if library else ""
    function = function.partition("(")[0] + (
        "+" + function.rpartition("+")[2] if "+0x" in function and "(" in function else ""
    )
    if function and library:
        return f"{function} ({library.group(1)})"
    return library.group(1) if library else name


def _advice(crash: HsErr) -> str:
    if crash.compiling:
        return "Update the JVM: the crash is in its compiler."
    if crash.frame.startswith("J"):
        method = _java_method(crash.frame).rpartition(".")
        return (
            "Update the JVM: crashes in compiled code are often bugs of its compiler. To check it, exclude the method: "
            f"-XX:CompileCommand=exclude,{method[0]}::{method[2]}"
        )
    if crash.signal_name == "SIGBUS":
        return "SIGBUS often means that a mapped file was truncated, or that the volume that holds it is full."
    if crash.free_stack_kib is not None and crash.free_stack_kib < 8:
        return "The stack of the thread is used up: look for endless recursion, or raise -Xss."
    if crash.frame.startswith("C"):
        return "Look for a bug report or an update of the native library and of the Java code that calls it."
    return "Update the JVM; report the crash if the newest version shows it too."


def _quotes(crash: HsErr) -> list[EvidenceLines]:
    frames = crash.native_frames or crash.java_frames
    own = [line for line in frames if (method := _java_method(line.text)) and not method.startswith(_JDK)]
    lines = [*frames[:2], *(line for line in own[:3] if line not in frames[:2])]
    return [crash.evidence.quote(lines[0].number, lines[-1].number, *(line.text for line in lines))] if lines else []


def _heap(crash: HsErr) -> str:
    options = _HEAP_LIMIT.findall(crash.command_line)
    return f"{', '.join(options)}. " if options else ""


def _tasks(crash: HsErr) -> str:
    line = crash.limits.get(_TASKS)
    current = crash.limits.get("current number of tasks")
    return "".join(f"{item.text}. " for item in (line, current) if item)


def _nproc(crash: HsErr) -> str:
    match = re.search(r"NPROC \S+", crash.rlimit)
    return f"{match.group(0)}. " if match else ""


def _physical(crash: HsErr) -> str:
    return f"Memory: {crash.memory}." if crash.memory else ""


def _is_unlimited(limit: Line) -> bool:
    return limit.text.rpartition(":")[2].strip() in ("unlimited", "-1", "not supported", "max")
