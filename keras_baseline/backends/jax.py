"""Keras on JAX: no tapes and no state, but functions that are differentiated and compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import keras
import numpy as np

from keras_baseline.weights import variables
from scratchnet.training import BatchOrder
from scratchnet.types import Array


def differentiator(
    model: Any, loss: Callable[[Array, Any], Any]
) -> Callable[[Array, Array], tuple[float, dict[str, Array], dict[str, Array]]]:
    """Return a compiled function that differentiates.

    To differentiate with respect to tensors inside the model, zeros are added to each, and the
    gradients of the zeros taken: the model has further inputs for them.
    """
    weights = variables(model)
    named = model.output if isinstance(model.output, dict) else {}

    def value_and_outputs(
        values: list[Any], added: list[Any], batch: Any, targets: Any
    ) -> tuple[Any, Any]:
        inputs = [batch, *added] if added else batch
        outputs, _ = model.stateless_call(values, [], inputs, training=True)
        return loss(targets, outputs), outputs

    compiled = jax.jit(jax.value_and_grad(value_and_outputs, argnums=(0, 1), has_aux=True))

    def differentiate(x: Array, y: Array) -> tuple[float, dict[str, Array], dict[str, Array]]:
        values = [variable.value for variable in weights.values()]
        zeros = [np.zeros((len(x), *output.shape[1:]), x.dtype) for output in named.values()]
        (value, outputs), (weight_gradients, gradients) = compiled(values, zeros, x, y)
        found = zip([*named, *weights], [*gradients, *weight_gradients], strict=True)
        return (
            float(value),
            {name: np.array(outputs[name]) for name in named},
            {name: np.array(gradient) for name, gradient in found},
        )

    return differentiate


def compile_epochs(
    model: Any,
    loss: Any,
    accuracy: Any,
    optimizer: Any,
    training: tuple[Any, Any],
    validation: tuple[Any, Any],
    order: BatchOrder,
) -> Callable[[Array], Array]:
    """Compile a function from sample orders to rows of the history."""
    inputs, targets = training
    val_inputs, val_targets = validation
    mean_loss = keras.metrics.Mean(dtype=inputs.dtype.name)
    samples, batch_size = order.samples, order.batch_size or order.samples

    def value_and_prediction(weights: Any, batch: Any, batch_targets: Any) -> tuple[Any, Any]:
        prediction, _ = model.stateless_call(weights, [], batch, training=True)
        return loss(batch_targets, prediction), prediction

    differentiated = jax.value_and_grad(value_and_prediction, has_aux=True)

    @jax.jit  # type: ignore[untyped-decorator]
    def train_step(state: Any, chosen: Any) -> Any:
        weights, slots, losses, hits = state
        batch_targets = targets[chosen]
        (value, prediction), gradients = differentiated(weights, inputs[chosen], batch_targets)
        weights, slots = optimizer.stateless_apply(slots, gradients, weights)
        losses = mean_loss.stateless_update_state(losses, value, sample_weight=chosen.shape[0])
        return (
            weights,
            slots,
            losses,
            accuracy.stateless_update_state(hits, batch_targets, prediction),
        )

    @jax.jit  # type: ignore[untyped-decorator]
    def end_epoch(weights: Any, losses: Any, hits: Any) -> Any:
        value, prediction = value_and_prediction(weights, val_inputs, val_targets)
        val_hits = accuracy.stateless_update_state(no_hits, val_targets, prediction)
        counts = [accuracy.stateless_result(found) for found in (hits, val_hits)]
        return mean_loss.stateless_result(losses), counts[0], value, counts[1]

    # Metrics make their variables at their first use.
    accuracy.update_state(val_targets[:1], model(val_inputs[:1]))
    accuracy.reset_state()
    no_losses = [variable.value for variable in mean_loss.variables]
    no_hits = [variable.value for variable in accuracy.variables]

    def run_epochs(orders: Array) -> Array:
        weights = [variable.value for variable in model.trainable_variables]
        slots = [variable.value for variable in optimizer.variables]
        rows = []
        for samples_in_order in orders:
            losses, hits = no_losses, no_hits
            for start in range(0, samples, batch_size):
                chosen = samples_in_order[start : start + batch_size]
                weights, slots, losses, hits = train_step((weights, slots, losses, hits), chosen)
            rows.append(end_epoch(weights, losses, hits))
        for variable, value in zip(model.trainable_variables, weights, strict=True):
            variable.assign(value)
        for variable, value in zip(optimizer.variables, slots, strict=True):
            variable.assign(value)
        return np.array(rows)

    return run_epochs
