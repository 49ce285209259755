"""Callbacks count as Keras's: both are driven through the same curves."""

import csv
import itertools
import math

import keras
import numpy as np
import pytest

from scratchnet import SGD, Architecture, Dense, Network, OptimizerState, callbacks, fit
from scratchnet.callbacks import OngoingTraining
from scratchnet.errors import ArchitectureError

CURVES = {
    "falls, then rises": [1.0, 0.8, 0.7, 0.75, 0.72, 0.71, 0.69, 0.7, 0.7, 0.7],
    "rises": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6],
    "small steps": [1.0, 0.995, 0.99, 0.985, 0.98, 0.5, 0.51, 0.52],
    "not a number": [1.0, 0.9, math.nan, 0.95, 0.8, math.nan, math.nan, 0.7],
    "constant": [0.5] * 6,
}


def network(dtype="float32"):
    architecture = Architecture(
        (2,), (Dense(3, "tanh"), Dense(1, "sigmoid")), "binary_crossentropy"
    )
    return Network(architecture, seed=1, dtype=dtype)


def data(samples=20):
    x = np.random.RandomState(0).randn(samples, 2)
    return x, (x[:, :1] > 0) * 1.0


def model_of_keras(rate=0.5):
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(rate), loss="mse")
    return model


def drive_keras(callback, curve, monitor):
    """Return the epoch after which it stopped, what it noted, and the rates after each epoch."""
    model = model_of_keras()
    callback.set_model(model)
    callback.on_train_begin()
    model.stop_training = False
    rates, epoch = [], -1
    for epoch, value in enumerate(curve):
        callback.on_epoch_begin(epoch)
        callback.on_epoch_end(epoch, {monitor: value})
        rates.append(float(model.optimizer.learning_rate.numpy()))
        if model.stop_training:
            break
    return epoch, rates


def drive_ours(callback, curve, monitor):
    """Do the same to one of ours."""
    net = network()
    training = OngoingTraining(
        net,
        OptimizerState(SGD(0.5), net.parameters),
        {"loss": "down", "accuracy": "up"},
        has_validation=True,
    )
    callback.training = training
    callback.on_train_begin()
    rates, epoch = [], -1
    for epoch, value in enumerate(curve):
        callback.on_epoch_begin(epoch)
        callback.on_epoch_end(epoch, {monitor: value})
        rates.append(training.learning_rate)
        if training.stop_training:
            break
    return epoch, rates


@pytest.mark.parametrize("curve", CURVES.values(), ids=CURVES)
@pytest.mark.parametrize("monitor", ["val_loss", "accuracy"])
def test_early_stopping_ends_after_the_epoch_in_which_keras_ends(curve, monitor):
    for patience, delta, baseline, start in itertools.product(
        (0, 1, 2), (0.0, 0.02), (None, 0.6), (0, 3)
    ):
        settings = {
            "monitor": monitor,
            "mode": "max" if monitor == "accuracy" else "min",
            "patience": patience,
            "min_delta": delta,
            "baseline": baseline,
            "start_from_epoch": start,
        }
        ours = callbacks.EarlyStopping(**settings)
        theirs = keras.callbacks.EarlyStopping(**settings)
        assert drive_ours(ours, curve, monitor) == drive_keras(theirs, curve, monitor), settings
        assert (ours.stopped_epoch, ours.wait) == (theirs.stopped_epoch, theirs.wait), settings
        assert ours.best_epoch == theirs.best_epoch, settings


@pytest.mark.parametrize("curve", CURVES.values(), ids=CURVES)
def test_the_rate_is_lowered_as_by_keras(curve):
    for patience, cooldown, least in itertools.product((0, 1, 2), (0, 2), (0.0, 0.02)):
        settings = {"factor": 0.2, "patience": patience, "cooldown": cooldown, "min_lr": least}
        _, ours = drive_ours(callbacks.ReduceLROnPlateau(**settings), curve, "val_loss")
        _, theirs = drive_keras(keras.callbacks.ReduceLROnPlateau(**settings), curve, "val_loss")
        assert ours == theirs, settings


def test_a_scheduler_sets_the_rate_that_keras_sets():
    def schedule(epoch, rate):
        return rate * 0.9 if epoch else rate

    _, ours = drive_ours(callbacks.LearningRateScheduler(schedule), [1.0] * 4, "val_loss")
    _, theirs = drive_keras(keras.callbacks.LearningRateScheduler(schedule), [1.0] * 4, "val_loss")
    assert ours == theirs


def train(*called, network_=None, epochs=6, **settings):
    net = network_ or network()
    state = OptimizerState(SGD(0.5), net.parameters)
    x, y = data()
    history = fit(
        net, x, y, optimizer=state, epochs=epochs, batch_size=5, callbacks=called, **settings
    )
    return net, history


