"""Runs functions of other threads in the main thread. Only there, a function that takes too long can be interrupted.

Source: Python documentation, signal, "Signals and threads".
"""

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")


class _Released(Exception):  # noqa: N818 - no error
    """The main thread does not run the function."""


class MainThread:
    """The functions that wait for the main thread."""

    def __init__(self) -> None:
        """No function waits yet."""
        self._tasks: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._is_released = False

    def call(self, function: Callable[[], T]) -> T:
        """Return the result of ``function``, or raise its error, after the main thread has run it.

        If the main thread was released, it runs in this thread. It runs here again if an abort interrupted it.
        """
        future: Future[T] = Future()
        self._tasks.put((future, function))
        if self._is_released:
            self.release()
        try:
            return future.result()
        except _Released:
            return function()

    def run_until(self, threads: Sequence[Future[Any]]) -> None:
        """Run the functions of ``threads`` until all of them have ended. The main thread calls this once."""
        for thread in threads:
            thread.add_done_callback(lambda _thread: self._tasks.put(None))
        left = len(threads)
        while left:
            task = self._tasks.get()
            if task is None:
                left -= 1
            else:
                _run(*task)

    def release(self) -> None:
        """Let each thread run its own functions from now on. It is called if `run_until` is interrupted."""
        self._is_released = True
        while True:
            try:
                task = self._tasks.get_nowait()
            except Empty:
                return
            if task is not None:
                task[0].set_exception(_Released())


def _run(future: Future[T], function: Callable[[], T]) -> None:
    try:
        result = function()
    except Exception as error:  # noqa: BLE001 - the thread that waits for the function handles it
        future.set_exception(error)
    except BaseException:
        future.set_exception(_Released())
        raise
    else:
        future.set_result(result)
