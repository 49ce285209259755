import copy

import pytest

from experiments.bench.against import changes

ENVIRONMENT = {"processor": "P", "cores": 2}


def run(scratchnet, peer, environment=ENVIRONMENT, threads=1):
    """A stored bench of one cell: seconds of each process, round by round."""
    timings = [
        {"workload": "w", "threads": threads, "peer": name, "round": r, "seconds": [s, s, 2 * s]}
        for name, seconds in (("scratchnet", scratchnet), ("sklearn", peer))
        for r, s in enumerate(seconds)
    ]
    return {"environment": environment, "timings": timings}


OLD = run([1.0, 1.01, 0.99, 1.0], [3.0, 3.02, 2.98, 3.0])


def verdict(new, old=OLD):
    (change,) = changes(new, old)
    return change.verdict


def test_a_run_equals_itself():
    assert verdict(copy.deepcopy(OLD)) == "inconclusive"


def test_a_slower_scratchnet_is_found():
    new = run([1.3, 1.31, 1.29, 1.3], [3.0, 3.02, 2.98, 3.0])
    (change,) = changes(new, OLD)
    assert change.verdict == "slower"
    assert change.seconds.ratio == pytest.approx(1.3)
    assert change.beside_peers.ratio == pytest.approx(1.3)


def test_a_faster_scratchnet_is_found():
    assert verdict(run([0.7, 0.71, 0.69, 0.7], [3.0, 3.02, 2.98, 3.0])) == "faster"


def test_a_slower_machine_is_no_regression():
    assert verdict(run([1.5, 1.51, 1.49, 1.5], [4.5, 4.53, 4.47, 4.5])) == "inconclusive"


def test_a_faster_peer_is_no_regression():
    assert verdict(run([1.0, 1.01, 0.99, 1.0], [2.0, 2.02, 1.98, 2.0])) == "inconclusive"


def test_a_change_within_the_noise_is_no_regression():
    assert verdict(run([0.8, 1.3, 1.2, 1.0], [3.0, 3.02, 2.98, 3.0])) == "inconclusive"


def test_another_processor_is_compared_beside_peers_only():
    other = {"processor": "Q", "cores": 8}
    (change,) = changes(run([0.65, 0.66, 0.64, 0.65], [1.5, 1.51, 1.49, 1.5], other), OLD)
    assert change.seconds is None
    assert change.verdict == "slower"


def test_without_a_common_peer_seconds_decide():
    new = run([1.3, 1.31, 1.29, 1.3], [])
    (change,) = changes(new, OLD)
    assert change.beside_peers is None
    assert change.verdict == "slower"


def test_two_processes_are_too_few_for_a_verdict():
    assert verdict(run([2.0, 2.0], [3.0, 3.0])) == "inconclusive"


def test_cells_of_one_run_only_are_left_out():
    assert changes(run([1.0], [1.0], threads=2), OLD) == []
