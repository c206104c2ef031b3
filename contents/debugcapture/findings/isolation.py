"""Isolates the explanation of each file: what its content does to a parser costs the findings of this file only.

A timer sends SIGPROF, and the handler of the signal raises TooSlow: between two instructions of Python, and inside of a
regular expression that takes exponential time, because the engine looks for signals as it backtracks (CPython,
Modules/_sre/sre_lib.h, 3.10 to 3.13). Python runs such a handler in the main thread only, and a regular expression
keeps the GIL, so no other thread can end it. What explains files in other threads therefore passes the work to the main
thread, as the workers of a fleet do; elsewhere, there is no limit. Lines are cut (evidence.LINE_BYTES), so that an
expression that takes quadratic time, which Python before 3.13 does not interrupt, ends soon. The limits are processor
time, so that a busy server does not cost findings.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf
from threading import current_thread, main_thread
from time import process_time
from types import FrameType
from typing import Final, TypeVar

from .evidence import Evidence

T = TypeVar("T")
U = TypeVar("U")
Unreadable = Callable[[Evidence, Exception], None]
_AGAIN_S: Final = 0.25
"""A parser can catch the exception, and Python ignores it in a finalizer. Therefore it is raised again."""


class TooSlow(Exception):  # noqa: N818 - the name says what is wrong with the file
    """The explanation of a file took too long. The message says how long."""


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """How many seconds of processor time explanations may take. `math.inf` is no limit."""

    file_s: float = 60.0
    """For what one file takes at a time: its parser, or its rules and pictures."""
    all_s: float = 300.0
    """For all files together."""


TIME_LIMITS: Final = TimeLimits()
"""Those of a capture. A file of 100 MB takes about one second."""


class Isolation:
    """Explains files one after the other, each within the limits."""

    def __init__(self, failed: Unreadable, limits: TimeLimits = TIME_LIMITS) -> None:
        """``failed`` is called with a file that cannot be explained, and the error."""
        self._failed, self._limits = failed, limits
        self._left_s = limits.all_s

    def run(self, file: Evidence, function: Callable[[], T], otherwise: U) -> T | U:
        """Return the result of ``function``, which explains ``file``, or ``otherwise`` after an error.

        An error is reported as one of the file: its content is hostile, and the other files still have to be explained.
        The function ends after the limit for one file, and is not called after that for all files.
        """
        start = process_time()
        try:
            with self._limited():
                return function()
        except Exception as error:  # noqa: BLE001 - any error that the content of a file can cause
            self._failed(file, error)
            return otherwise
        finally:
            self._left_s -= process_time() - start

    @contextmanager
    def _limited(self) -> Iterator[None]:
        limit_s = min(self._limits.file_s, self._left_s)
        if limit_s <= 0:
            raise TooSlow(f"earlier files took the {self._limits.all_s:g} s of processor time for all files")
        if limit_s == inf or current_thread() is not main_thread():
            yield
            return
        alarm = _Alarm(self._reason(limit_s))
        try:
            try:
                alarm.start(limit_s)
                yield
            finally:
                alarm.stop()
        except TooSlow:
            if limit_s == self._left_s:
                self._left_s = 0  # the clock of the timer is coarser, so that a rest would remain
            raise
        finally:
            alarm.stop()  # it can ring at the beginning of the other block

    def _reason(self, limit_s: float) -> str:
        if limit_s == self._limits.file_s:
            return f"this takes longer than {limit_s:g} s of processor time"
        return f"this takes longer than what is left of the {self._limits.all_s:g} s of processor time for all files"


class _Alarm:
    """Raises TooSlow in the main thread after a time, and again and again until it is stopped."""

    def __init__(self, reason: str) -> None:
        """``reason`` is the message of TooSlow."""
        self._reason, self._is_on = reason, False

    def start(self, seconds: float) -> None:
        """Start the timer."""
        signal.signal(signal.SIGPROF, self._ring)
        self._is_on = True
        signal.setitimer(signal.ITIMER_PROF, seconds, _AGAIN_S)

    def stop(self) -> None:
        """Stop the timer. The handler stays: a signal that is on its way would end a process without a handler."""
        self._is_on = False
        signal.setitimer(signal.ITIMER_PROF, 0)

    def _ring(self, _signal: int, _frame: FrameType | None) -> None:
        if self._is_on:
            raise TooSlow(self._reason)
