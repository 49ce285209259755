import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scratchnet import (
    SGD,
    Adam,
    Architecture,
    BatchOrder,
    Dense,
    History,
    Network,
    OptimizerState,
    evaluate,
    fit,
)
from scratchnet.metrics import correct_predictions
from scratchnet.training import Training

BINARY = Architecture((2,), (Dense(5, "tanh"), Dense(1, "sigmoid")), "binary_crossentropy")
CLASSES = Architecture(
    (2,), (Dense(5, "relu"), Dense(3, "softmax")), "sparse_categorical_crossentropy"
)


def started(architecture, optimizer=None, seed=1, dtype="float64"):
    """A network and its optimizer's state."""
    network = Network(architecture, seed=seed, dtype=dtype)
    return network, OptimizerState(optimizer or SGD(0.1), network.parameters)


@given(
    samples=st.integers(1, 30),
    batch_size=st.none() | st.integers(1, 40),
    shuffle_seed=st.none() | st.integers(0, 5),
)
def test_every_epoch_has_every_sample_once(samples, batch_size, shuffle_seed):
    order = BatchOrder(samples, batch_size, shuffle_seed)
    for epoch in (0, 3):
        batches = list(order.batches(epoch))
        assert sorted(np.concatenate(batches)) == list(range(samples))
        sizes = [len(batch) for batch in batches]
        size = min(batch_size or samples, samples)
        assert sizes[:-1] == [size] * (len(sizes) - 1)
        assert 0 < sizes[-1] <= size
        assert [stop - start for start, stop in order.bounds] == sizes


def test_shuffled_order_depends_on_seed_and_epoch_alone():
    order = BatchOrder(50, 8, shuffle_seed=3)
    np.testing.assert_array_equal(order.epoch(2), BatchOrder(50, 9, 3).epoch(2))
    assert not np.array_equal(order.epoch(2), order.epoch(3))
    assert not np.array_equal(order.epoch(2), BatchOrder(50, 8, 4).epoch(2))
    np.testing.assert_array_equal(BatchOrder(50).epoch(7), np.arange(50))


@pytest.mark.parametrize("batch_size", [0, -3])
def test_batch_size_must_be_positive(batch_size):
    with pytest.raises(ValueError, match=f"batch_size = {batch_size}"):
        BatchOrder(10, batch_size)


@pytest.mark.parametrize("architecture", [BINARY, CLASSES])
@pytest.mark.parametrize(
    ("batch_size", "shuffle_seed"), [(None, None), (None, 4), (8, None), (8, 4)]
)
def test_fit_is_one_train_step_per_batch(architecture, batch_size, shuffle_seed, make_batch):
    x, y = make_batch(architecture, 21)
    network, state = started(architecture, Adam(0.05))
    history = fit(
        network, x, y, optimizer=state, epochs=4, batch_size=batch_size, shuffle_seed=shuffle_seed
    )
    by_hand, by_hand_state = started(architecture, Adam(0.05))
    order = BatchOrder(21, batch_size, shuffle_seed)
    sparse = architecture is CLASSES
    for epoch in range(4):
        loss, correct = 0.0, 0
        for batch in order.batches(epoch):
            correct += correct_predictions(by_hand.predict(x[batch]), y[batch], sparse=sparse)
            loss += by_hand.train_step(x[batch], y[batch], by_hand_state) * len(batch)
        # The running mean of the losses before each update, weighted by batch size.
        assert history.loss[epoch] == pytest.approx(loss / 21, rel=1e-14)
        assert history.accuracy[epoch] == correct / 21
    np.testing.assert_array_equal(network.parameters.values, by_hand.parameters.values)
    assert state.iterations == 4 * len(order.bounds)


def test_validation_is_evaluated_at_the_end_of_each_epoch(make_batch):
    x, y = make_batch(BINARY, 20)
    held_out = make_batch(BINARY, 7, seed=9)
    network, state = started(BINARY)
    seen = []

    def record(epoch, history):
        seen.append((epoch, evaluate(network, *held_out)))

    history = fit(
        network,
        x,
        y,
        optimizer=state,
        epochs=3,
        batch_size=6,
        validation_data=held_out,
        on_epoch_end=record,
    )
    assert [epoch for epoch, _ in seen] == [0, 1, 2]
    assert seen == [
        (epoch, pair)
        for epoch, pair in enumerate(zip(history.val_loss, history.val_accuracy, strict=True))
    ]
    # Without updates the loss of an epoch is that of evaluate.
    frozen = fit(network, x, y, optimizer=OptimizerState(SGD(0.0), network.parameters), epochs=1)
    assert (frozen.loss[0], frozen.accuracy[0]) == pytest.approx(evaluate(network, x, y), rel=1e-14)


