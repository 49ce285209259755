"""Many trials: in this process, or in several local ones. Whatever a trial does, the others run."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager, closing, nullcontext
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Protocol

from experiments.plan.plan import Trial
from experiments.runtime.alone import Machine
from experiments.runtime.processes import (
    NO_LIMITS,
    Limits,
    MemoryLimitError,
    TimeLimitError,
    WorkerLostError,
    WorkerPool,
    completed,
    tell,
    worker_processes,
)
from experiments.trials.record import Record, record
from experiments.trials.store import Failure, Store

OnDone = Callable[[Trial, bool], None]
"""Called when a trial ends, with whether it finished (or failed)."""

OnProgress = Callable[[Trial, str, float], None]
"""Called with what a trial is doing, and the share of it that is done."""

Outcome = Record | Failure
"""What a trial leaves."""


class Executor(Protocol):
    """A place where trials run."""

    def run(
        self, trials: Sequence[Trial], on_progress: OnProgress
    ) -> Generator[tuple[Trial, Outcome], None, None]:
        """Run trials, and yield what each leaves as it ends; what runs ends with the iterator."""


def execute(
    trials: Sequence[Trial],
    store: Store,
    executor: Executor,
    *,
    on_done: OnDone,
    on_progress: OnProgress,
) -> None:
    """Run trials and store what they leave: a result, or why there is none.

    Parameters
    ----------
    trials
        With different keys.
    store
        Where the results go; nobody but this process writes there.
    executor
        Where the trials run.
    on_done, on_progress
        Told how it goes.

    Raises
    ------
    KeyboardInterrupt
        After the other processes are ended.
    FolderError, OSError
        If a result cannot be stored: there is no use in more of them.
    """
    if not trials:
        return
    with closing(executor.run(trials, on_progress)) as outcomes:
        for trial, outcome in outcomes:
            if isinstance(outcome, Record):
                store.put(trial, outcome)
            else:
                store.save_failure(trial, outcome)
            on_done(trial, isinstance(outcome, Record))


@dataclass(frozen=True)
class InThisProcess:
    """One trial after another, here: a debugger sees them, and one that ends the process ends all.

    All must have the same Keras backend.
    """

    def run(
        self, trials: Sequence[Trial], on_progress: OnProgress
    ) -> Generator[tuple[Trial, Outcome], None, None]:
        """Run trials, and yield what each leaves."""
        for trial in trials:
            on_progress(trial, "starting", 0.0)
            yield trial, attempt(trial, partial(on_progress, trial))


@dataclass(frozen=True)
class InWorkers:
    """Several trials at a time, in processes of their own.

    Attributes
    ----------
    jobs
        How many.
    limits
        What each may take.
    """

    jobs: int = 1
    limits: Limits = NO_LIMITS

    def run(
        self, trials: Sequence[Trial], on_progress: OnProgress
    ) -> Generator[tuple[Trial, Outcome], None, None]:
        """Run trials, and yield what each leaves."""
        # A process has one Keras backend, so each backend has its own processes.
        for backend in dict.fromkeys(trial.backend for trial in trials):
            group = [trial for trial in trials if trial.backend == backend]
            with worker_processes(min(self.jobs, len(group)), start, backend) as pool:
                waiting = {
                    on_pool(
                        pool,
                        trial,
                        self.limits,
                        partial(on_progress, trial),
                        timed_alone=self.jobs > 1,
                    ): trial
                    for trial in group
                }
                for future in completed(waiting):
                    yield waiting[future], outcome_of(future)


def on_pool(
    pool: WorkerPool,
    trial: Trial,
    limits: Limits,
    on_progress: Callable[[str, float], None] = lambda *_: None,
    *,
    timed_alone: bool,
) -> Future[Outcome]:
    """Schedule a trial on a worker process, which times it while no other trial runs if asked."""
    return pool.schedule(partial(attempt_and_tell, trial, timed_alone), limits, on_progress)


def outcome_of(future: Future[Outcome]) -> Outcome:
    """Return what a trial left, also where its process was lost or ended at a limit."""
    try:
        return future.result()
    except WorkerLostError as error:
        return Failure("crashed", f"{error}; a first try was lost too")
    except TimeLimitError as error:
        return Failure("timed out", str(error))
    except MemoryLimitError as error:
        return Failure("out of memory", str(error))
    except Exception as error:
        return _failure(error)


def start(backend: str) -> None:
    """Start Keras in a process that will run trials."""
    from experiments.runtime.keras_start import start_keras

    start_keras(backend)


def attempt_and_tell(trial: Trial, timed_alone: bool = False) -> Outcome:
    """Run one trial in a worker process, which tells how it goes ten times a second at most."""
    last = 0.0

    def on_progress(doing: str, done: float) -> None:
        nonlocal last
        if monotonic() - last > 0.1:
            last = monotonic()
            tell(doing, done)

    if not timed_alone:
        return attempt(trial, on_progress)
    machine = Machine()
    with machine.shared():
        return attempt(trial, on_progress, machine.alone)


def attempt(
    trial: Trial,
    on_progress: Callable[[str, float], None] = lambda *_: None,
    alone: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Outcome:
    """Run one trial, and return its result as bytes, or why there is none."""
    from experiments.trials.trial import run_trial

    try:
        start(trial.backend)
        return record(run_trial(trial, on_progress, alone=alone))
    except (Exception, SystemExit) as error:
        return _failure(error)


def _failure(error: BaseException) -> Failure:
    words = str(error).strip().splitlines()
    reason = f"{type(error).__name__}: {words[0] if words else 'no message'}"
    status = "out of memory" if isinstance(error, MemoryError) else "crashed"
    return Failure(status, reason, "".join(traceback.format_exception(error)))
