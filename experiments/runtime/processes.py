"""Worker processes, and waiting for them, so that an interrupt ends all of them quietly."""

from __future__ import annotations

import multiprocessing
import signal
import sys
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeVar

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")


@contextmanager
def worker_processes(
    count: int, start: Callable[..., object] | None = None, *arguments: Any
) -> Iterator[WorkerPool]:
    """Give processes that run tasks, and end them: at an exception without waiting for a task.

    Parameters
    ----------
    count
        Number of processes.
    start, arguments
        What each process calls first.
    """
    # TensorFlow's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    pool = WorkerPool(count, context, initializer=start, initargs=arguments)
    try:
        yield pool
    except BaseException:
        for process in multiprocessing.active_children():
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


class WorkerPool(ProcessPoolExecutor):
    """A pool whose processes leave interrupts to the one that started them."""

    def submit(
        self,
        fn: Callable[_Parameters, _Result],
        /,
        *args: _Parameters.args,
        **kwargs: _Parameters.kwargs,
    ) -> Future[_Result]:
        """Schedule a call; a process that is started for it inherits that interrupts are held."""
        with _interrupts_held():
            return super().submit(fn, *args, **kwargs)


def completed(futures: Collection[Future[_Result]]) -> Iterator[Future[_Result]]:
    """Yield futures as they end.

    As `concurrent.futures.as_completed`, in which an interrupt at the moment that a future ends
    can break a lock (`threading.Condition.wait` then raises ``RuntimeError: release unlocked
    lock``); the queue used here waits in C.
    """
    ended: SimpleQueue[Future[_Result]] = SimpleQueue()
    for future in futures:
        future.add_done_callback(ended.put)
    for _ in range(len(futures)):
        yield ended.get()


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold SIGINT back from this thread, and for good from processes that it starts."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