def test_history_has_one_entry_per_epoch_and_no_validation_unless_asked(make_batch):
    network, state = started(BINARY)
    history = fit(network, *make_batch(BINARY, 9), optimizer=state, epochs=5)
    assert len(history.loss) == len(history.accuracy) == len(history.seconds) == 5
    assert history.val_loss == history.val_accuracy == []
    assert all(isinstance(value, float) for value in history.loss + history.accuracy)


def test_training_goes_on_where_it_stopped(make_batch):
    x, y = make_batch(BINARY, 16)
    at_once, at_once_state = started(BINARY, Adam())
    fit(at_once, x, y, optimizer=at_once_state, epochs=6)
    in_parts, in_parts_state = started(BINARY, Adam())
    for _ in range(3):
        fit(in_parts, x, y, optimizer=in_parts_state, epochs=2)
    np.testing.assert_array_equal(at_once.parameters.values, in_parts.parameters.values)


def test_no_epochs_change_nothing(make_batch):
    network, state = started(BINARY)
    before = network.parameters.values.copy()
    assert fit(network, *make_batch(BINARY, 4), optimizer=state, epochs=0).loss == []
    np.testing.assert_array_equal(network.parameters.values, before)


def test_data_are_left_as_they_are(make_batch):
    for architecture in (BINARY, CLASSES):
        x, y = make_batch(architecture, 13)
        kept = x.copy(), y.copy()
        network, state = started(architecture)
        fit(network, x, y, optimizer=state, epochs=2, batch_size=5, shuffle_seed=1)
        fit(network, x, y, optimizer=state, epochs=2, validation_data=(x, y))
        np.testing.assert_array_equal(x, kept[0])
        np.testing.assert_array_equal(y, kept[1])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_xor_is_learnt(dtype):
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    y = np.array([0, 1, 1, 0])
    network, state = started(BINARY, Adam(0.05), dtype=dtype)
    history = fit(network, x, y, optimizer=state, epochs=400)
    assert history.accuracy[-1] == 1.0
    assert history.loss[-1] < 0.05


@pytest.mark.parametrize("epochs", [-1, -10])
def test_negative_epochs_are_refused(epochs, make_batch):
    network, state = started(BINARY)
    with pytest.raises(ValueError, match=f"epochs = {epochs}"):
        fit(network, *make_batch(BINARY, 4), optimizer=state, epochs=epochs)


def test_validation_data_that_do_not_fit_are_refused_before_training(make_batch):
    network, state = started(BINARY)
    with pytest.raises(ValueError, match=r"y: shape \(4, 3\)"):
        fit(
            network,
            *make_batch(BINARY, 4),
            optimizer=state,
            epochs=1,
            validation_data=(np.zeros((4, 2)), np.zeros((4, 3))),
        )
    assert state.iterations == 0


@pytest.mark.parametrize("architecture", [BINARY, CLASSES])
def test_epochs_of_fit_allocate_no_arrays(architecture, make_batch):
    samples = 20_000
    x, y = make_batch(architecture, samples)
    network, state = started(architecture)
    peaks = []

    def measure(epoch, history):
        peaks.append(tracemalloc.get_traced_memory()[1] - in_use[-1])
        in_use.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.reset_peak()

    in_use = [0]
    tracemalloc.start()
    try:
        fit(network, x, y, optimizer=state, epochs=4, on_epoch_end=measure)
    finally:
        tracemalloc.stop()
    # The smallest array with a number per sample would be a mask of 20 kB.
    assert max(peaks[1:]) < samples / 4


def test_training_stops_where_the_callback_says_so(make_batch):
    network = Network(BINARY, seed=0)
    state = OptimizerState(SGD(0.1), network.parameters)
    stop = {"on_epoch_end": lambda epoch, _history: epoch == 2}
    assert len(fit(network, *make_batch(BINARY, 8), optimizer=state, epochs=9, **stop).loss) == 3
    assert state.iterations == 3


