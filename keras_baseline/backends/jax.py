"""Keras on JAX: no tapes and no state, but functions that are differentiated and compiled."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import keras
import numpy as np

from keras_baseline.backends import NoiseSource
from keras_baseline.weights import trained
from scratchnet.training import BatchOrder
from scratchnet.types import Array


def differentiator(
    model: Any, loss: Callable[[Array, Any], Any]
) -> Callable[[Array, Array, list[Array]], tuple[float, dict[str, Array], dict[str, Array]]]:
    """Return a compiled function that differentiates.

    To differentiate with respect to tensors inside the model, zeros are added to each, and the
    gradients of the zeros taken: the model has further inputs for them.
    """
    weights = trained(model)
    others = model.non_trainable_variables
    named = model.output if isinstance(model.output, dict) else {}

    def value_and_outputs(
        values: list[Any], added: list[Any], untrained: Any, batch: Any, noise: Any, targets: Any
    ) -> tuple[Any, Any]:
        every = [batch, *noise, *added]
        outputs, updated, penalties = model.stateless_call(
            values,
            untrained,
            every if len(every) > 1 else batch,
            training=True,
            return_losses=True,
        )
        return _total(loss(targets, outputs), penalties), (outputs, updated)

    compiled = jax.jit(jax.value_and_grad(value_and_outputs, argnums=(0, 1), has_aux=True))

    def differentiate(
        x: Array, y: Array, noise: list[Array]
    ) -> tuple[float, dict[str, Array], dict[str, Array]]:
        values = [variable.value for variable in weights.values()]
        untrained = [variable.value for variable in others]
        zeros = [np.zeros((len(x), *output.shape[1:]), x.dtype) for output in named.values()]
        (value, (outputs, updated)), (weight_gradients, gradients) = compiled(
            values, zeros, untrained, x, noise, y
        )
        for variable, left in zip(others, updated, strict=True):
            variable.assign(left)
        found = zip([*named, *weights], [*gradients, *weight_gradients], strict=True)
        return (
            float(value),
            {name: np.array(outputs[name]) for name in named},
            {name: np.array(gradient) for name, gradient in found},
        )

    return differentiate


def updater(optimizer: Any) -> Callable[[list[Any], list[Any]], None]:
    """Return a function that updates variables from their gradients, compiled as one.

    Called as it is, JAX would compile each operation of the rule for each shape of a weight.
    """
    compiled = jax.jit(optimizer.stateless_apply)

    def apply(gradients: list[Any], variables: list[Any]) -> None:
        slots = optimizer.variables
        found = compiled(
            [slot.value for slot in slots], gradients, [variable.value for variable in variables]
        )
        for variable, value in zip([*variables, *slots], [*found[0], *found[1]], strict=True):
            variable.assign(value)

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
    """Compile a function from sample orders to rows of the history."""
    inputs, targets = training
    val_inputs, val_targets = validation
    dtype = inputs.dtype.name
    mean_loss = keras.metrics.Mean(dtype=dtype)
    samples, batch_size = order.samples, order.batch_size or order.samples
    steps = 0

    def given(step: int, count: int) -> list[Any]:
        return [] if noise is None else [np.asarray(n, dtype) for n in noise(step, count)]

    # In inference random layers ignore what they are given.
    ignored = given(0, len(val_inputs))

    def value_and_prediction(
        weights: Any, untrained: Any, batch: Any, extra: Any, batch_targets: Any, learns: bool
    ) -> tuple[Any, Any]:
        prediction, updated, penalties = model.stateless_call(
            weights,
            untrained,
            [batch, *extra] if extra else batch,
            training=learns,
            return_losses=True,
        )
        return _total(loss(batch_targets, prediction), penalties), (prediction, updated)

    differentiated = jax.value_and_grad(value_and_prediction, has_aux=True)

    @jax.jit  # type: ignore[untyped-decorator]
    def train_step(state: Any, chosen: Any, extra: Any) -> Any:
        weights, untrained, slots, losses, hits = state
        batch_targets = targets[chosen]
        (value, (prediction, untrained)), gradients = differentiated(
            weights, untrained, inputs[chosen], extra, batch_targets, True
        )
        weights, slots = optimizer.stateless_apply(slots, gradients, weights)
        losses = mean_loss.stateless_update_state(losses, value, sample_weight=chosen.shape[0])
        hits = accuracy.stateless_update_state(hits, batch_targets, prediction)
        return weights, untrained, slots, losses, hits

    @jax.jit  # type: ignore[untyped-decorator]
    def end_epoch(weights: Any, untrained: Any, losses: Any, hits: Any) -> Any:
        value, (prediction, _) = value_and_prediction(
            weights, untrained, val_inputs, ignored, val_targets, False
        )
        val_hits = accuracy.stateless_update_state(no_hits, val_targets, prediction)
        counts = [accuracy.stateless_result(found) for found in (hits, val_hits)]
        return mean_loss.stateless_result(losses), counts[0], value, counts[1]

    # Metrics make their variables at their first use.
    accuracy.update_state(
        val_targets, model([val_inputs, *ignored] if ignored else val_inputs, training=False)
    )
    accuracy.reset_state()
    no_losses = [variable.value for variable in mean_loss.variables]
    no_hits = [variable.value for variable in accuracy.variables]

    def run_epochs(orders: Array) -> Array:
        nonlocal steps
        weights = [variable.value for variable in model.trainable_variables]
        untrained = [variable.value for variable in model.non_trainable_variables]
        slots = [variable.value for variable in optimizer.variables]
        rows = []
        for samples_in_order in orders:
            losses, hits = no_losses, no_hits
            for start in range(0, samples, batch_size):
                chosen = samples_in_order[start : start + batch_size]
                state = (weights, untrained, slots, losses, hits)
                extra = given(steps, len(chosen))
                weights, untrained, slots, losses, hits = train_step(state, chosen, extra)
                steps += 1
            rows.append(end_epoch(weights, untrained, losses, hits))
        for kept, values in (
            (model.trainable_variables, weights),
            (model.non_trainable_variables, untrained),
            (optimizer.variables, slots),
        ):
            for variable, value in zip(kept, values, strict=True):
                variable.assign(value)
        return np.array(rows)

    return run_epochs


def _total(loss: Any, penalties: Any) -> Any:
    """Add the penalties of regularizers to a loss."""
    for penalty in penalties:
        loss = loss + penalty
    return loss
