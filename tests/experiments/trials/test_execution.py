"""How trials run: what one does is its own affair."""

import os
import signal
import sys
import time
from functools import partial

import pytest

from experiments.runtime.processes import Limits, worker_processes
from experiments.trials import execution
from experiments.trials import trial as trial_module
from experiments.trials.execution import InThisProcess, InWorkers, attempt, execute
from experiments.trials.store import Store


class Watch:
    """Remembers what it is told."""

    def __init__(self):
        self.done = []
        self.progress = []

    def on_done(self, trial, well):
        self.done.append((trial.name, well))

    def on_progress(self, trial, _, share):
        self.progress.append((trial.name, share))


def _run(trials, store, executor=None):
    watch = Watch()
    execute(
        trials,
        store,
        executor or InThisProcess(),
        on_done=watch.on_done,
        on_progress=watch.on_progress,
    )
    return watch


def test_a_trial_that_crashes_does_not_keep_the_others_from_running(
    small_trials, moons_result, tmp_path, monkeypatch
):
    def run_trial(trial, on_progress, **_):
        if trial.name == "moons":
            raise ValueError("shapes do not fit\nin two lines")
        on_progress("working", 0.5)
        return type(moons_result)(**{**vars(moons_result), "trial": trial})

    monkeypatch.setattr(trial_module, "run_trial", run_trial)
    store = Store.open(tmp_path)
    watch = _run(small_trials, store)
    assert watch.done == [("moons", False), ("blobs", True), ("table", True)]
    assert ("blobs", 0.5) in watch.progress
    failure = store.failure(small_trials[0])
    assert failure.reason == "ValueError: shapes do not fit"
    assert "run_trial" in failure.details
    assert [store.has(trial) for trial in small_trials] == [False, True, True]


def test_an_interrupt_goes_through(small_trials, tmp_path, monkeypatch):
    def run_trial(trial, on_progress, **_):
        raise KeyboardInterrupt

    monkeypatch.setattr(trial_module, "run_trial", run_trial)
    store = Store.open(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        _run(small_trials, store)
    assert store.failure(small_trials[0]) is None


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (MemoryError(), "out of memory", "MemoryError: no message"),
        (SystemExit(0), "crashed", "SystemExit: 0"),
        (RecursionError("too deep"), "crashed", "RecursionError: too deep"),
    ],
)
def test_whatever_a_trial_raises_is_its_failure(error, status, reason, small_trials, monkeypatch):
    def run_trial(trial, on_progress, **_):
        raise error

    monkeypatch.setattr(trial_module, "run_trial", run_trial)
    failure = attempt(small_trials[0])
    assert (failure.status, failure.reason) == (status, reason)


# What a trial does in a worker process, instead of training, by the trial's name.
def _behave(folder, results, trial, _):
    with (folder / trial.name).open("a") as file:
        file.write(f"{os.getpid()}\n")
    first = len((folder / trial.name).read_text().splitlines()) == 1
    if trial.name == "trial0":
        if folder.name == "killed" or (folder.name == "killed-once" and first):
            os.kill(os.getpid(), signal.SIGKILL)
        elif folder.name == "left":
            os._exit(0)
        elif folder.name == "ended":
            sys.exit(0)
        elif folder.name == "hangs":
            time.sleep(3600)
        elif folder.name == "grows":
            kept = b"x" * 2**30
            time.sleep(3600 + len(kept))
    return results[trial.name]


def _start(backend):
    """Instead of Keras."""


@pytest.fixture
def behaviour(made_results, monkeypatch):
    """A function: run four trials, of which the first behaves in some way."""
    records = {result.trial.name: execution.record(result) for result in made_results}

    def run(folder, name, **settings):
        (folder / name).mkdir()
        monkeypatch.setattr(execution, "start", _start)
        monkeypatch.setattr(execution, "attempt_and_tell", partial(_behave, folder / name, records))
        store = Store.open(folder / "store")
        trials = [result.trial for result in made_results]
        _run(trials, store, InWorkers(**settings))
        starts = {
            trial.name: len((folder / name / trial.name).read_text().splitlines())
            for trial in trials
        }
        return [store.look(trial).state for trial in trials], store.failure(trials[0]), starts

    return run


@pytest.mark.parametrize(
    ("name", "jobs", "words"),
    [
        ("killed", 1, "its process was killed (SIGKILL): by a user, or by the system"),
        ("killed", 2, "its process was killed (SIGKILL): by a user, or by the system"),
        ("left", 1, "its process exited with status 0"),
        ("left", 2, "its process exited with status 0"),
    ],
)
def test_a_lost_worker_costs_its_own_trial_one_retry(name, jobs, words, behaviour, tmp_path):
    states, failure, starts = behaviour(tmp_path, name, jobs=jobs)
    assert states == ["failed", "finished", "finished", "finished"]
    assert failure.status == "crashed"
    assert words in failure.reason
    assert starts == {"trial0": 2, "trial1": 1, "trial2": 1, "trial3": 1}


def test_a_worker_that_somebody_killed_costs_nothing(behaviour, tmp_path):
    states, _, starts = behaviour(tmp_path, "killed-once", jobs=2)
    assert states == ["finished"] * 4
    assert starts["trial0"] == 2


def test_a_trial_that_ends_its_process_politely_has_failed(behaviour, tmp_path):
    states, failure, _ = behaviour(tmp_path, "ended", jobs=1)
    assert states == ["failed", "finished", "finished", "finished"]
    assert "SystemExit: 0" in failure.reason + failure.details


def test_a_trial_that_takes_too_long_is_ended_alone(behaviour, tmp_path):
    states, failure, starts = behaviour(tmp_path, "hangs", jobs=2, limits=Limits(seconds=15))
    assert states == ["failed", "finished", "finished", "finished"]
    assert (failure.status, failure.reason) == ("timed out", "it took longer than 15 s")
    assert starts["trial0"] == 1


def test_a_trial_that_takes_too_much_memory_is_ended_alone(behaviour, tmp_path):
    states, failure, _ = behaviour(tmp_path, "grows", jobs=2, limits=Limits(bytes=2**29))
    assert states == ["failed", "finished", "finished", "finished"]
    assert (failure.status, failure.reason) == (
        "out of memory",
        "it needed more than 512 MiB of memory",
    )


def test_a_result_that_cannot_be_stored_ends_the_others(small_trials, tmp_path, monkeypatch):
    """As on a full disk: every later training would be lost too."""
    started = []

    def run_trial(trial, on_progress, **_):
        started.append(trial.name)
        raise ValueError

    monkeypatch.setattr(trial_module, "run_trial", run_trial)
    store = Store.open(tmp_path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        _run(small_trials, store)
    assert started == ["moons"]


def test_workers_are_none_of_the_next_pools(tmp_path):
    with worker_processes(1) as pool:
        first = pool.submit(os.getpid).result()
    with worker_processes(1) as pool:
        assert pool.submit(os.getpid).result() != first
