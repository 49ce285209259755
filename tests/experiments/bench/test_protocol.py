import json
import os
import sys

import pytest

from experiments.bench import protocol as timing
from experiments.bench.peers import PEERS
from experiments.bench.process import _segments
from experiments.bench.protocol import Cell, ProcessError
from experiments.bench.workloads import OPTIMIZERS, Workload, network
from keras_baseline.peers.implementation import Implementation

SMALL = Workload("small", network(2, 3, 1), OPTIMIZERS["sgd"], samples=40, batch_size=16)


def measured(seconds):
    return {
        "difference": "",
        "import_seconds": 0.1,
        "build_seconds": 0.2,
        "first_epoch_seconds": 0.3,
        "epochs_per_segment": 7,
        "seconds": [seconds, seconds, seconds * 3],
        "cpu_seconds": [seconds] * 3,
    }


def steady(job, variables):
    return measured(1.0)


def run(cells, run_job, **settings):
    started = []
    timing.run_cells(
        cells,
        **({"time_limit": 60.0, "seed": 0} | settings),
        on_process=lambda _, peer: started.append(peer),
        run_job=run_job,
    )
    return started


def test_rounds_go_on_until_the_interval_is_narrow():
    cell = Cell(SMALL, 1, ["sklearn"])
    seconds = {"scratchnet": [1.0, 1.3, 1.0, 0.9], "sklearn": [2.0, 2.0, 2.0, 2.0]}

    def run_job(job, variables):
        rounds = seconds[job["peer"]]
        return measured(
            rounds.pop(0) if rounds else {"scratchnet": 1.0, "sklearn": 2.0}[job["peer"]]
        )

    run([cell], run_job)
    assert cell.rounds > 4
    assert not cell.unsettled()
    assert cell.comparison("sklearn").verdict == "faster"


def test_steady_times_need_three_rounds():
    cell = Cell(SMALL, 1, ["sklearn"])
    run([cell], lambda job, _: measured(1.0 if job["peer"] == "scratchnet" else 0.5))
    assert cell.rounds == 3
    found = cell.comparison("sklearn")
    assert (found.pairs, found.verdict) == (3, "slower")
    assert found.ratio == pytest.approx(2.0)


def test_a_settled_peer_runs_no_more():
    cell = Cell(SMALL, 1, ["sklearn", "article_numpy"])
    wild = iter([1.0, 2.0, 1.5, 1.1] + [1.3] * 100)

    def run_job(job, variables):
        return measured(next(wild) if job["peer"] == "article_numpy" else 1.0)

    started = run([cell], run_job)
    assert started.count("sklearn") == 3 < started.count("article_numpy")
    assert started.count("scratchnet") == started.count("article_numpy")


def test_every_second_round_reverses_the_one_before():
    cell = Cell(SMALL, 1, ["sklearn", "article_numpy", "jax_step"])
    started = run([cell], steady)
    first, second = started[:4], started[4:8]
    assert sorted(first) == ["article_numpy", "jax_step", "scratchnet", "sklearn"]
    assert second == first[::-1]


def test_orders_follow_the_seed():
    def started(seed):
        cell = Cell(SMALL, 1, ["sklearn", "article_numpy", "jax_step"])
        return run([cell], steady, seed=seed)

    assert started(1) == started(1)
    assert len({tuple(started(seed)) for seed in range(6)}) > 1


def test_a_crash_leaves_the_others_running():
    cell = Cell(SMALL, 1, ["sklearn", "article_numpy"])

    def run_job(job, variables):
        if job["peer"] == "sklearn":
            raise ProcessError("exit status 1: boom")
        return measured(1.0)

    started = run([cell], run_job)
    assert started.count("sklearn") == 1
    assert cell.failures["sklearn"].kind == "crashed"
    assert cell.comparison("article_numpy").pairs == 3


