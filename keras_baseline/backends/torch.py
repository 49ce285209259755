"""Keras on PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import torch

from keras_baseline.backends import NoiseSource, NotANumberError
from keras_baseline.weights import trained
from scratchnet.training import BatchOrder
from scratchnet.types import Array


def differentiator(
    model: Any, loss: Callable[[Array, Any], Any]
) -> Callable[[Array, Array, list[Array]], tuple[float, dict[str, Array], dict[str, Array]]]:
    """Return a function that differentiates by autograd."""

    def differentiate(
        x: Array, y: Array, noise: list[Array]
    ) -> tuple[float, dict[str, Array], dict[str, Array]]:
        inputs = [torch.tensor(given) for given in (x, *noise)]
        outputs = model(inputs if noise else inputs[0], training=True)
        tensors = outputs if isinstance(outputs, dict) else {}
        try:
            value = loss(y, outputs)
        except RuntimeError as error:
            # Binary cross-entropy checks that predictions lie between 0 and 1.
            if any(bool(torch.isnan(tensor).any()) for tensor in tensors.values() or [outputs]):
                raise NotANumberError(f"Keras on torch: {error}") from error
            raise
        for penalty in model.losses:
            value = value + penalty
        weights = {name: variable.value for name, variable in trained(model).items()}
        sources = {**tensors, **weights}
        found = torch.autograd.grad(value, list(sources.values()), allow_unused=True)
        return (
            float(value.detach()),
            {name: tensor.detach().numpy() for name, tensor in tensors.items()},
            {
                name: gradient.numpy()
                for name, gradient in zip(sources, found, strict=True)
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
    """Return a function from sample orders to rows of the history; nothing is compiled."""
    inputs, targets = training
    val_inputs, val_targets = validation
    dtype = str(inputs.dtype).removeprefix("torch.")
    mean_loss = keras.metrics.Mean(dtype=dtype)
    weights = model.trainable_variables
    samples, batch_size = order.samples, order.batch_size or order.samples

    steps = 0

    def total_loss(batch_targets: Any, prediction: Any) -> Any:
        value = loss(batch_targets, prediction)
        for penalty in model.losses:
            value = value + penalty
        return value

    def predict() -> Any:
        if noise is None:
            return model(val_inputs, training=False)
        # In inference random layers ignore what they are given.
        ignored = [torch.tensor(n, dtype=inputs.dtype) for n in noise(0, len(val_inputs))]
        return model([val_inputs, *ignored], training=False)

    def train_step(chosen: Any) -> None:
        nonlocal steps
        batch = inputs[chosen]
        if noise is not None:
            given = [torch.tensor(n, dtype=inputs.dtype) for n in noise(steps, len(chosen))]
            batch = [batch, *given]
        steps += 1
        prediction = model(batch, training=True)
        value = total_loss(targets[chosen], prediction)
        gradients = torch.autograd.grad(value, [variable.value for variable in weights])
        with torch.no_grad():
            optimizer.apply(gradients, weights)
            mean_loss.update_state(value, sample_weight=len(chosen))
            accuracy.update_state(targets[chosen], prediction)

    def run_epochs(orders: Array) -> Array:
        rows = []
        for samples_in_order in torch.tensor(orders):
            mean_loss.reset_state()
            accuracy.reset_state()
            for start in range(0, samples, batch_size):
                train_step(samples_in_order[start : start + batch_size])
            trained = (mean_loss.result(), accuracy.result())
            with torch.no_grad():
                accuracy.reset_state()
                prediction = predict()
                accuracy.update_state(val_targets, prediction)
                validated = (total_loss(val_targets, prediction), accuracy.result())
            rows.append([float(value) for value in (*trained, *validated)])
        return np.array(rows, dtype)

    return run_epochs
