"""Worker processes: each runs one task at a time, and one that is lost costs its own task only.

They end with the process that started them, also where that is killed; an interrupt ends all of
them quietly.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pickle
import signal
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from queue import SimpleQueue
from time import monotonic
from typing import Any, ParamSpec, TypeVar

from experiments.runtime.lifeline import end_with
from experiments.runtime.memory import used_bytes

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")

ATTEMPTS = 2
"""So often a task is tried whose process is lost: it may have been another's fault."""

_LOOK = 0.2
"""Seconds between two looks at limits."""


class WorkerLostError(Exception):
    """The process of a task ended in the middle of it; the message says how."""


class TimeLimitError(Exception):
    """A task took longer than it may."""


class MemoryLimitError(Exception):
    """A task needed more memory than it may."""


@dataclass(frozen=True)
class Limits:
    """What a task may take.

    Attributes
    ----------
    seconds
        From its start; None: any.
    bytes
        Of memory that its process, and those which it starts, hold at a time; None: any.
    """

    seconds: float | None = None
    bytes: int | None = None


NO_LIMITS = Limits()


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
    pool = WorkerPool(count, None if start is None else partial(start, *arguments))
    try:
        yield pool
    finally:
        pool.close()


@dataclass
class _Task:
    call: Callable[[], Any]
    future: Future[Any]
    limits: Limits
    on_told: Callable[..., None]
    attempts: int = 0


@dataclass
class _Worker:
    process: Any
    connection: Connection
    task: _Task | None = None
    began: float = field(default=0.0)


