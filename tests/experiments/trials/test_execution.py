import pytest

from experiments.trials import trial as trial_module
from experiments.trials.execution import execute
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


def _run(trials, store):
    watch = Watch()
    execute(trials, store, jobs=1, on_done=watch.on_done, on_progress=watch.on_progress)
    return watch


def test_a_trial_that_crashes_does_not_keep_the_others_from_running(
    small_trials, moons_result, tmp_path, monkeypatch
):
    def run_trial(trial, on_progress):
        if trial.name == "moons":
            raise ValueError("shapes do not fit\nin two lines")
        on_progress("working", 0.5)
        return type(moons_result)(**{**vars(moons_result), "trial": trial})

    monkeypatch.setattr(trial_module, "run_trial", run_trial)
    store = Store.open(tmp_path)
    watch = _run(small_trials, store)
    assert watch.done == [("moons", False), ("blobs", True), ("table", True)]
    assert ("blobs", 0.5) in watch.progress
    crash = store.crash(small_trials[0]).splitlines()
    assert crash[0] == "ValueError: shapes do not fit"
    assert "run_trial" in "\n".join(crash)
    assert [store.has(trial) for trial in small_trials] == [False, True, True]


def test_an_interrupt_goes_through(small_trials, tmp_path, monkeypatch):
    def run_trial(trial, on_progress):
        raise KeyboardInterrupt

    monkeypatch.setattr(trial_module, "run_trial", run_trial)
    store = Store.open(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        _run(small_trials, store)
    assert store.crash(small_trials[0]) is None
