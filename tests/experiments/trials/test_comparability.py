import dataclasses

import numpy as np
import pytest

from experiments.trials.comparability import (
    Comparability,
    compare_accuracies,
    hash_order,
    hash_weights,
    keras_settings,
    mcnemar,
    scratchnet_settings,
    wilson_interval,
)
from keras_baseline.model import build
from keras_baseline.settings import twin_settings
from keras_baseline.weights import get_weights, set_weights
from scratchnet import Architecture, BatchOrder, Dense, Network

ARCHITECTURE = Architecture((2,), (Dense(3, "relu"), Dense(1, "sigmoid")), "binary_crossentropy")
ORDER = BatchOrder(10, batch_size=4, shuffle_seed=3)


def both(architecture=ARCHITECTURE, dtype="float64", order=ORDER, epochs=5):
    network = Network(architecture, seed=1, dtype=dtype)
    model = build(architecture, dtype)
    set_weights(model, network.weights)
    return (
        scratchnet_settings(architecture, dtype, network.weights, order, epochs),
        keras_settings(
            twin_settings(model, architecture, dtype), get_weights(model), order, epochs
        ),
    )


def accuracies():
    targets = np.array([[1.0], [0.0], [1.0], [0.0]])
    ours, twin = np.array([[0.9], [0.2], [0.4], [0.1]]), np.array([[0.8], [0.6], [0.7], [0.2]])
    return compare_accuracies(targets, ours, twin)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    ("layers", "loss", "path"),
    [
        ((Dense(1, "sigmoid"),), "binary_crossentropy", "fused"),
        ((Dense(1, "tanh"),), "binary_crossentropy", "clipped"),
        ((Dense(3, "softmax"),), "categorical_crossentropy", "fused"),
        ((Dense(2, "linear"),), "mean_squared_error", "plain"),
    ],
)
def test_both_sides_of_a_twin_are_comparable(layers, loss, path, dtype):
    ours, twin = both(Architecture((2,), layers, loss), dtype)
    record = Comparability(ours, twin, accuracies())
    assert record.differences == []
    assert record.comparable
    assert ours.loss_path == twin.loss_path == path
    assert twin.layer_dtype == twin.loss_dtype == twin.metric_dtype == dtype
    assert (ours.backend, twin.backend) == ("numpy", "tensorflow")
    assert ours.updates == 15


def test_everything_that_must_not_differ_is_named():
    ours, twin = both()
    for field, value in [
        ("initial_weights", "0"),
        ("batch_order", "0"),
        ("updates", 14),
        ("layer_dtype", "float32"),
        ("loss_dtype", "float32"),
        ("metric_dtype", "float32"),
        ("loss_path", "clipped"),
    ]:
        other = dataclasses.replace(twin, **{field: value})
        record = Comparability(ours, other, accuracies())
        assert not record.comparable
        [difference] = record.differences
        assert difference.startswith(field.replace("_", " "))


def test_weights_off_by_one_bit_have_another_hash():
    weights = {"dense_1/kernel": np.ones((2, 3)), "dense_1/bias": np.zeros(3)}
    same = dict(reversed(weights.items()))
    assert hash_weights(weights) == hash_weights(same)
    moved = weights | {"dense_1/kernel": np.nextafter(weights["dense_1/kernel"], 2)}
    transposed = weights | {"dense_1/kernel": np.ones((3, 2))}
    rounded = {name: value.astype("float32") for name, value in weights.items()}
    negative = weights | {"dense_1/bias": -np.zeros(3)}
    hashes = {hash_weights(w) for w in (weights, moved, transposed, rounded, negative)}
    assert len(hashes) == 5


def test_memory_order_of_weights_does_not_matter():
    kernel = np.random.RandomState(0).randn(3, 4)
    assert hash_weights({"k": kernel}) == hash_weights({"k": np.asfortranarray(kernel)})


def test_other_batches_have_another_hash():
    orders = [
        (ORDER, 5),
        (ORDER, 6),
        (BatchOrder(10, 4, 4), 5),
        (BatchOrder(10, 5, 3), 5),
        (BatchOrder(10, 4), 5),
        (BatchOrder(10), 5),
    ]
    assert len({hash_order(order, epochs) for order, epochs in orders}) == len(orders)
    assert hash_order(BatchOrder(10, 4, 3), 5) == hash_order(ORDER, 5)


@pytest.mark.parametrize(("correct", "samples"), [(0, 1), (1, 1), (98, 100), (999, 1000)])
def test_wilson_interval_is_where_the_score_test_does_not_reject(correct, samples):
    # Both ends solve (p - rate)^2 = z^2 p (1 - p) / n.
    for p in wilson_interval(correct, samples):
        left = (p - correct / samples) ** 2
        assert left == pytest.approx(1.959963984540054**2 * p * (1 - p) / samples, abs=1e-12)


def test_098_of_a_hundred_samples_says_little():
    low, high = wilson_interval(98, 100)
    assert low < 0.94
    assert high > 0.99


def test_mcnemar_sums_the_tails_of_the_binomial_distribution():
    # Of 12 samples that only one side gets right, 2 or fewer, or 10 or more, at 1/2 each.
    assert mcnemar(10, 2) == mcnemar(2, 10) == pytest.approx(2 * (1 + 12 + 66) / 2**12)
    assert mcnemar(1, 0) == 1.0
    assert mcnemar(0, 30) == pytest.approx(2 / 2**30)


def test_sides_that_never_differ_are_not_told_apart():
    assert mcnemar(0, 0) == 1.0
    assert mcnemar(3000, 3000) == 1.0


def test_accuracies_count_what_each_side_alone_gets_right():
    found = accuracies()
    assert (found.samples, found.scratchnet_correct, found.keras_correct) == (4, 3, 3)
    assert (found.only_scratchnet, found.only_keras, found.mcnemar) == (1, 1, 1.0)


def test_class_numbers_and_one_hot_targets_count_alike():
    prediction = np.array([[0.1, 0.7, 0.2], [0.5, 0.2, 0.3]])
    one_hot = compare_accuracies(np.array([[0, 1, 0], [0, 0, 1]]), prediction, prediction)
    classes = compare_accuracies(np.array([[1], [2]]), prediction, prediction)
    assert one_hot == classes
    assert one_hot.scratchnet_correct == 1


def test_row_has_a_column_for_everything_on_each_side():
    row = Comparability(*both(), accuracies()).row()
    assert row["comparable"] is True
    assert row["scratchnet_initial_weights"] == row["keras_initial_weights"]
    assert {"keras_jit", "keras_loss_path", "samples", "mcnemar", "scratchnet_low"} <= row.keys()


def test_a_record_comes_back_from_its_row():
    record = Comparability(*both(), accuracies())
    assert Comparability.from_row(record.row()) == record
