from dataclasses import replace

import numpy as np
import pytest

from experiments.trials.trial import (
    blas_threads,
    boundary_epochs,
    load_data,
    run_trial,
    snapshot_epochs,
)
from scratchnet import Architecture, Dense, Network, OptimizerState, evaluate, fit

LOSS = "binary_crossentropy"


def test_both_sides_learn_the_same(moons_result, blobs_result):
    np.testing.assert_allclose(
        moons_result.scratchnet.loss, moons_result.keras.loss, rtol=1e-12, atol=0
    )
    np.testing.assert_allclose(
        blobs_result.scratchnet.val_loss, blobs_result.keras.val_loss, rtol=1e-4, atol=0
    )
    for result in (moons_result, blobs_result):
        assert result.scratchnet.accuracy == pytest.approx(result.keras.accuracy)
        np.testing.assert_allclose(
            result.scratchnet_predictions, result.keras_predictions, rtol=1e-3, atol=1e-6
        )


def test_the_history_is_that_of_a_plain_fit(small_trials, moons_result):
    trial = small_trials[0]
    data = load_data(trial)
    network = Network(trial.architecture, seed=trial.seed, dtype=trial.dtype)
    optimizer = OptimizerState(trial.optimizer, network.parameters)
    history = fit(network, data.x_train, data.y_train, optimizer=optimizer, epochs=trial.epochs)
    assert history.loss == pytest.approx(moons_result.scratchnet.loss, rel=1e-14)
    loss, _ = evaluate(network, data.x_test, data.y_test)
    assert loss == pytest.approx(moons_result.scratchnet.val_loss[-1], rel=1e-14)


def test_steps_are_compared_at_the_start_and_later(moons_result, blobs_result):
    steps = [row.step for row in moons_result.parity if row.mode == "step"]
    assert sorted(set(steps)) == [0, *snapshot_epochs(6)[1:]]
    # 72 training samples in batches of 16 are five updates an epoch.
    steps = {row.step for row in blobs_result.parity if row.mode == "layer"}
    assert steps == {0, 5, 10, 15}


def test_every_gradient_update_and_slot_is_compared(blobs_result):
    tensors = {(row.layer, row.tensor) for row in blobs_result.parity if row.mode == "step"}
    for layer in ("dense_1", "dense_2"):
        for weight in ("kernel", "bias"):
            for kind in ("gradient", "updated", "momentum", "velocity"):
                assert (layer, f"{weight}_{kind}") in tensors
    assert {row.tensor for row in blobs_result.parity if row.mode == "free"} == {
        "loss",
        "val_loss",
    }


def test_nothing_diverges(moons_result, blobs_result):
    for result in (moons_result, blobs_result):
        assert {row.verdict for row in result.parity} <= {"identical", "rounding", "chaos"}


def test_gradients_agree_to_the_last_digits(moons_result, blobs_result):
    for result, limit in ((moons_result, 1e-12), (blobs_result, 1e-4)):
        gradients = [row.max_rel for row in result.parity if row.tensor.endswith("gradient")]
        assert max(gradients) < limit


def test_both_sides_are_timed_in_turns(moons_result):
    sides = [row.implementation for row in moons_result.seconds_per_epoch]
    turns = [side for i, side in enumerate(sides) if i == 0 or sides[i - 1] != side]
    assert turns == ["keras", "scratchnet", "keras", "scratchnet"]
    assert {row.repeat for row in moons_result.seconds_per_epoch} == {1, 2, 3}
    assert all(row.seconds > 0 for row in moons_result.seconds_per_epoch)


def test_the_plane_ends_at_the_last_epoch_and_is_the_networks(small_trials, moons_result):
    boundary = moons_result.boundary
    assert list(boundary.epochs) == boundary_epochs(6)
    assert boundary.epochs[-1] == 6
    np.testing.assert_allclose(boundary.scratchnet, boundary.keras, atol=1e-6)
    trial = small_trials[0]
    data = load_data(trial)
    network = Network(trial.architecture, seed=trial.seed, dtype=trial.dtype)
    fit(
        network,
        data.x_train,
        data.y_train,
        optimizer=OptimizerState(trial.optimizer, network.parameters),
        epochs=6,
    )
    corner = network.predict([[boundary.first[3], boundary.second[70]]])
    np.testing.assert_allclose(boundary.scratchnet[-1, 70, 3], corner[0], rtol=1e-6)


def test_the_envelope_covers_every_epoch(moons_result):
    assert moons_result.envelope["loss_width"].shape == (6,)
    assert moons_result.envelope["loss_gaps"].shape[1] == 6


def test_data_without_two_features_have_no_plane(small_trials):
    result = run_trial(replace(small_trials[2], epochs=1), timing_budget=0.0)
    assert result.boundary is None
    assert result.parameters == 30 * 4 + 4 + 4 + 1
    assert len(result.scratchnet.loss) == len(result.keras.loss) == 1


def test_data_are_rounded_once_to_the_dtype(small_trials):
    single = load_data(replace(small_trials[0], dtype="float32"))
    double = load_data(small_trials[0])
    assert single.x_train.dtype == single.y_train.dtype == np.float32
    np.testing.assert_array_equal(single.x_train, double.x_train.astype(np.float32))
    assert load_data(small_trials[1]).y_train.dtype == np.int64


def test_looks_start_at_the_first_step_and_spread_by_ratios():
    assert snapshot_epochs(1) == [0]
    assert snapshot_epochs(2) == [0, 1]
    assert snapshot_epochs(10_000) == [0, 1, 10, 100, 1000, 9999]
    assert boundary_epochs(1) == [1]
    assert boundary_epochs(100_000) == [1000, 4642, 21544, 100_000]


def test_only_large_products_get_several_threads(small_trials):
    trial = small_trials[0]
    wide = Architecture((2,), (Dense(512, "relu"), Dense(1024, "relu"), Dense(1, "sigmoid")), LOSS)
    assert blas_threads(trial) == 1
    assert blas_threads(replace(trial, architecture=wide)) is None


def test_both_trainings_of_a_trial_have_the_same_settings(moons_result, blobs_result):
    for result in (moons_result, blobs_result):
        record = result.comparability
        assert record.differences == []
        assert record.scratchnet.loss_path == "fused"
        assert record.keras.backend == "tensorflow"
        assert record.accuracies.samples == len(result.test_targets)