def test_an_implementation_that_computes_something_else_is_not_timed():
    cell = Cell(SMALL, 1, ["sklearn"])

    def run_job(job, variables):
        return measured(1.0) if job["peer"] == "scratchnet" else {"difference": "loss is 7"}

    run([cell], run_job)
    assert cell.failures["sklearn"].kind == "differs"
    assert cell.failures["sklearn"].message == "loss is 7"
    assert "sklearn" not in cell.timings


def test_nothing_but_a_first_round_begins_after_the_time_limit():
    cells = [Cell(SMALL, 1, ["sklearn"]), Cell(SMALL, 2, ["sklearn"])]
    run(cells, steady, time_limit=0.0)
    assert [cell.rounds for cell in cells] == [1, 0]


def test_everybody_gets_the_same_threads_and_processors():
    for name in PEERS:
        variables = timing.environment(PEERS[name], 1)
        job = timing.timing_job(SMALL, 1, PEERS[name], "")
        assert {variables[v] for v in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")} == {"1"}
        assert (job["threads"], job["cpus"]) == (1, timing.processors()[-1:])


def test_the_median_of_the_segments_counts():
    cell = Cell(SMALL, 1, ["sklearn"])
    run([cell], lambda *_: measured(2.0))
    assert cell.timings["sklearn"][0].median == 2.0


def test_a_real_process_times_what_it_is_asked_to():
    job = timing.timing_job(SMALL, 1, PEERS["article_numpy"], "")
    job |= {"segments": 2, "segment_seconds": 0.001}
    result = timing.run_process(job, timing.environment(PEERS["article_numpy"], 1))
    assert result["difference"] == ""
    assert len(result["seconds"]) == len(result["cpu_seconds"]) == 2
    assert min(result["seconds"]) > 0
    assert result["epochs_per_segment"] >= 1


def test_a_process_that_fails_is_told_in_one_line():
    job = timing.timing_job(SMALL, 1, PEERS["article_numpy"], "no/such/file.npz")
    with pytest.raises(ProcessError, match=r"^exit status 1: FileNotFoundError.*no/such/file.npz"):
        timing.run_process(job, os.environ)


def test_a_process_that_hangs_is_ended(monkeypatch):
    monkeypatch.setattr(timing, "PROCESS_TIME_LIMIT", 0.05)
    job = timing.timing_job(SMALL, 1, PEERS["article_numpy"], "")
    with pytest.raises(ProcessError, match="took more than"):
        timing.run_process(job, os.environ)


class Counting(Implementation):
    """Counts epochs, and the calls of train."""

    def __init__(self):
        self.calls = []

    def train(self, epochs, on_epochs):
        self.calls.append(epochs)
        if self.reports_each_epoch:
            for _ in range(epochs):
                on_epochs(1)
        else:
            on_epochs(epochs)

    def loss(self):
        return 0.0

    def weights(self):
        return {}


class CountingCalls(Counting):
    reports_each_epoch = False


def test_segments_follow_a_first_epoch_that_is_left_out():
    implementation = Counting()
    walls, cpus = _segments(implementation, 4, 3)
    assert implementation.calls == [1 + 4 * 3]
    assert len(walls) == len(cpus) == 3


def test_what_reports_once_is_called_once_a_segment():
    implementation = CountingCalls()
    walls, cpus = _segments(implementation, 4, 3)
    assert implementation.calls == [4, 4, 4]
    assert len(walls) == len(cpus) == 3


def test_timings_are_plain_data():
    cell = Cell(SMALL, 1, ["sklearn"])
    run([cell], steady)
    rows = json.loads(json.dumps(timing.timing_table([cell])))
    assert {(row["peer"], row["round"]) for row in rows} == {
        (peer, r) for peer in ("scratchnet", "sklearn") for r in range(3)
    }


def test_the_timed_process_imports_nothing_heavy_before_the_implementation():
    import subprocess

    code = (
        "import sys, experiments.bench.process\n"
        "print({'numpy', 'keras', 'tensorflow', 'torch', 'jax', 'sklearn'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
