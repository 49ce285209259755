"""Many trials: one after another in this process, or on several local processes.

Whatever a trial does, the others still run. Each result is stored by the process that made it.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from functools import partial

from experiments.plan.plan import Trial
from experiments.runtime.processes import completed, worker_processes
from experiments.trials.store import Store

OnDone = Callable[[Trial, bool], None]
"""Called when a trial ends, with whether it finished (or crashed)."""

OnProgress = Callable[[Trial, str, float], None]
"""Called with what a trial is doing, and the share of it that is done."""


def execute(
    trials: Sequence[Trial],
    store: Store,
    *,
    jobs: int,
    on_done: OnDone,
    on_progress: OnProgress,
) -> None:
    """Run trials and store what they leave: a result, or why there is none.

    Parameters
    ----------
    trials
        With different keys.
    store
        Where the results go.
    jobs
        Number of processes; 1 runs the trials here.
    on_done, on_progress
        Told how it goes; with several processes there is no progress within a trial.

    Raises
    ------
    KeyboardInterrupt
        After the other processes are ended.
    """
    groups = {
        trial.backend: [other for other in trials if other.backend == trial.backend]
        for trial in trials
    }
    if jobs == 1 and len(groups) == 1:
        for trial in trials:
            on_progress(trial, "starting", 0.0)
            on_done(trial, attempt(trial, store, partial(on_progress, trial)))
        return
    # A process has one Keras backend, so each backend has its own processes.
    for group in groups.values():
        _execute_in_processes(group, store, jobs=jobs, on_done=on_done)


def _execute_in_processes(
    trials: Sequence[Trial], store: Store, *, jobs: int, on_done: OnDone
) -> None:
    with worker_processes(min(jobs, len(trials))) as pool:
        futures = {pool.submit(attempt, trial, store): trial for trial in trials}
        for future in completed(futures):
            trial = futures[future]
            try:
                finished = future.result()
            except BrokenProcessPool:
                # A process was killed, and with it whatever the pool was still to run.
                store.save_crash(trial, "its process was ended from outside, or ran out of memory")
                finished = False
            on_done(trial, finished)


def attempt(
    trial: Trial, store: Store, on_progress: Callable[[str, float], None] = lambda *_: None
) -> bool:
    """Run one trial, store its result or its traceback, and say whether it finished."""
    from experiments.runtime.keras_start import start_keras
    from experiments.trials.trial import run_trial

    try:
        start_keras(trial.backend)
        store.save(run_trial(trial, on_progress))
    except Exception as error:
        summary = f"{type(error).__name__}: {error}".splitlines()[0]
        store.save_crash(trial, f"{summary}\n\n{traceback.format_exc()}")
        return False
    return True