class WorkerPool:
    """Processes that run tasks, started when there is something to do.

    Parameters
    ----------
    count
        How many at most.
    start
        What each calls first.
    """

    def __init__(self, count: int, start: Callable[[], object] | None = None) -> None:
        self._count = count
        self._start = start
        # TensorFlow's threads do not survive a fork.
        self._context = multiprocessing.get_context("spawn")
        self._waiting: deque[_Task] = deque()
        self._workers: list[_Worker] = []
        self._closed = False
        self._failure: Exception | None = None
        self._asleep, self._bell = self._context.Pipe(duplex=False)
        # The system ends a process with the thread that started it, so that thread stays.
        self._manager = threading.Thread(target=self._manage, daemon=True)
        self._manager.start()

    def submit(
        self,
        function: Callable[_Parameters, _Result],
        /,
        *args: _Parameters.args,
        **kwargs: _Parameters.kwargs,
    ) -> Future[_Result]:
        """Schedule a call."""
        return self.schedule(partial(function, *args, **kwargs))

    def schedule(
        self,
        call: Callable[[], _Result],
        limits: Limits = NO_LIMITS,
        on_told: Callable[..., None] = lambda *_: None,
    ) -> Future[_Result]:
        """Schedule a call.

        Parameters
        ----------
        call
            What can be pickled, as a `functools.partial` of a function in a module.
        limits
            What it may take.
        on_told
            Called with what the task says by `tell`, in a thread of its own.

        Returns
        -------
        Future
            Raises what the call raised; `WorkerLostError`, `TimeLimitError` or `MemoryLimitError`
            where its process ended before.
        """
        if not self._manager.is_alive():
            raise WorkerLostError("no processes could be started here") from self._failure
        future: Future[_Result] = Future()
        self._waiting.append(_Task(call, future, limits, on_told))
        self._bell.send_bytes(b"!")
        return future

    def close(self) -> None:
        """End all processes, whatever they are doing; what has not ended by itself is cancelled."""
        self._closed = True
        self._bell.send_bytes(b"!")
        self._manager.join()

    def _manage(self) -> None:
        try:
            while not self._closed:
                self._hand_out()
                self._look_at(self._ready())
                self._hold_to_limits()
        except Exception as error:
            self._failure = error
        finally:
            for worker in self._workers:
                worker.process.kill()
            for worker in self._workers:
                worker.process.join()
                worker.connection.close()
            unfinished = [worker.task for worker in self._workers if worker.task is not None]
            for task in [*unfinished, *self._waiting]:
                _cancel(task.future, self._failure)

    def _hand_out(self) -> None:
        while self._waiting:
            worker = next((one for one in self._workers if one.task is None), None)
            if worker is None:
                if len(self._workers) == self._count:
                    return
                worker = self._new_worker()
            task = self._waiting.popleft()
            if task.attempts == 0 and not task.future.set_running_or_notify_cancel():
                continue
            task.attempts += 1
            worker.task, worker.began = task, monotonic()
            try:
                content = pickle.dumps(task.call)
            except Exception as error:
                worker.task = None
                task.future.set_exception(error)
                continue
            # It may be dead already, which `_ready` finds out.
            with contextlib.suppress(OSError):
                worker.connection.send_bytes(content)

    def _new_worker(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        arguments = (theirs, os.getpid(), self._start)
        process = self._context.Process(target=_serve, args=arguments, daemon=False)
        # Its first start lets interrupts through again.
        resource_tracker.ensure_running()
        _hold_interrupts()
        with _children_allowed():
            process.start()
        theirs.close()
        worker = _Worker(process, ours)
        self._workers.append(worker)
        return worker

    def _ready(self) -> list[Any]:
        limited = any(
            worker.task is not None and worker.task.limits != NO_LIMITS for worker in self._workers
        )
        sources = [self._asleep, *(worker.connection for worker in self._workers)]
        ready = wait(sources, _LOOK if limited else None)
        if self._asleep in ready:
            self._asleep.recv_bytes()
        return ready

    def _look_at(self, ready: list[Any]) -> None:
        for worker in [one for one in self._workers if one.connection in ready]:
            try:
                kind, value = pickle.loads(worker.connection.recv_bytes())
            except (EOFError, OSError):
                self._lost(worker)
                continue
            task = worker.task
            assert task is not None
            if kind == "begun":
                # The start of Keras is not the task's.
                worker.began = monotonic()
                continue
            if kind == "told":
                task.on_told(*value)
                continue
            worker.task = None
            if kind == "returned":
                task.future.set_result(value)
            else:
                task.future.set_exception(value)

    def _lost(self, worker: _Worker) -> None:
        task, how = worker.task, self._end(worker)
        if task is None:
            return
        if task.attempts < ATTEMPTS:
            # First, so that a task which ends its process does not come last and alone.
            self._waiting.appendleft(task)
        else:
            task.future.set_exception(WorkerLostError(how))

    def _hold_to_limits(self) -> None:
        for worker in list(self._workers):
            task = worker.task
            if task is None:
                continue
            seconds, most = task.limits.seconds, task.limits.bytes
            if seconds is not None and monotonic() - worker.began > seconds:
                error: Exception = TimeLimitError(f"it took longer than {seconds:g} s")
            elif most is not None and used_bytes(worker.process.pid) > most:
                error = MemoryLimitError(f"it needed more than {most / 2**20:,.0f} MiB of memory")
            else:
                continue
            self._end(worker)
            task.future.set_exception(error)

    def _end(self, worker: _Worker) -> str:
        """End a process, or find it ended, and say how it ended."""
        self._workers.remove(worker)
        # It has closed its pipe, and is about to end unless it hangs.
        worker.process.join(1)
        worker.process.kill()
        worker.process.join()
        worker.connection.close()
        return ended(worker.process.exitcode)


def ended(status: int) -> str:
    """Say how a process ended, by its exit status or, negative, the signal that ended it."""
    if status >= 0:
        return f"its process exited with status {status}"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    if name == "SIGKILL":
        return "its process was killed (SIGKILL): by a user, or by the system when memory ran out"
    return f"its process was ended by {name}"


def _cancel(future: Future[Any], failure: Exception | None) -> None:
    if failure is not None and not future.done():
        future.set_exception(failure)
    # One that is running cannot be cancelled otherwise.
    elif not future.cancel() and not future.done():
        future.set_exception(
            WorkerLostError("its process was stopped, as its result was no longer needed")
        )


@contextmanager
def _children_allowed() -> Iterator[None]:
    """Let a daemon of `multiprocessing`, as a Dask worker is, start processes.

    They are forbidden there because nobody would end them; ours end with the one that starts them.
    """
    settings: dict[str, Any] = getattr(multiprocessing.current_process(), "_config", {})
    daemon = settings.pop("daemon", None)
    try:
        yield
    finally:
        if daemon is not None:
            settings["daemon"] = daemon


_told: list[Connection] = []


def tell(*values: Any) -> None:
    """Say something, from within a task, to the process that scheduled it."""
    for connection in _told:
        connection.send_bytes(pickle.dumps(("told", values)))


def _serve(connection: Connection, parent: int, start: Callable[[], object] | None) -> None:
    """Run one task after another, in a worker process."""
    end_with(parent)
    _told.append(connection)
    while True:
        try:
            content = connection.recv_bytes()
        except (EOFError, OSError):
            return
        try:
            if start is not None:
                start()
                start = None
                connection.send_bytes(pickle.dumps(("begun", None)))
            answer = pickle.dumps(("returned", pickle.loads(content)()))
        except BaseException as error:
            answer = _failure(error)
        connection.send_bytes(answer)


def _failure(error: BaseException) -> bytes:
    # A traceback cannot be pickled, and an error perhaps neither.
    trace = "".join(traceback.format_exception(error))
    try:
        if not isinstance(error, Exception):
            # As SystemExit: it is the task's, and not for whoever asks for the result.
            raise TypeError
        error.add_note(trace)
        answer = pickle.dumps(("raised", error))
        pickle.loads(answer)
    except Exception:
        answer = pickle.dumps(("raised", RuntimeError(trace)))
    return answer


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


def _hold_interrupts() -> None:
    """Hold SIGINT back from this thread, and for good from processes that it starts."""
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