def test_the_last_share_of_the_samples_is_validated_on():
    x, y = data()
    net, split = train(validation_split=0.3)
    other = network()
    state = OptimizerState(SGD(0.5), other.parameters)
    told = fit(
        other,
        x[:14],
        y[:14],
        optimizer=state,
        epochs=6,
        batch_size=5,
        validation_data=(x[14:], y[14:]),
    )
    assert split.val_loss == told.val_loss
    assert split.loss == told.loss
    for name, value in net.weights.items():
        np.testing.assert_array_equal(value, other.weights[name])


@pytest.mark.parametrize("share", [1.0, -0.1, True, 0.999])
def test_a_share_that_leaves_nothing_is_refused(share):
    with pytest.raises(ValueError, match="validation_split"):
        train(validation_split=share)


def test_training_goes_on_at_the_initial_epoch():
    net, whole = train(epochs=6, shuffle_seed=3)
    other, first = train(epochs=4, shuffle_seed=3)
    _, rest = train(network_=other, epochs=6, initial_epoch=4, shuffle_seed=3)
    assert first.loss + rest.loss == whole.loss
    assert rest.epoch == [4, 5]
    for name, value in net.weights.items():
        np.testing.assert_array_equal(value, other.weights[name])


def test_the_best_weights_come_back():
    seen = {}
    keep = callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, _: seen.update({epoch: stopping.training.network.weights})
    )
    stopping = callbacks.EarlyStopping("loss", mode="max", restore_best_weights=True)
    net, history = train(stopping, keep)
    assert stopping.best_epoch == int(np.argmax(history.loss))
    for name, value in seen[stopping.best_epoch].items():
        np.testing.assert_array_equal(value, net.weights[name])


def test_a_checkpoint_holds_the_weights_of_the_best_epoch(tmp_path):
    best = callbacks.ModelCheckpoint(tmp_path / "best.npz", monitor="loss", save_best_only=True)
    every = callbacks.ModelCheckpoint(tmp_path / "{epoch:02d}.npz")
    net, history = train(best, every)
    assert best.best == min(history.loss)
    assert len(list(tmp_path.glob("0*.npz"))) == 6
    with np.load(tmp_path / "06.npz", allow_pickle=False) as last:
        for name, value in net.weights.items():
            np.testing.assert_array_equal(value, last[name])


def test_what_is_not_finite_ends_training():
    net = network()
    net.set_weights({name: value * np.nan for name, value in net.weights.items()})
    _, history = train(callbacks.TerminateOnNaN(), network_=net)
    assert len(history.loss) == 1
    with pytest.raises(RuntimeError, match="the loss is nan"):
        train(callbacks.TerminateOnNaN(raise_error=True), network_=net)


def test_the_curves_are_written_as_keras_writes_them(tmp_path):
    _, history = train(callbacks.CSVLogger(tmp_path / "curves.csv"), validation_split=0.3)
    with (tmp_path / "curves.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    theirs = keras.callbacks.CSVLogger(str(tmp_path / "keras.csv"))
    theirs.set_model(model_of_keras())
    theirs.on_train_begin()
    for epoch in history.epoch:
        theirs.on_epoch_end(epoch, {name: c[epoch] for name, c in history.history.items()})
    theirs.on_train_end()
    with (tmp_path / "keras.csv").open(newline="") as file:
        assert rows == list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: callbacks.EarlyStopping(patience=-1), "EarlyStopping: patience = -1; expected"),
        (lambda: callbacks.EarlyStopping(mode="up"), "EarlyStopping: .*mode"),
        (lambda: callbacks.ReduceLROnPlateau(factor=1.0), "factor = 1.0; expected"),
        (lambda: callbacks.ModelCheckpoint("weights.h5"), "ends in .npz"),
        (lambda: callbacks.ModelCheckpoint(save_freq=0), "save_freq = 0; expected"),
    ],
)
def test_a_wrong_argument_is_named(make, words):
    with pytest.raises(ArchitectureError, match=words):
        make()


@pytest.mark.parametrize(
    ("called", "words"),
    [
        (callbacks.EarlyStopping("val_loss"), "no validation data"),
        (callbacks.EarlyStopping("precision"), "give mode"),
        (callbacks.EarlyStopping("precision", mode="max"), "is not measured; expected one of loss"),
        (callbacks.ModelCheckpoint("{f1}.npz"), "expected one of epoch"),
    ],
)
def test_a_curve_that_there_is_not_is_named(called, words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=words):
        train(called)


def test_what_is_no_callback_is_refused():
    with pytest.raises(TypeError, match=r"expected objects of scratchnet\.callbacks"):
        train("EarlyStopping")
    with pytest.raises(TypeError, match="unknown argument 'on_epoch'"):
        callbacks.LambdaCallback(on_epoch=print)
