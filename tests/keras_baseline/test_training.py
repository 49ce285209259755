import numpy as np
import pytest
import tensorflow as tf

from keras_baseline.model import build, build_accuracy, build_loss
from keras_baseline.optimizers import build_optimizer
from keras_baseline.training import fit_seconds, train
from keras_baseline.weights import get_weights, set_weights
from scratchnet import (
    SGD,
    Adam,
    AdamW,
    Architecture,
    BatchOrder,
    Dense,
    Network,
    OptimizerState,
    RMSprop,
)
from scratchnet.training import Training

BINARY = Architecture(
    (2,), (Dense(6, "relu"), Dense(5, "tanh"), Dense(1, "sigmoid")), "binary_crossentropy"
)
CLASSES = Architecture(
    (2,), (Dense(6, "tanh"), Dense(3, "softmax")), "sparse_categorical_crossentropy"
)
SAMPLES = 22


def problem(architecture, samples=SAMPLES, seed=0):
    """Inputs and a pattern that can be learnt."""
    x = np.random.RandomState(seed).randn(samples, 2)
    quadrant = (x[:, 0] * x[:, 1] > 0).astype(np.int64)
    if architecture is CLASSES:
        return x, (quadrant + (x[:, 0] > 0)).reshape(-1, 1)
    return x, quadrant.reshape(-1, 1).astype(float)


def training(architecture, dtype, optimizer, order, epochs, seed=1):
    """All that a training on the problem depends on."""
    x, y = problem(architecture)
    return Training(
        architecture=architecture,
        dtype=dtype,
        optimizer=optimizer,
        weights=Network(architecture, seed=seed, dtype=dtype).weights,
        x=x,
        y=y,
        order=order,
        epochs=epochs,
        validation_data=problem(architecture, 9, seed=5),
    )


def both(architecture, optimizer, order, epochs, dtype="float64"):
    """Histories of both sides, from the same weights and over the same batches."""
    shared = training(architecture, dtype, optimizer, order, epochs)
    network = shared.network()
    model = build(architecture, dtype)
    set_weights(model, shared.weights)
    theirs = train(model, shared)
    ours = shared.fit(network, OptimizerState(optimizer, network.parameters))
    return ours, theirs, network.weights, get_weights(model)


FULL = BatchOrder(SAMPLES)
SHUFFLED = BatchOrder(SAMPLES, batch_size=5, shuffle_seed=3)  # four of 5 and one of 2


@pytest.mark.parametrize("order", [FULL, SHUFFLED], ids=["full", "shuffled"])
@pytest.mark.parametrize(
    "optimizer",
    [
        SGD(0.1),
        SGD(0.01, momentum=0.9),
        SGD(0.01, momentum=0.9, nesterov=True),
        RMSprop(0.003),
        Adam(0.01),
        AdamW(0.01),
    ],
    ids=str,
)
def test_loss_curves_are_those_of_keras_for_200_epochs(optimizer, order):
    ours, theirs, our_weights, their_weights = both(BINARY, optimizer, order, epochs=200)
    np.testing.assert_allclose(ours.loss, theirs.loss, rtol=1e-10)
    np.testing.assert_allclose(ours.val_loss, theirs.val_loss, rtol=1e-10)
    np.testing.assert_array_equal(ours.accuracy, theirs.accuracy)
    np.testing.assert_array_equal(ours.val_accuracy, theirs.val_accuracy)
    # The curve has gone somewhere.
    assert ours.loss[-1] < 0.7 * ours.loss[0]
    for name, weight in our_weights.items():
        bound = 1e-9 * np.abs(weight).max()
        np.testing.assert_allclose(weight, their_weights[name], rtol=0, atol=bound)


def test_loss_curves_of_classes_are_those_of_keras_for_200_epochs():
    ours, theirs, *_ = both(CLASSES, Adam(0.01), SHUFFLED, epochs=200)
    np.testing.assert_allclose(ours.loss, theirs.loss, rtol=1e-10)
    np.testing.assert_allclose(ours.val_loss, theirs.val_loss, rtol=1e-10)
    np.testing.assert_array_equal(ours.accuracy, theirs.accuracy)
    assert ours.loss[-1] < 0.7 * ours.loss[0]


