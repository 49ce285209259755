"""Keras on TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_baseline.backends import NoiseSource
from keras_baseline.weights import trained
from scratchnet.training import BatchOrder
from scratchnet.types import Array


def differentiator(
    model: Any, loss: Callable[[Array, Any], Any]
) -> Callable[[Array, Array, list[Array]], tuple[float, dict[str, Array], dict[str, Array]]]:
    """Return a function that differentiates by a tape."""

    def differentiate(
        x: Array, y: Array, noise: list[Array]
    ) -> tuple[float, dict[str, Array], dict[str, Array]]:
        inputs = [tf.constant(given) for given in (x, *noise)]
        with tf.GradientTape() as tape:
            outputs = model(inputs if noise else inputs[0], training=True)
            value = loss(y, outputs)
            for penalty in model.losses:
                value += penalty
        tensors = outputs if isinstance(outputs, dict) else {}
        found = tape.gradient(value, {**tensors, **trained(model)})
        return (
            float(value),
            {name: tensor.numpy() for name, tensor in tensors.items()},
            {
                # The gradient of a table that was looked up is sparse.
                name: tf.convert_to_tensor(gradient).numpy()
                for name, gradient in found.items()
                if gradient is not None
            },
        )

    return differentiate


def updater(optimizer: Any) -> Callable[[list[Any], list[Any]], None]:
    """Return a function that updates variables from their gradients."""
    apply: Callable[[list[Any], list[Any]], None] = optimizer.apply
    return apply


def compile_epochs(
    model: Any,
    loss: Any,
    accuracy: Any,
    optimizer: Any,
    training: tuple[Any, Any],
    validation: tuple[Any, Any],
    order: BatchOrder,
    noise: NoiseSource | None = None,
) -> Callable[[Array], Array]:
    """Compile a function from sample orders to rows of the history.

    Whole epochs run inside one `tf.function`: ten thousand of them step by step would take
    minutes. Only with noise, which comes from outside, is each step called.
    """
    inputs, targets = training
    val_inputs, val_targets = validation
    dtype = inputs.dtype
    mean_loss = keras.metrics.Mean(dtype=dtype.name)
    weights = model.trainable_variables
    # Metrics make their variables at their first use, which may not be inside a loop.
    mean_loss.update_state(0.0)
    samples, batch_size = order.samples, order.batch_size or order.samples
    # In inference random layers ignore what they are given.
    ignored = [] if noise is None else [tf.constant(n, dtype) for n in noise(0, len(val_inputs))]

    def predict() -> Any:
        return model([val_inputs, *ignored] if ignored else val_inputs, training=False)

    accuracy.update_state(val_targets, predict())

    def total_loss(batch_targets: Any, prediction: Any) -> Any:
        value = loss(batch_targets, prediction)
        for penalty in model.losses:
            value += penalty
        return value

    def train_step(chosen: Any, *given: Any) -> None:
        batch_inputs, batch_targets = tf.gather(inputs, chosen), tf.gather(targets, chosen)
        with tf.GradientTape() as tape:
            prediction = model([batch_inputs, *given] if given else batch_inputs, training=True)
            value = total_loss(batch_targets, prediction)
        # Rows of one token are added up here, as on other backends (docs/findings.md, 14).
        gradients = [tf.convert_to_tensor(g) for g in tape.gradient(value, weights)]
        optimizer.apply(gradients, weights)
        mean_loss.update_state(value, sample_weight=tf.shape(chosen)[0])
        accuracy.update_state(batch_targets, prediction)

    @tf.function  # type: ignore[untyped-decorator]
    def run(orders: Any) -> Any:
        count = tf.shape(orders)[0]
        rows = tf.TensorArray(dtype, size=count, element_shape=(4,))
        for epoch in tf.range(count):
            mean_loss.reset_state()
            accuracy.reset_state()
            for start in tf.range(0, samples, batch_size):
                train_step(orders[epoch, start : start + batch_size])
            trained = (mean_loss.result(), accuracy.result())
            accuracy.reset_state()
            prediction = predict()
            accuracy.update_state(val_targets, prediction)
            validated = (total_loss(val_targets, prediction), accuracy.result())
            rows = rows.write(epoch, tf.stack([*trained, *validated]))
        return rows.stack()

    def run_epochs(orders: Array) -> Array:
        rows: Array = np.asarray(run(tf.constant(orders, tf.int32)))
        return rows

    if noise is None:
        return run_epochs

    step_with_noise = tf.function(train_step, reduce_retracing=True)
    steps = 0

    def run_epochs_with_noise(orders: Array) -> Array:
        nonlocal steps
        rows = []
        for samples_in_order in orders:
            mean_loss.reset_state()
            accuracy.reset_state()
            for start in range(0, samples, batch_size):
                chosen = samples_in_order[start : start + batch_size]
                given = [tf.constant(n, dtype) for n in noise(steps, len(chosen))]
                step_with_noise(tf.constant(chosen, tf.int32), *given)
                steps += 1
            trained_rows = [mean_loss.result(), accuracy.result()]
            accuracy.reset_state()
            prediction = predict()
            accuracy.update_state(val_targets, prediction)
            validated = [total_loss(val_targets, prediction), accuracy.result()]
            rows.append([float(value) for value in (*trained_rows, *validated)])
        return np.array(rows)

    return run_epochs_with_noise
