import dataclasses

import numpy as np
import pytest

from experiments.bench import same_training as equality
from experiments.bench.peers.article_numpy import ArticleNumPy
from experiments.bench.peers.scratchnet_fit import ScratchnetFit
from experiments.bench.workloads import OPTIMIZERS, Workload, network
from scratchnet import SGD, Adam

BINARY = network(2, 6, 5, 1)


def workload(optimizer, architecture=BINARY):
    return Workload("small", architecture, OPTIMIZERS[optimizer], samples=70, batch_size=32)


def found_after_training(task, trained, epochs=2, adam="keras"):
    """The difference between a task's reference and scratchnet trained on another task."""
    implementation = ScratchnetFit(trained)
    implementation.train(epochs, lambda _: None)
    expected = equality.reference(task, epochs, adam)
    return equality.difference(
        expected, implementation.weights(), implementation.loss(), implementation.loss_is
    )


@pytest.mark.parametrize("optimizer", sorted(OPTIMIZERS))
@pytest.mark.parametrize("units", [(2, 6, 5, 1), (3, 8, 4)])
def test_scratchnet_equals_itself(optimizer, units):
    task = workload(optimizer, network(*units)).task()
    assert found_after_training(task, task) == ""


def test_the_articles_formulas_are_within_rounding():
    task = workload("sgd").task()
    implementation = ArticleNumPy(task)
    implementation.train(2, lambda _: None)
    expected = equality.reference(task, 2)
    weights, loss = implementation.weights(), implementation.loss()
    assert equality.difference(expected, weights, loss, "last batch") == ""


@pytest.mark.parametrize(
    "change",
    [
        {"optimizer": SGD(learning_rate=0.01001)},
        {"optimizer": SGD(learning_rate=0.01, momentum=0.001)},
        {"batch_size": 70},
    ],
    ids=["learning rate", "momentum", "batches"],
)
def test_a_small_mistake_is_found(change):
    task = workload("sgd").task()
    assert found_after_training(task, dataclasses.replace(task, **change)) != ""


def test_wrong_data_are_found():
    task = workload("sgd").task()
    y = task.y.copy()
    y[3] = 1 - y[3]
    assert found_after_training(task, dataclasses.replace(task, y=y)) != ""


def test_another_meaning_of_adam_is_found():
    task = workload("adam").task()
    assert found_after_training(task, task, adam="corrected") != ""
    other = dataclasses.replace(task, optimizer=Adam(learning_rate=0.001, epsilon=1e-6))
    assert found_after_training(task, other) != ""


def test_a_loss_of_another_meaning_is_found():
    task = workload("sgd").task()
    implementation = ScratchnetFit(task)
    implementation.train(1, lambda _: None)
    expected = equality.reference(task, 1)
    message = equality.difference(
        expected, implementation.weights(), implementation.loss(), "last batch"
    )
    assert message.startswith("loss (last batch) is")


def test_nan_is_a_difference():
    task = workload("sgd").task()
    expected = equality.reference(task, 1)
    exact = {name: value.copy() for name, value in expected.weights.items()}
    assert equality.difference(expected, exact, expected.losses["last batch"], "last batch") == ""
    assert "loss" in equality.difference(expected, exact, float("nan"), "last batch")
    exact["dense_1/bias"][0] = np.nan
    loss = expected.losses["last batch"]
    assert "dense_1/bias" in equality.difference(expected, exact, loss, "last batch")


def test_missing_weights_and_wrong_shapes_are_named():
    expected = equality.reference(workload("sgd").task(), 1)
    loss = expected.losses["epoch mean"]
    assert "expected" in equality.difference(expected, {}, loss, "epoch mean")
    turned = {name: value.T for name, value in expected.weights.items()}
    assert "dense_1/kernel has shape (6, 2), expected (2, 6)" in equality.difference(
        expected, turned, loss, "epoch mean"
    )


def test_a_reference_survives_its_file(tmp_path):
    expected = equality.reference(workload("momentum").task(), 1)
    path = str(tmp_path / "reference.npz")
    equality.save(expected, path)
    loaded = equality.load(path)
    assert loaded.losses == expected.losses
    assert loaded.loss_bounds == expected.loss_bounds
    assert loaded.weight_bounds == expected.weight_bounds
    for name, value in expected.weights.items():
        np.testing.assert_array_equal(loaded.weights[name], value)


def test_the_longest_sum_is_over_a_batch_or_over_inputs():
    assert equality.longest_sum(workload("sgd").task()) == 32
    wide = Workload("wide", network(50, 3, 1), OPTIMIZERS["sgd"], samples=10, batch_size=10)
    assert equality.longest_sum(wide.task()) == 50
