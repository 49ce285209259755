"""Training the Keras twin on given batches.

Two ways, for two questions. `train` answers what Keras learns: Keras's model, loss, optimizer
and metrics in a training loop of their own, which runs whole epochs inside one `tf.function`,
because ten thousand epochs through ``Model.fit`` would take minutes; a test holds it against
``Model.fit``. `fit_seconds` answers what Keras costs: ``Model.fit`` as people call it.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from keras_baseline.model import build_accuracy, build_loss
from keras_baseline.optimizers import build_optimizer
from scratchnet.architecture import Architecture
from scratchnet.optimizers import Optimizer
from scratchnet.training import BatchOrder, History

Array = NDArray[Any]

OnEpochs = Callable[[int, History], None]
"""Called from time to time with the number of epochs done and the history so far."""


def train(
    model: Any,
    architecture: Architecture,
    dtype: str,
    optimizer: Optimizer,
    x: Array,
    y: Array,
    *,
    order: BatchOrder,
    epochs: int,
    validation_data: tuple[Array, Array],
    on_epochs: OnEpochs | None = None,
    pause_at: tuple[int, ...] = (),
) -> History:
    """Train on the batches of `order`, in that order.

    Parameters
    ----------
    model
        From `keras_baseline.model.build`; its weights are changed.
    architecture, dtype
        What the model was built from.
    optimizer
        How to update it.
    x, y
        ``(samples, features)`` and ``(samples, units)``, or ``(samples, 1)`` class numbers.
    order
        The batches.
    epochs
        How often to go through the samples.
    validation_data
        Inputs and targets to evaluate after each epoch.
    on_epochs
        Called after every hundredth of the epochs, and at `pause_at`.
    pause_at
        Numbers of epochs after which `on_epochs` must be called, to look at the weights.

    Returns
    -------
    History
        In the meaning of ``Model.fit``; without seconds, which this loop does not stand for.
    """
    epoch_run = _compile_epochs(model, architecture, dtype, optimizer, x, y, order, validation_data)
    history = History()
    done = 0
    stops = sorted({n for n in pause_at if 0 < n < epochs} | {epochs})
    chunk = max(1, epochs // 100)
    for stop in stops:
        while done < stop:
            count = min(chunk, stop - done)
            orders = np.stack([order.epoch(done + i) for i in range(count)])
            rows = epoch_run(tf.constant(orders, tf.int32)).numpy()
            history.loss += rows[:, 0].tolist()
            history.accuracy += rows[:, 1].tolist()
            history.val_loss += rows[:, 2].tolist()
            history.val_accuracy += rows[:, 3].tolist()
            done += count
            if on_epochs is not None:
                on_epochs(done, history)
    return history


def _compile_epochs(
    model: Any,
    architecture: Architecture,
    dtype: str,
    optimizer: Optimizer,
    x: Array,
    y: Array,
    order: BatchOrder,
    validation_data: tuple[Array, Array],
) -> Any:
    """Compile a function from sample orders ``(epochs, samples)`` to rows of the history."""
    loss_function = build_loss(architecture, dtype)
    mean_loss = keras.metrics.Mean(dtype=dtype)
    accuracy = build_accuracy(architecture, dtype)
    inputs, targets = _tensor(x, dtype), _tensor(y, dtype)
    val_inputs, val_targets = (_tensor(values, dtype) for values in validation_data)
    weights = model.trainable_variables
    updater = build_optimizer(optimizer, dtype)
    updater.build(weights)
    # Metrics make their variables at their first use, which may not be inside a loop.
    mean_loss.update_state(0.0)
    accuracy.update_state(val_targets[:1], model(val_inputs[:1]))
    samples, batch_size = order.samples, order.batch_size or order.samples

    def train_step(chosen: Any) -> None:
        batch_inputs, batch_targets = tf.gather(inputs, chosen), tf.gather(targets, chosen)
        with tf.GradientTape() as tape:
            prediction = model(batch_inputs, training=True)
            loss = loss_function(batch_targets, prediction)
        updater.apply(tape.gradient(loss, weights), weights)
        mean_loss.update_state(loss, sample_weight=tf.shape(chosen)[0])
        accuracy.update_state(batch_targets, prediction)

    @tf.function  # type: ignore[untyped-decorator]
    def run_epochs(orders: Any) -> Any:
        count = tf.shape(orders)[0]
        rows = tf.TensorArray(dtype, size=count, element_shape=(4,))
        for epoch in tf.range(count):
            mean_loss.reset_state()
            accuracy.reset_state()
            for start in tf.range(0, samples, batch_size):
                train_step(orders[epoch, start : start + batch_size])
            trained = (mean_loss.result(), accuracy.result())
            accuracy.reset_state()
            prediction = model(val_inputs, training=False)
            accuracy.update_state(val_targets, prediction)
            validated = (loss_function(val_targets, prediction), accuracy.result())
            rows = rows.write(epoch, tf.stack([*trained, *validated]))
        return rows.stack()

    return run_epochs


def fit_seconds(
    model: Any,
    architecture: Architecture,
    dtype: str,
    optimizer: Optimizer,
    x: Array,
    y: Array,
    *,
    order: BatchOrder,
    epochs: int,
) -> list[float]:
    """Time ``Model.fit`` as people call it: compile, fit, no validation.

    Parameters
    ----------
    model, architecture, dtype, optimizer, x, y, order
        As for `train`; the model is compiled at the first call and kept for later ones.
    epochs
        How many to time; one more is run first and not counted, for tracing and compilation.

    Returns
    -------
    list of float
        Seconds per epoch, from one ``on_epoch_begin`` to its ``on_epoch_end``.
    """
    if not model.compiled:
        model.compile(
            optimizer=build_optimizer(optimizer, dtype),
            loss=build_loss(architecture, dtype),
            metrics=[build_accuracy(architecture, dtype)],
        )
    clock = _EpochClock()
    shuffle = order.shuffle_seed is not None
    # Model.fit rounds NumPy arrays to float32; tensors of the model's dtype pass as they are.
    model.fit(
        _tensor(x, dtype),
        _tensor(y, dtype),
        batch_size=order.batch_size or order.samples,
        epochs=epochs + 1,
        shuffle=shuffle,
        verbose=0,
        callbacks=[clock],
    )
    return clock.seconds[1:]


class _EpochClock(keras.callbacks.Callback):  # type: ignore[misc]
    """Measures every epoch of a ``Model.fit``."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []
        self._started = 0.0

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:  # noqa: ARG002
        self._started = perf_counter()

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:  # noqa: ARG002
        self.seconds.append(perf_counter() - self._started)


def _tensor(values: Array, dtype: str) -> Any:
    """Turn data into a tensor: class numbers stay integers, all else gets the model's dtype."""
    return tf.constant(values, tf.int64 if values.dtype.kind in "iu" else dtype)