def test_float32_curves_are_as_far_from_the_float64_curve_on_either_side():
    exact, *_ = both(BINARY, SGD(0.1), SHUFFLED, epochs=20)
    ours, theirs, *_ = both(BINARY, SGD(0.1), SHUFFLED, epochs=20, dtype="float32")
    errors = [np.abs(np.array(h.loss) / exact.loss - 1).max() for h in (ours, theirs)]
    # A float64 side, or one in lower precision, would not be within an order of magnitude.
    assert 0.1 < errors[0] / errors[1] < 10
    assert max(errors) < 1e-5
    np.testing.assert_allclose(ours.accuracy, theirs.accuracy, rtol=1e-7)


@pytest.mark.parametrize("architecture", [BINARY, CLASSES], ids=["binary", "classes"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_history_is_that_of_model_fit_on_the_same_batches(architecture, dtype):
    optimizer, order = SGD(0.1, momentum=0.5), BatchOrder(SAMPLES, batch_size=5)
    shared = training(architecture, dtype, optimizer, order, epochs=4, seed=2)
    model = build(architecture, dtype)
    set_weights(model, shared.weights)
    ours = train(model, shared)

    fitted = build(architecture, dtype)
    set_weights(fitted, shared.weights)
    fitted.compile(
        optimizer=build_optimizer(optimizer, dtype),
        loss=build_loss(architecture, dtype),
        metrics=[build_accuracy(architecture, dtype)],
    )
    # Model.fit rounds float64 arrays and tensors to float32, but leaves a tf.data.Dataset alone.
    data, validation = (
        tf.data.Dataset.from_tensor_slices(
            tuple(tf.constant(a, dtype if a.dtype.kind == "f" else None) for a in pair)
        ).batch(size)
        for pair, size in (((shared.x, shared.y), 5), (shared.validation_data, 9))
    )
    theirs = fitted.fit(
        data, epochs=4, shuffle=False, validation_data=validation, verbose=0
    ).history

    # Model.fit keeps the mean of the loss in float32 whatever the model's dtype.
    np.testing.assert_allclose(ours.loss, theirs["loss"], rtol=1e-6)
    np.testing.assert_allclose(ours.val_loss, theirs["val_loss"], rtol=1e-6)
    np.testing.assert_allclose(ours.accuracy, theirs["accuracy"], rtol=1e-7)
    np.testing.assert_allclose(ours.val_accuracy, theirs["val_accuracy"], rtol=1e-7)
    # The weights show that each of the 20 updates was the same, to rounding.
    for name, weight in get_weights(fitted).items():
        bound = 200 * np.finfo(dtype).eps * np.abs(weight).max()
        np.testing.assert_allclose(get_weights(model)[name], weight, rtol=0, atol=bound)


def test_progress_is_told_now_and_then_and_where_asked():
    model = build(BINARY, "float32")
    seen = []

    def look(done, history):
        seen.append((done, len(history.loss), get_weights(model)["dense_1/kernel"]))

    long = training(BINARY, "float32", SGD(0.1), FULL, epochs=250)
    train(model, long, on_epochs=look, pause_at=(1, 33, 250, 400))
    told = [done for done, _, _ in seen]
    assert told == sorted(set(told))
    assert {1, 33, 250} <= set(told)
    assert max(np.diff(told)) <= 2
    assert all(done == length for done, length, _ in seen)
    assert not np.array_equal(seen[0][2], seen[-1][2])


def test_fit_seconds_times_the_epochs_that_were_asked_for():
    model = build(BINARY, "float32")
    before = get_weights(model)["dense_1/kernel"]
    timed = training(BINARY, "float32", SGD(0.1), BatchOrder(SAMPLES, 8, 1), epochs=3)
    seconds = fit_seconds(model, timed)
    assert len(seconds) == 3
    assert all(value > 0 for value in seconds)
    assert not np.array_equal(get_weights(model)["dense_1/kernel"], before)
    # Compiled once; a second call goes on with it.
    compiled = model.train_function
    assert len(fit_seconds(model, timed)) == 3
    assert model.train_function is compiled
