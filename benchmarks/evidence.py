"""Writes large evidence, with the numbers of threads, lines and goroutines of real captures."""

from collections.abc import Callable, Iterator
from pathlib import Path

_FRAMES = 30
_JAVACORE_BYTES, _LOG_BYTES = 17_000_000, 100_000_000
_MESSAGES = (
    "INFO  [http-{thread}] com.shop.web.Orders - order {number} received from 10.0.{a}.{b}",
    "INFO  [http-{thread}] com.shop.store.Items - read {a} items in {b} ms",
    "WARN  [http-{thread}] com.shop.pay.Client - attempt {a} of payment {number} took {b} ms",
    "DEBUG [pool-{thread}] com.shop.mail.Sender - mail {number} queued",
)
_FAILURE = (
    "ERROR [http-{thread}] com.shop.pay.Client - payment {number} failed",
    "java.net.ConnectException: Connection refused",
    *(f"\tat com.shop.pay.Client.call{depth}(Client.java:{depth + 20})" for depth in range(12)),
)


def write_evidence(folder: Path) -> dict[str, Path]:
    """Write a file of each kind to ``folder``. Return the files by their descriptions."""
    writers: dict[str, Callable[[], Iterator[str]]] = {
        "1,000 threads": _thread_dump,
        "100 MB of log": _log,
        "17 MB of javacore": _javacore,
        "20,000 goroutines": _goroutines,
    }
    files = {kind: folder / f"{number}.txt" for number, kind in enumerate(writers)}
    for kind, path in files.items():
        with path.open("w", encoding="utf-8") as file:
            file.writelines(line + "\n" for line in writers[kind]())
    return files


def _thread_dump() -> Iterator[str]:
    yield from (
        "2026-11-30 01:02:03",
        "Full thread dump OpenJDK 64-Bit Server VM (21.0.4+7-LTS mixed mode, sharing):",
        "",
    )
    for number in range(1000):
        lock, owned = f"0x{number % 40:016x}", f"0x{number + 4096:016x}"
        name = f"http-nio-8080-exec-{number}"
        yield f'"{name}" #{number} [{number}] daemon prio=5 os_prio=0 cpu={number}.12ms elapsed=900.10s'
        yield f"   java.lang.Thread.State: {'BLOCKED (on object monitor)' if number % 2 else 'RUNNABLE'}"
        for depth in range(_FRAMES):
            yield f"\tat com.shop.layer{depth}.Service{number % 7}.call(Service{number % 7}.java:{depth + 10})"
            if depth == 0 and number % 2:
                yield f"\t- waiting to lock <{lock}> (a com.shop.Cart)"
            if depth == 3:
                yield f"\t- locked <{owned}> (a com.shop.Order)"
        yield ""


def _log() -> Iterator[str]:
    size, number = 0, 0
    while size < _LOG_BYTES:
        lines = _FAILURE if number % 97 == 0 else (_MESSAGES[number % len(_MESSAGES)],)
        second = number // 200
        time = f"2026-11-30T{second // 3600 % 24:02}:{second // 60 % 60:02}:{second % 60:02}.{number % 1000:03}Z"
        for index, line in enumerate(lines):
            text = line.format(thread=number % 50, number=number, a=number % 251, b=number % 83)
            yield (text := text if index else f"{time} {text}")
            size += len(text) + 1
        number += 1


def _javacore() -> Iterator[str]:
    yield from ("0SECTION       TITLE subcomponent dump routine", "1TIDATETIME    Date: 2026/11/30 at 01:02:03:407")
    yield from ("0SECTION       THREADS subcomponent dump routine", "1XMTHDINFO     Thread Details")
    size, number = 0, 0
    while size < _JAVACORE_BYTES:
        for line in _javacore_thread(number):
            yield line
            size += len(line) + 1
        number += 1


def _javacore_thread(number: int) -> Iterator[str]:
    address = f"0x{number:016X}"
    ids = f"J9VMThread:{address}, omrthread_t:0x1, java/lang/Thread:0x2"
    yield f'3XMTHREADINFO      "worker-{number}" {ids}, state:P, prio=5'
    yield f"3XMJAVALTHREAD            (java/lang/Thread getId:0x{number:X}, isDaemon:true)"
    yield f"3XMCPUTIME               CPU usage total: {number % 90}.156250000 secs, user: 0.07 secs, system: 0.07 secs"
    yield "3XMTHREADINFO3           Java callstack:"
    for depth in range(_FRAMES):
        method = f"com/shop/layer{depth}/Service{number % 7}.call"
        yield f"4XESTACKTRACE                at {method}(Service.java:{depth + 10})"


def _goroutines() -> Iterator[str]:
    for number in range(1, 20_001):
        yield f"goroutine {number} [{'chan receive' if number % 3 else 'semacquire'}, {number % 40} minutes]:"
        for depth in range(8):
            yield f"example.com/shop/layer{depth}.(*Service{number % 7}).Call(0xc{number:09x}, 0x{depth})"
            yield f"\t/src/layer{depth}/service.go:{depth + 31} +0x55"
        yield ""
