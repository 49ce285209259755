"""Worker processes end with the one that started them, and at an interrupt say nothing."""

import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import Future
from functools import partial

import pytest

from experiments.runtime.processes import beside, completed, worker_processes


def _interrupt_this_process():
    os.kill(os.getpid(), signal.SIGINT)
    return "went on"


def test_a_worker_leaves_interrupts_to_the_one_that_started_it():
    with worker_processes(1) as pool:
        assert pool.submit(_interrupt_this_process).result() == "went on"
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


def test_an_exception_ends_workers_in_the_middle_of_a_task():
    waiting = []

    def interrupted_work():
        with worker_processes(2) as pool:
            waiting.extend(pool.submit(time.sleep, 3600) for _ in range(3))
            while not waiting[0].running():
                time.sleep(0.01)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted_work()
    assert all(future.done() for future in waiting)
    assert not multiprocessing.active_children()


def test_a_start_that_is_given_is_called_first():
    with worker_processes(1, os.putenv, "STARTED", "yes") as pool:
        assert pool.submit(os.system, '[ "$STARTED" = yes ]').result() == 0


def test_futures_come_in_the_order_in_which_they_end():
    futures = [Future() for _ in range(3)]
    futures[2].set_result("before")
    ending = completed(futures)
    assert next(ending).result() == "before"
    futures[1].set_exception(ValueError("second"))
    assert isinstance(next(ending).exception(), ValueError)
    futures[0].set_result("last")
    assert [future.result() for future in ending] == ["last"]


def test_an_interrupt_as_a_future_ends_breaks_no_lock(monkeypatch):
    """Where Ctrl-C strikes while a condition takes its lock again, Python's own wait breaks."""

    def struck(condition, state):
        if threading.current_thread() is threading.main_thread():
            raise KeyboardInterrupt
        as_it_was(condition, state)

    as_it_was = threading.Condition._acquire_restore
    future = Future()
    ender = threading.Thread(target=lambda: (time.sleep(0.1), future.set_result("ended")))
    ender.start()
    monkeypatch.setattr(threading.Condition, "_acquire_restore", struck)
    assert [ended.result() for ended in completed([future])] == ["ended"]
    monkeypatch.undo()
    ender.join()


def test_results_come_back_in_order_from_other_processes():
    with beside([partial(divmod, 7, 2), partial(divmod, 9, 2), os.getpid]) as results:
        first, second, process = results()
    assert (first, second) == ((3, 1), (4, 1))
    assert process != os.getpid()


def test_a_failure_is_told_with_its_traceback():
    with (
        beside([partial(divmod, 1, 0)]) as results,
        pytest.raises(ChildProcessError, match="ZeroDivisionError"),
    ):
        results()


def test_a_process_that_dies_is_noticed():
    with (
        beside([partial(os._exit, 3)]) as results,
        pytest.raises(ChildProcessError, match="without a result"),
    ):
        results()


def test_processes_end_with_the_block():
    started = time.monotonic()
    with beside([partial(time.sleep, 600)]):
        pass
    assert time.monotonic() - started < 60
