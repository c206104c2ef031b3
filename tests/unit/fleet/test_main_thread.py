"""main_thread.py: functions of threads run in the main thread, and after an abort in their own."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from threading import Thread, current_thread, main_thread

import pytest

from debugcapture.fleet.main_thread import MainThread


def test_the_main_thread_runs_the_functions_of_threads_until_they_end() -> None:
    main = MainThread()
    with ThreadPoolExecutor(3) as pool:
        threads = [pool.submit(main.call, current_thread) for _ in range(9)]
        main.run_until(threads)
        assert {thread.result() for thread in threads} == {main_thread()}


def test_an_error_belongs_to_the_thread() -> None:
    main = MainThread()
    with ThreadPoolExecutor(1) as pool:
        threads: list[Future[object]] = [pool.submit(main.call, lambda: 1 / 0), pool.submit(main.call, lambda: 1)]
        main.run_until(threads)
    assert isinstance(threads[0].exception(), ZeroDivisionError)
    assert threads[1].result() == 1


def abort_in_the_main_thread() -> Thread:
    if current_thread() is main_thread():
        raise SystemExit(143)
    return current_thread()


def test_after_an_abort_each_thread_runs_its_own_functions() -> None:
    main = MainThread()
    with ThreadPoolExecutor(2) as pool:
        threads = [pool.submit(main.call, abort_in_the_main_thread) for _ in range(4)]
        with pytest.raises(SystemExit):
            main.run_until(threads)
        main.release()
        assert main_thread() not in {thread.result() for thread in threads}