def test_a_learning_rate_that_changes_is_that_of_a_new_optimizer(make_batch):
    x, y = make_batch(BINARY, 8, "float32")
    network, plain = (Network(BINARY, seed=0) for _ in range(2))
    state = OptimizerState(SGD(0.5), network.parameters)
    fit(
        network,
        x,
        y,
        optimizer=state,
        epochs=2,
        on_epoch_end=lambda _epoch, _history: state.set_learning_rate(0.01),
    )
    for rate in (0.5, 0.01):
        plain.train_step(x, y, OptimizerState(SGD(rate), plain.parameters))
    for name, value in plain.weights.items():
        np.testing.assert_array_equal(network.weights[name], value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 2.5}, "epochs = 2.5; expected an integer of at least 0"),
        ({"epochs": True}, "epochs = True"),
        ({"batch_size": 2.5}, "batch_size = 2.5; expected an integer of at least 1"),
        ({"batch_size": True}, "batch_size = True"),
        ({"shuffle_seed": 1.5}, "shuffle_seed = 1.5"),
        ({"optimizer": "adam"}, "optimizer = 'adam'; expected an OptimizerState"),
        ({"optimizer": SGD(0.1)}, "expected an OptimizerState, as OptimizerState(SGD"),
        ({"validation_data": (1, 2, 3)}, "validation_data: expected two entries"),
        ({"x": np.ma.masked_array(np.ones((4, 2)), mask=np.eye(4, 2))}, "x: a masked array"),
        ({"x": np.ones((4, 2)) * 1j}, "x: complex numbers; expected real numbers"),
        ({"x": np.full((4, 2), np.inf)}, "x[0, 0] = inf; expected a finite number"),
        ({"x": np.full((4, 2), 1e300)}, "x[0, 0] = 1e+300; expected a finite number in float32"),
        ({"x": [[1.0], [1.0, 2.0]]}, "x: rows of different lengths"),
        ({"y": np.array(["a", "b", "a", "b"])}, "y: text; expected real numbers"),
        ({"y": np.array([0, 1, np.nan, 1])}, "y[2] = nan"),
    ],
)
def test_what_training_cannot_take_is_named_in_one_line(changes, message):
    network = Network(BINARY, seed=0)
    given = {
        "x": np.ones((4, 2)),
        "y": np.array([0.0, 1.0, 0.0, 1.0]),
        "optimizer": OptimizerState(SGD(0.1), network.parameters),
        "epochs": 1,
    } | changes
    before = network.weights
    with pytest.raises((ValueError, TypeError)) as caught:
        fit(network, given.pop("x"), given.pop("y"), **given)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    for name, value in before.items():
        np.testing.assert_array_equal(network.weights[name], value)


def test_an_optimizer_of_another_network_is_refused():
    network, other = Network(BINARY, seed=0), Network(BINARY, seed=0)
    state = OptimizerState(SGD(0.1), other.parameters)
    with pytest.raises(ValueError, match="another network's parameters"):
        fit(network, np.ones((4, 2)), np.ones(4), optimizer=state, epochs=1)


def test_a_history_is_shown_in_a_line():
    history = History(loss=[0.5, 0.25], accuracy=[0.5, 1.0])
    assert repr(history) == "History(2 epochs, loss 0.25, accuracy 1)"


def test_a_described_training_starts_from_its_weights_and_is_that_of_fit(make_batch):
    (x, y), held_out = make_batch(BINARY, 11), make_batch(BINARY, 4)
    plain, state = started(BINARY, Adam(0.01), seed=7, dtype="float32")
    weights = plain.weights
    described = Training(
        architecture=BINARY,
        dtype="float32",
        optimizer=Adam(0.01),
        weights=weights,
        x=x,
        y=y,
        order=BatchOrder(11, 4, shuffle_seed=2),
        epochs=3,
        validation_data=held_out,
        noise_seed=1,
    )
    settings = {"batch_size": 4, "shuffle_seed": 2, "validation_data": held_out}
    expected = fit(plain, x, y, optimizer=state, epochs=3, **settings)
    for _ in range(2):  # a training can be repeated: nothing of it was changed
        network = described.network()
        assert network.seed == 1
        for name, weight in network.weights.items():
            np.testing.assert_array_equal(weight, weights[name], strict=True)
        history = described.fit(network, OptimizerState(Adam(0.01), network.parameters))
        for curve in ("loss", "accuracy", "val_loss", "val_accuracy"):
            assert getattr(history, curve) == getattr(expected, curve)
