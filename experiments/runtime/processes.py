"""Work in other processes: a pool of workers that an interrupt ends quietly, and `beside`."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Collection, Iterator, Sequence
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


@contextmanager
def beside(works: Sequence[Callable[[], _Result]]) -> Iterator[Callable[[], list[_Result]]]:
    """Start each piece of work in a new process, and give a function that waits for the results.

    Unlike `multiprocessing`, this does not import the caller's main module, so it serves scripts
    and notebooks too. Each process has one BLAS thread. At the end of the block they end, whatever
    they are doing.

    Parameters
    ----------
    works
        Functions that can be pickled, as a `functools.partial` of one in a module.

    Yields
    ------
    callable
        Returns what each returned, in order; raises `ChildProcessError` if one failed.
    """
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", "from experiments.runtime.processes import serve; serve()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # A key that interrupts this process is not for that one.
            start_new_session=True,
            # Processes whose BLAS threads wait for each other's cores are many times slower.
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
        for _ in works
    ]
    try:
        for work, process in zip(works, processes, strict=True):
            assert process.stdin is not None
            with process.stdin as send:
                pickle.dump(work, send)
        yield lambda: [_receive(process) for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


def _receive(process: subprocess.Popen[bytes]) -> Any:
    assert process.stdout is not None
    try:
        value, failure = pickle.load(process.stdout)
    except EOFError:
        raise ChildProcessError("a process ended without a result: killed?") from None
    if failure:
        raise ChildProcessError(f"work in another process failed:\n{failure}")
    return value


def serve() -> None:
    """Do the work that comes on standard input, and write its result to standard output."""
    try:
        outcome = (pickle.load(sys.stdin.buffer)(), "")
    except Exception:
        outcome = (None, traceback.format_exc())
    # Nobody may be waiting any more.
    try:
        pickle.dump(outcome, sys.stdout.buffer)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        sys.stdout = None
